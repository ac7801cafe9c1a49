import Parallel

/// Columns that are factored before the rest of the matrix is updated.
private let panelWidth = 64
/// Columns of the rest that are updated at a time, from the diagonal down.
private let updateWidth = 128

/// The lower triangular L with `A = L·Lᵀ` of each symmetric matrix of order n, of which the lower triangle is read.
///
/// Where A is not positive definite (or holds NaN there) the lower triangle of L is NaN. y may equal x.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func cholesky<T: KernelScalar>(_ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, batch: Int, n: Int) {
  T.requireSpecialization()
  guard batch > 0, n > 0 else { return }
  forEachMatrix(batch, work: n &* n &* n / 6, (x, y, n)) { context, matrix in
    let (x, y, n) = context
    let (a, l) = (x + matrix &* n &* n, y + matrix &* n &* n)
    for i in 0..<n {
      if UnsafePointer(l) != a { (l + i &* n).update(from: a + i &* n, count: i &+ 1) }
      (l + (i &* n &+ i &+ 1)).update(repeating: 0, count: n &- 1 &- i)
    }
    if factor(l, n) { return }
    for i in 0..<n { (l + i &* n).update(repeating: .nan, count: i &+ 1) }
  }
}

/// Panel by panel, in place; false when a pivot is not positive.
@inline(__always)
private func factor<T: KernelScalar>(_ l: UnsafeMutablePointer<T>, _ n: Int) -> Bool {
  var first = 0
  while first < n {
    let width = min(panelWidth, n &- first)
    let end = first &+ width
    let panel = l + first
    for i in first..<end {
      solveRow(panel + i &* n, UnsafePointer(panel + first &* n), i &- first, pitch: n)
      let row = panel + i &* n
      let pivot = row[i &- first] - dotProduct(UnsafePointer(row), UnsafePointer(row), i &- first)
      guard pivot > 0 else { return false }
      row[i &- first] = pivot.squareRoot()
    }
    solveBelow(panel + end &* n, UnsafePointer(panel + first &* n), rows: n &- end, width, pitch: n)
    var column = end
    while column < n {
      let columns = min(updateWidth, n &- column)
      let rows = Block(start: UnsafePointer(panel + column &* n), row: n, column: 1)
      let transposed = Block(start: rows.start, row: 1, column: n)
      // Nothing is written above the diagonal but what is put back to zero below.
      subtractProduct(l + (column &* n &+ column), pitch: n, rows, transposed, m: n &- column, n: columns, k: width)
      for i in column..<column &+ columns {
        (l + (i &* n &+ i &+ 1)).update(repeating: 0, count: column &+ columns &- 1 &- i)
      }
      column &+= columns
    }
    first = end
  }
  return true
}

/// The first `count` elements of a row of L from those of A, by the rows of the triangle above.
@inline(__always)
private func solveRow<T: KernelScalar>(
  _ row: UnsafeMutablePointer<T>, _ triangle: UnsafePointer<T>, _ count: Int, pitch: Int
) {
  for j in 0..<count {
    let above = triangle + j &* pitch
    row[j] = (row[j] - dotProduct(UnsafePointer(row), above, j)) / above[j]
  }
}

/// The rows of L below a panel's triangle: a vector of them at a time, each lane one row.
@inline(__always)
private func solveBelow<T: KernelScalar>(
  _ below: UnsafeMutablePointer<T>, _ triangle: UnsafePointer<T>, rows: Int, _ width: Int, pitch: Int
) {
  let lanes = T.Vector.scalarCount
  parallel(
    (rows &+ lanes &- 1) / lanes, scratchBytes: width &* lanes &* MemoryLayout<T>.stride,
    (below, triangle, (rows, width, pitch))
  ) { context, chunk, scratch in
    let (below, triangle, (rows, width, pitch)) = context
    let lanes = T.Vector.scalarCount
    let first = below + chunk &* lanes &* pitch
    let count = min(lanes, rows &- chunk &* lanes)
    guard count == lanes && width % lanes == 0 else {
      for i in 0..<count { solveRow(first + i &* pitch, triangle, width, pitch: pitch) }
      return
    }
    let columns = scratch.assumingMemoryBound(to: T.self)
    for k in stride(from: 0, to: width, by: lanes) {
      T.transposeSquare(UnsafePointer(first + k), pitch, columns + k &* lanes, lanes)
    }
    for j in 0..<width {
      let factors = triangle + j &* pitch
      // In two sums, which do not wait for each other.
      var (sum, other) = (columns.vector(at: j &* lanes), T.Vector.zero)
      var k = 0
      while k &+ 2 <= j {
        sum = T.multiplyAdd(T.Vector(repeating: -factors[k]), columns.vector(at: k &* lanes), sum)
        other = T.multiplyAdd(T.Vector(repeating: -factors[k &+ 1]), columns.vector(at: (k &+ 1) &* lanes), other)
        k &+= 2
      }
      if k < j { sum = T.multiplyAdd(T.Vector(repeating: -factors[k]), columns.vector(at: k &* lanes), sum) }
      columns.store((sum + other) / T.Vector(repeating: factors[j]), at: j &* lanes)
    }
    for k in stride(from: 0, to: width, by: lanes) {
      T.transposeSquare(UnsafePointer(columns + k &* lanes), lanes, first + k, pitch)
    }
  }
}
