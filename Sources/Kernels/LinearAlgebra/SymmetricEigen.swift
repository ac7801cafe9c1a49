import Parallel

/// Eigenvalues w in ascending order and orthonormal eigenvectors (the columns of v) of symmetric matrices of order n, of
/// which the lower triangle is read. All is NaN where A holds NaN or infinities.
///
/// Householder's reduction to a tridiagonal matrix, then implicit QL steps (Golub and Van Loan, Matrix Computations,
/// 8.3), in Double for both types: the results of Float are those of its exact matrix, rounded.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func symmetricEigen<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ w: UnsafeMutablePointer<T>, _ v: UnsafeMutablePointer<T>, batch: Int, n: Int
) {
  T.requireSpecialization()
  guard batch > 0, n > 0 else { return }
  let perChunk = matricesPerChunk(work: 6 &* n &* n &* n)
  let bytes = (2 &* n &* n &+ 5 &* n) &* MemoryLayout<Double>.stride
  parallel((batch &+ perChunk &- 1) / perChunk, scratchBytes: bytes, (x, w, v, (batch, n, perChunk))) {
    context, chunk, scratch in
    let (x, w, v, (batch, n, perChunk)) = context
    let memory = scratch.assumingMemoryBound(to: Double.self)
    let work = Tridiagonal(matrix: memory, vectors: memory + n &* n, rows: memory + 2 &* n &* n, n: n)
    for matrix in chunk &* perChunk..<min(batch, (chunk &+ 1) &* perChunk) {
      let x = x + matrix &* n &* n
      let (w, v) = (w + matrix &* n, v + matrix &* n &* n)
      for i in 0..<n {
        for j in 0...i {
          let value = Double(x[i &* n &+ j])
          work.matrix[i &* n &+ j] = value
          work.matrix[j &* n &+ i] = value
        }
      }
      let scale = powerOfTwoScale(work.matrix, n &* n)
      guard scale > 0, work.decompose(scale: scale) else {
        w.update(repeating: .nan, count: n)
        v.update(repeating: .nan, count: n &* n)
        continue
      }
      for i in 0..<n {
        w[i] = T(work.values[i] / scale)
        for j in 0..<n { v[i &* n &+ j] = T(work.vectors[j &* n &+ i]) }
      }
    }
  }
}

/// A power of two that takes the largest element of a matrix to about 1, so that no square overflows; 0 when there are
/// NaN or infinities.
@inline(never)
func powerOfTwoScale(_ a: UnsafePointer<Double>, _ count: Int) -> Double {
  var (largest, isFinite) = (0.0, true)
  for i in 0..<count {
    let size = abs(a[i])
    if size > largest { largest = size }
    if !size.isFinite { isFinite = false }
  }
  guard isFinite else { return 0 }
  if largest == 0 { return 1 }
  // Beyond these exponents the scale or its reciprocal would not be a normal number.
  let exponent = max(-1_000, min(1_000, largest.exponent))
  return Double(sign: .plus, exponent: 0 - Int(exponent), significand: 1)
}

/// One symmetric matrix in full, on its way to its eigenvalues; `rows` are five rows of n for what is found on the way.
private struct Tridiagonal {
  let matrix, vectors, rows: UnsafeMutablePointer<Double>
  let n: Int

  /// The diagonal, in the end the eigenvalues.
  var values: UnsafeMutablePointer<Double> { rows }
  /// What stands beside the diagonal; its last element is 0.
  var beside: UnsafeMutablePointer<Double> { rows + n }
  var taus: UnsafeMutablePointer<Double> { rows + 2 &* n }
  /// Two rows, one behind the other: a product and a reflection's vector.
  var product: UnsafeMutablePointer<Double> { rows + 3 &* n }
  var vector: UnsafeMutablePointer<Double> { rows + 4 &* n }

  /// Eigenvalues in ascending order, and eigenvectors as rows; false if the iteration does not converge.
  @inline(__always)
  func decompose(scale: Double) -> Bool {
    for i in 0..<n &* n { matrix[i] *= scale }
    reduce()
    accumulate()
    guard iterate() else { return false }
    sort()
    return true
  }

