import Parallel

/// The lower triangular L with `A = L·Lᵀ` of each symmetric matrix of order n, of which the lower triangle is read.
///
/// Where A is not positive definite (or holds NaN there) the lower triangle of L is NaN. y may equal x.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func cholesky<T: KernelScalar>(_ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, batch: Int, n: Int) {
  guard batch > 0, n > 0 else { return }
  let perChunk = matricesPerChunk(work: n &* n &* n / 6)
  parallel((batch &+ perChunk &- 1) / perChunk, (x, y, (batch, n, perChunk))) { context, chunk in
    let (x, y, (batch, n, perChunk)) = context
    for matrix in chunk &* perChunk..<min(batch, (chunk &+ 1) &* perChunk) {
      let start = matrix &* n &* n
      let isDefinite = factorRows(x + start, y + start, n)
      for i in 0..<n {
        let row = y + (start &+ i &* n)
        if !isDefinite { row.update(repeating: .nan, count: i &+ 1) }
        (row + (i &+ 1)).update(repeating: 0, count: n &- 1 &- i)
      }
    }
  }
}

/// Row by row, each from the rows above it; false when a pivot is not positive.
@inline(__always)
private func factorRows<T: KernelScalar>(_ a: UnsafePointer<T>, _ l: UnsafeMutablePointer<T>, _ n: Int) -> Bool {
  for i in 0..<n {
    let row = l + i &* n
    for j in 0..<i {
      let above = l + j &* n
      row[j] = (a[i &* n &+ j] - dotProduct(UnsafePointer(row), UnsafePointer(above), j)) / above[j]
    }
    let pivot = a[i &* n &+ i] - dotProduct(UnsafePointer(row), UnsafePointer(row), i)
    guard pivot > 0 else { return false }
    row[i] = pivot.squareRoot()
  }
  return true
}
