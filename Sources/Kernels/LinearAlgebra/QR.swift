import Parallel

/// `A = Q·R` of each (m, n) matrix by Householder reflections, with LAPACK's signs.
///
/// Q is (m, size) and R (size, n) with size = min(m, n), or m for the complete factors.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func qrFactor<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ q: UnsafeMutablePointer<T>, _ r: UnsafeMutablePointer<T>, batch: Int, m: Int, n: Int,
  size: Int
) {
  T.requireSpecialization()
  guard batch > 0, m > 0 else { return }
  let perChunk = matricesPerChunk(work: 2 &* m &* max(n, size) &* min(m, n))
  let elements = m &* n &+ m &+ max(n, size) &+ min(m, n)
  parallel(
    (batch &+ perChunk &- 1) / perChunk, scratchBytes: elements &* MemoryLayout<T>.stride,
    (x, q, r, (batch, m, n, size, perChunk))
  ) { context, chunk, scratch in
    let (x, q, r, (batch, m, n, size, perChunk)) = context
    let a = scratch.assumingMemoryBound(to: T.self)
    let work = ReflectorWork(vector: a + m &* n, products: a + (m &* n &+ m))
    let taus = work.products + max(n, size)
    let count = min(m, n)
    for matrix in chunk &* perChunk..<min(batch, (chunk &+ 1) &* perChunk) {
      a.update(from: x + matrix &* m &* n, count: m &* n)
      for k in 0..<count {
        taus[k] = makeReflector(a + k &* (n &+ 1), pitch: n, count: m &- k)
        work.apply(
          a + k &* (n &+ 1), aPitch: n, tau: taus[k], to: a + (k &* (n &+ 1) &+ 1), pitch: n, m &- k, n &- k &- 1)
      }
      let (q, r) = (q + matrix &* m &* size, r + matrix &* size &* n)
      for i in 0..<size {
        let below = min(i, n)
        (r + i &* n).update(repeating: 0, count: below)
        (r + (i &* n &+ below)).update(from: UnsafePointer(a + (i &* n &+ below)), count: n &- below)
      }
      storeIdentity(q, rows: m, columns: size)
      for turn in 0..<count {
        let k = count &- 1 &- turn
        work.apply(
          a + k &* (n &+ 1), aPitch: n, tau: taus[k], to: q + k &* (size &+ 1), pitch: size, m &- k, size &- k)
      }
    }
  }
}

/// Replaces the column x by (beta, v[1], v[2], …) such that `(I - tau·v·vᵀ)·x = (beta, 0, …)` with v[0] = 1; returns tau.
///
/// A column that is 0 below its first element is left as it is: tau is 0.
@inline(__always)
private func makeReflector<T: KernelScalar>(_ x: UnsafeMutablePointer<T>, pitch: Int, count: Int) -> T {
  let rest = euclideanNorm(UnsafePointer(x + pitch), step: pitch, count &- 1)
  if rest == 0 { return 0 }
  let alpha = Double(x[0])
  let larger = max(abs(alpha), rest)
  let (u, v) = (alpha / larger, rest / larger)
  let length = larger * (u * u + v * v).squareRoot()
  let beta = alpha < 0 ? length : -length
  // In Double, where the difference cannot overflow for Float; alpha and beta have opposite signs.
  let divisor = alpha - beta
  for i in 1..<max(1, count) { x[i &* pitch] = T(Double(x[i &* pitch]) / divisor) }
  x[0] = T(beta)
  return T((beta - alpha) / beta)
}

private struct ReflectorWork<T: KernelScalar> {
  let vector, products: UnsafeMutablePointer<T>

  /// `C -= tau·v·(vᵀ·C)` on (rows, columns) of a matrix, v being stored in a column behind its first element.
  @inline(__always)
  func apply(
    _ v: UnsafeMutablePointer<T>, aPitch: Int, tau: T, to c: UnsafeMutablePointer<T>, pitch: Int, _ rows: Int,
    _ columns: Int
  ) {
    if tau == 0 || columns == 0 { return }
    vector[0] = 1
    for i in 1..<max(1, rows) { vector[i] = v[i &* aPitch] }
    // -vᵀ·C
    products.update(repeating: 0, count: columns)
    subtractProducts(products, columns, UnsafePointer(vector), step: 1, UnsafePointer(c), pitch: pitch, count: rows)
    for i in 0..<rows { subtractMultiple(c + i &* pitch, columns, -(tau * vector[i]), UnsafePointer(products)) }
  }
}