  /// `H[n-3]···H[0]·A·H[0]···H[n-3]` is tridiagonal; each vector of a reflection stays in its row of the matrix.
  @inline(__always)
  private func reduce() {
    for k in 0..<max(0, n &- 2) {
      let count = n &- 1 &- k
      let row = matrix + (k &* n &+ k &+ 1)
      values[k] = row[-1]
      let rest = dotProduct(UnsafePointer(row + 1), UnsafePointer(row + 1), count &- 1)
      let alpha = row[0]
      row[0] = 1
      if rest == 0 {
        (beside[k], taus[k]) = (alpha, 0)
        continue
      }
      let length = (alpha * alpha + rest).squareRoot()
      let beta = alpha < 0 ? length : -length
      let tau = (beta - alpha) / beta
      (beside[k], taus[k]) = (beta, tau)
      for i in 1..<count { row[i] /= alpha - beta }
      vector.update(from: UnsafePointer(row), count: count)
      let trailing = matrix + (k &+ 1) &* (n &+ 1)
      var overlap = 0.0
      for i in 0..<count {
        let value = tau * dotProduct(UnsafePointer(trailing + i &* n), UnsafePointer(vector), count)
        product[i] = value
        overlap += value * vector[i]
      }
      subtractMultiple(product, count, tau / 2 * overlap, UnsafePointer(vector))
      // A -= v·pᵀ + p·vᵀ: the factors of p and of v are v[i] and, one row before it, p[i].
      for i in 0..<count {
        subtractProducts(
          trailing + i &* n, count, UnsafePointer(vector + i), step: 0 &- n, UnsafePointer(product), pitch: n, count: 2)
      }
    }
    if n > 1 {
      values[n &- 2] = matrix[(n &- 2) &* (n &+ 1)]
      beside[n &- 2] = matrix[(n &- 2) &* (n &+ 1) &+ 1]
    }
    values[n &- 1] = matrix[n &* n &- 1]
    beside[n &- 1] = 0
  }

  /// The product of the reflections, as rows.
  @inline(__always)
  private func accumulate() {
    storeIdentity(vectors, rows: n, columns: n)
    for turn in 0..<max(0, n &- 2) {
      let k = n &- 3 &- turn
      if taus[k] == 0 { continue }
      let count = n &- 1 &- k
      let reflection = UnsafePointer(matrix + (k &* n &+ k &+ 1))
      for i in k &+ 1..<n {
        let row = vectors + (i &* n &+ k &+ 1)
        subtractMultiple(row, count, taus[k] * dotProduct(UnsafePointer(row), reflection, count), reflection)
      }
    }
  }

  /// Implicit QL steps with Wilkinson's shift until nothing is left beside the diagonal.
  @inline(__always)
  private func iterate() -> Bool {
    let (d, e) = (values, beside)
    for first in 0..<n {
      var turns = 0
      while true {
        var last = first
        while last < n &- 1 {
          let size = abs(d[last]) + abs(d[last &+ 1])
          if size + abs(e[last]) == size { break }
          last &+= 1
        }
        if last == first { break }
        turns &+= 1
        if turns > 60 { return false }
        var g = (d[first &+ 1] - d[first]) / (2 * e[first])
        let root = (g * g + 1).squareRoot()
        g = d[last] - d[first] + e[first] / (g < 0 ? g - root : g + root)
        var (s, c, p) = (1.0, 1.0, 0.0)
        var i = last &- 1
        var isSplit = false
        while i >= first {
          let (f, b) = (s * e[i], c * e[i])
          let rotation = Rotation(g, f)
          e[i &+ 1] = rotation.length
          if rotation.length == 0 {
            d[i &+ 1] -= p
            e[last] = 0
            isSplit = true
            break
          }
          (c, s) = (rotation.c, rotation.s)
          g = d[i &+ 1] - p
          let r = (d[i] - g) * s + 2 * c * b
          p = s * r
          d[i &+ 1] = g + p
          g = c * r - b
          rotateRows(vectors + (i &+ 1) &* n, vectors + i &* n, n, c: c, s: s)
          i &-= 1
        }
        if isSplit { continue }
        d[first] -= p
        e[first] = g
        e[last] = 0
      }
    }
    return true
  }

  @inline(__always)
  private func sort() {
    for i in 0..<n {
      var smallest = i
      for j in i &+ 1..<max(i &+ 1, n) where values[j] < values[smallest] { smallest = j }
      if smallest == i { continue }
      swapRows(values + i, values + smallest, 1)
      swapRows(vectors + i &* n, vectors + smallest &* n, n)
    }
  }
}

/// The plane rotation `(c, s)` with `c·x + s·y = length` and `c·y - s·x = 0`; none for x = y = 0.
struct Rotation {
  let c, s, length: Double

  @inline(__always)
  init(_ x: Double, _ y: Double) {
    let larger = max(abs(x), abs(y))
    if larger == 0 {
      (c, s, length) = (1, 0, 0)
      return
    }
    // Squares of what is very small would vanish.
    let (u, v) = larger < 1e-140 ? (x / larger, y / larger) : (x, y)
    let root = (u * u + v * v).squareRoot()
    (c, s, length) = (u / root, v / root, larger < 1e-140 ? root * larger : root)
  }
}
