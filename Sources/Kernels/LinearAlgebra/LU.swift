import Parallel

/// Columns that are factored before the rest of the matrix is updated.
private let panelWidth = 32

/// The factors of each (m, n) matrix by rows with partial pivoting: `A[permutation] = L·U`.
///
/// `lu` holds U in its upper triangle and L, whose diagonal is 1, below. In step i row i was exchanged with row
/// `pivots[i]`, for min(m, n) steps; `permutation` has m entries. A pivot of 0 stays where it is, and its column below is
/// 0; NaN is taken for the largest pivot.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func luFactor<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ lu: UnsafeMutablePointer<T>, _ pivots: UnsafeMutablePointer<Int32>,
  _ permutation: UnsafeMutablePointer<Int64>, batch: Int, m: Int, n: Int
) {
  T.requireSpecialization()
  guard batch > 0, m > 0 else { return }
  forEachMatrix(batch, work: m &* n &* min(m, n) / 3, (x, lu, pivots, permutation, (m, n))) { context, matrix in
    let (x, lu, pivots, permutation, (m, n)) = context
    let count = min(m, n)
    let a = lu + matrix &* m &* n
    a.update(from: x + matrix &* m &* n, count: m &* n)
    let (own, order) = (pivots + matrix &* count, permutation + matrix &* m)
    var first = 0
    while first < count {
      let width = min(panelWidth, count &- first)
      factorPanel(a, own, first: first, width: width, m, n)
      updateBehind(a, first: first, width: width, m, n)
      first &+= width
    }
    for i in 0..<m { order[i] = Int64(i) }
    for i in 0..<count {
      let other = Int(own[i])
      let row = order[i]
      order[i] = order[other]
      order[other] = row
    }
  }
}

/// Factors columns `first..<first + width` from row `first` on; whole rows are exchanged.
@inline(__always)
private func factorPanel<T: KernelScalar>(
  _ a: UnsafeMutablePointer<T>, _ pivots: UnsafeMutablePointer<Int32>, first: Int, width: Int, _ m: Int, _ n: Int
) {
  let end = first &+ width
  for j in first..<end {
    var (best, size) = (j, abs(a[j &* n &+ j]))
    for i in j &+ 1..<max(j &+ 1, m) {
      let candidate = abs(a[i &* n &+ j])
      if candidate > size || (candidate.isNaN && !size.isNaN) { (best, size) = (i, candidate) }
    }
    pivots[j] = Int32(truncatingIfNeeded: best)
    if best != j { swapRows(a + j &* n, a + best &* n, n) }
    let row = a + j &* n
    let pivot = row[j]
    if pivot == 0 { continue }
    for i in j &+ 1..<max(j &+ 1, m) {
      let other = a + i &* n
      let factor = other[j] / pivot
      other[j] = factor
      subtractMultiple(other + (j &+ 1), end &- j &- 1, factor, UnsafePointer(row + (j &+ 1)))
    }
  }
}

/// Brings the columns behind a factored panel up to date.
@inline(__always)
private func updateBehind<T: KernelScalar>(
  _ a: UnsafeMutablePointer<T>, first: Int, width: Int, _ m: Int, _ n: Int
) {
  let end = first &+ width
  guard end < n else { return }
  let rows = UnsafePointer(a + (first &* n &+ end))
  // Rows of the panel itself depend on those above them, rows below it on all of the panel.
  for i in first &+ 1..<max(first &+ 1, min(end, m)) {
    subtractProducts(
      a + (i &* n &+ end), n &- end, UnsafePointer(a + (i &* n &+ first)), step: 1, rows, pitch: n, count: i &- first)
  }
  subtractProduct(
    a + (end &* n &+ end), pitch: n, Block(start: UnsafePointer(a + (end &* n &+ first)), row: n, column: 1),
    Block(start: rows, row: n, column: 1), m: m &- end, n: n &- end, k: width)
}
