import Parallel

/// `A = U·diag(s)·Vᵀ` of each (m, n) matrix, s in descending order.
///
/// With `full` U is (m, m) and Vᵀ (n, n), else (m, k) and (k, n), k = min(m, n). Without `u` and `vt` only s is computed.
/// All is NaN where A holds NaN or infinities. In Double for both types, as `symmetricEigen`.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func singularValues<T: KernelScalar>(
  _ x: UnsafePointer<T>, u: UnsafeMutablePointer<T>?, s: UnsafeMutablePointer<T>, vt: UnsafeMutablePointer<T>?,
  batch: Int, m: Int, n: Int, full: Bool
) {
  T.requireSpecialization()
  guard batch > 0, m > 0 || n > 0 else { return }
  // Worked on is A, or its transpose when that is the taller one, by columns.
  let (p, q) = (max(m, n), min(m, n))
  let perChunk = matricesPerChunk(work: 10 &* p &* q &* q)
  let elements = Bidiagonal.elements(p: p, q: q, leftCount: full ? p : q)
  parallel(
    (batch &+ perChunk &- 1) / perChunk, scratchBytes: elements &* MemoryLayout<Double>.stride,
    (x, u, s, vt, (batch, m, n, full, perChunk))
  ) { context, chunk, scratch in
    let (x, u, s, vt, (batch, m, n, full, perChunk)) = context
    let isTall = m >= n
    let (p, q) = (max(m, n), min(m, n))
    let leftCount = full ? p : q
    let work = Bidiagonal(
      scratch.assumingMemoryBound(to: Double.self), p: p, q: q, leftCount: leftCount, wantsVectors: u != nil)
    for matrix in chunk &* perChunk..<min(batch, (chunk &+ 1) &* perChunk) {
      let x = x + matrix &* m &* n
      for j in 0..<q {
        let column = work.columns + j &* p
        for i in 0..<p { column[i] = Double(isTall ? x[i &* n &+ j] : x[j &* n &+ i]) }
      }
      let s = s + matrix &* q
      let scale = powerOfTwoScale(UnsafePointer(work.columns), p &* q)
      let isFound = scale > 0 && work.decompose(scale: scale)
      for j in 0..<q { s[j] = isFound ? T(work.values[j] / scale) : .nan }
      guard let u, let vt else { continue }
      let left = Vectors(rows: isFound ? UnsafePointer(work.left) : nil, count: leftCount, length: p)
      let right = Vectors(rows: isFound ? UnsafePointer(work.right) : nil, count: q, length: q)
      (isTall ? left : right).storeAsColumns(u + matrix &* m &* (isTall ? leftCount : m))
      (isTall ? right : left).storeAsRows(vt + matrix &* n &* (isTall ? n : leftCount))
    }
  }
}

/// Vectors that lie one behind the other, or (without memory) vectors of NaN.
private struct Vectors {
  let rows: UnsafePointer<Double>?
  let count, length: Int

  @inline(__always)
  func storeAsRows<T: KernelScalar>(_ y: UnsafeMutablePointer<T>) {
    guard let rows else { return y.update(repeating: .nan, count: count &* length) }
    for i in 0..<count &* length { y[i] = T(rows[i]) }
  }

  @inline(__always)
  func storeAsColumns<T: KernelScalar>(_ y: UnsafeMutablePointer<T>) {
    guard let rows else { return y.update(repeating: .nan, count: count &* length) }
    for i in 0..<length {
      for j in 0..<count { y[i &* count &+ j] = T(rows[j &* length &+ i]) }
    }
  }
}
