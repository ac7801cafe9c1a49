import Parallel

/// Right-hand sides that one chunk solves for.
private let columnsPerChunk = 64

/// Which matrices of two batches belong together: `nil` where both batches are the same.
public struct BatchPairs {
  public let count: Int
  /// Which matrix on the left, which on the right each result is made of.
  public let left, right: UnsafePointer<Int>?

  public init(count: Int, left: UnsafePointer<Int>?, right: UnsafePointer<Int>?) {
    self.count = count
    self.left = left
    self.right = right
  }

  @inline(__always)
  func leftIndex(_ result: Int) -> Int {
    guard let left else { return result }
    return left[result]
  }

  @inline(__always)
  func rightIndex(_ result: Int) -> Int {
    guard let right else { return result }
    return right[result]
  }
}

/// Solves `op(T)·X = B` for triangular matrices T of order n and B of (n, columns).
///
/// Only the lower (or upper) triangle of T is read, without its diagonal when that counts as 1; op(T) is T or its
/// transpose. Where there is a 0 on the diagonal X is NaN.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func triangularSolve<T: KernelScalar>(
  _ t: UnsafePointer<T>, _ b: UnsafePointer<T>, _ x: UnsafeMutablePointer<T>, _ pairs: BatchPairs, n: Int,
  columns: Int, upper: Bool, transposed: Bool, unitDiagonal: Bool
) {
  T.requireSpecialization()
  guard pairs.count > 0, n > 0, columns > 0 else { return }
  let strips = (columns &+ columnsPerChunk &- 1) / columnsPerChunk
  let jobs = pairs.count &* strips
  let perChunk = matricesPerChunk(work: n &* n &* min(columns, columnsPerChunk) / 2)
  let triangle = Triangular(upper: upper, transposed: transposed, unitDiagonal: unitDiagonal)
  parallel((jobs &+ perChunk &- 1) / perChunk, (t, b, x, pairs, triangle, (n, columns, strips, jobs, perChunk))) {
    context, chunk in
    let (t, b, x, pairs, triangle, (n, columns, strips, jobs, perChunk)) = context
    for job in chunk &* perChunk..<min(jobs, (chunk &+ 1) &* perChunk) {
      let (matrix, strip) = (job / strips, job % strips)
      let first = strip &* columnsPerChunk
      let width = min(columnsPerChunk, columns &- first)
      let t = t + pairs.leftIndex(matrix) &* n &* n
      let b = b + (pairs.rightIndex(matrix) &* n &* columns &+ first)
      let x = x + (matrix &* n &* columns &+ first)
      for i in 0..<n { (x + i &* columns).update(from: b + i &* columns, count: width) }
      solveInPlace(t, triangle, x, pitch: columns, n: n, width: width)
    }
  }
}

/// Solves `op(A)·X = B` with A = L·U factored by rows: what `luFactor` gave for A of order n.
///
/// B and X are (n, columns). Where A is singular X is NaN. Rows that a permutation cannot have are taken for the nearest.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func luSolve<T: KernelScalar>(
  _ lu: UnsafePointer<T>, _ permutation: UnsafePointer<Int64>, _ b: UnsafePointer<T>, _ x: UnsafeMutablePointer<T>,
  _ pairs: BatchPairs, n: Int, columns: Int, transposed: Bool
) {
  T.requireSpecialization()
  guard pairs.count > 0, n > 0, columns > 0 else { return }
  let strips = (columns &+ columnsPerChunk &- 1) / columnsPerChunk
  let jobs = pairs.count &* strips
  let perChunk = matricesPerChunk(work: n &* n &* min(columns, columnsPerChunk))
  let bytes = n &* min(columns, columnsPerChunk) &* MemoryLayout<T>.stride
  parallel(
    (jobs &+ perChunk &- 1) / perChunk, scratchBytes: bytes,
    (lu, permutation, b, x, pairs, (n, columns, strips, jobs, perChunk, transposed))
  ) { context, chunk, scratch in
    let (lu, permutation, b, x, pairs, (n, columns, strips, jobs, perChunk, transposed)) = context
    let work = scratch.assumingMemoryBound(to: T.self)
    for job in chunk &* perChunk..<min(jobs, (chunk &+ 1) &* perChunk) {
      let (matrix, strip) = (job / strips, job % strips)
      let first = strip &* columnsPerChunk
      let width = min(columnsPerChunk, columns &- first)
      let left = pairs.leftIndex(matrix)
      let (lu, permutation) = (lu + left &* n &* n, permutation + left &* n)
      let b = b + (pairs.rightIndex(matrix) &* n &* columns &+ first)
      let x = x + (matrix &* n &* columns &+ first)
      let lower = Triangular(upper: false, transposed: transposed, unitDiagonal: true)
      let upper = Triangular(upper: true, transposed: transposed, unitDiagonal: false)
      if transposed {
        // Aᵀ = Uᵀ·Lᵀ·P
        for i in 0..<n { (work + i &* width).update(from: b + i &* columns, count: width) }
        solveInPlace(lu, upper, work, pitch: width, n: n, width: width)
        solveInPlace(lu, lower, work, pitch: width, n: n, width: width)
        for i in 0..<n {
          (x + rowIndex(permutation[i], n) &* columns).update(from: UnsafePointer(work + i &* width), count: width)
        }
      } else {
        for i in 0..<n { (work + i &* width).update(from: b + rowIndex(permutation[i], n) &* columns, count: width) }
        solveInPlace(lu, lower, work, pitch: width, n: n, width: width)
        solveInPlace(lu, upper, work, pitch: width, n: n, width: width)
        for i in 0..<n { (x + i &* columns).update(from: UnsafePointer(work + i &* width), count: width) }
      }
    }
  }
}

@inline(__always)
private func rowIndex(_ index: Int64, _ n: Int) -> Int { Int(max(0, min(Int64(n) &- 1, index))) }

private struct Triangular {
  let upper, transposed, unitDiagonal: Bool
}

/// Substitution, row after row of X: `x[i] = (b[i] - Σ op(T)[i, k]·x[k]) / op(T)[i, i]` over the rows k that are known.
@inline(__always)
private func solveInPlace<T: KernelScalar>(
  _ t: UnsafePointer<T>, _ kind: Triangular, _ x: UnsafeMutablePointer<T>, pitch: Int, n: Int, width: Int
) {
  if !kind.unitDiagonal {
    for i in 0..<n where t[i &* (n &+ 1)] == 0 {
      for row in 0..<n { (x + row &* pitch).update(repeating: .nan, count: width) }
      return
    }
  }
  let descends = kind.upper != kind.transposed
  for turn in 0..<n {
    let i = descends ? n &- 1 &- turn : turn
    let known = descends ? i &+ 1 : 0
    let row = x + i &* pitch
    let factors = t + (kind.transposed ? known &* n &+ i : i &* n &+ known)
    let rows = UnsafePointer(x + known &* pitch)
    if width == 1 && pitch == 1 && !kind.transposed {
      row[0] -= dotProduct(factors, rows, turn)
    } else {
      subtractProducts(row, width, factors, step: kind.transposed ? n : 1, rows, pitch: pitch, count: turn)
    }
    if !kind.unitDiagonal {
      let pivot = t[i &* (n &+ 1)]
      for j in 0..<width { row[j] /= pivot }
    }
  }
}
