import Parallel

/// Side of the square tiles that transposition works on: both sides of one stay in the first cache.
private let tileSide = 64

/// Copies as the plan says, for elements of 1, 4 or 8 bytes; x and y do not overlap. Elements of y that the plan does
/// not reach keep their values.
public func copyStrided(
  _ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ plan: StridedCopy, elementBytes: Int
) {
  guard plan.count > 0 else { return }
  switch elementBytes {
  case 1: runCopy(x.assumingMemoryBound(to: UInt8.self), y.assumingMemoryBound(to: UInt8.self), plan)
  case 4: runCopy(x.assumingMemoryBound(to: UInt32.self), y.assumingMemoryBound(to: UInt32.self), plan)
  default: runCopy(x.assumingMemoryBound(to: UInt64.self), y.assumingMemoryBound(to: UInt64.self), plan)
  }
}

/// The same, with zeros where the plan does not reach: the adjoint of a slice, given the slice's `adjoint` plan.
public func copyStridedOverZeros(
  _ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ plan: StridedCopy, elementBytes: Int
) {
  y.initializeMemory(as: UInt8.self, repeating: 0, count: plan.destinationCount &* elementBytes)
  copyStrided(x, y, plan, elementBytes: elementBytes)
}

/// `y = value` but for the part that x fills: plan made by `StridedCopy(padding:before:after:)`.
@_specialize(where T == Float)
@_specialize(where T == Double)
@_specialize(where T == Int32)
@_specialize(where T == Int64)
@_specialize(where T == UInt8)
public func padConstant<T: BitwiseCopyable>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ plan: StridedCopy, value: T
) {
  fill(y, plan.destinationCount, value)
  copyStrided(x, y, plan, elementBytes: MemoryLayout<T>.stride)
}

private func runCopy<E: FixedWidthInteger & SIMDScalar>(
  _ x: UnsafePointer<E>, _ y: UnsafeMutablePointer<E>, _ plan: StridedCopy
) {
  switch plan.form {
  case .runs: copyRuns(x, y, plan)
  case .blocks: copyBlocks(x, y, plan)
  case .elements: copyElements(x, y, plan)
  }
}

private func copyRuns<E: FixedWidthInteger & SIMDScalar>(
  _ x: UnsafePointer<E>, _ y: UnsafeMutablePointer<E>, _ plan: StridedCopy
) {
  let length = plan.extents[plan.rank &- 1]
  let piece = min(length, elementwiseChunk)
  let piecesPerRun = (length &+ piece &- 1) / piece
  let pieces = plan.count / length &* piecesPerRun
  let perChunk = max(1, elementwiseChunk / piece)
  parallel((pieces &+ perChunk &- 1) / perChunk, (x, y, plan, (piece, piecesPerRun, pieces, perChunk))) {
    context, chunk in
    let (x, y, plan, (piece, piecesPerRun, pieces, perChunk)) = context
    let length = plan.extents[plan.rank &- 1]
    for index in chunk &* perChunk..<min(pieces, (chunk &+ 1) &* perChunk) {
      let run = piecesPerRun == 1 ? index : index / piecesPerRun
      let start = (index &- run &* piecesPerRun) &* piece
      let (from, to) = plan.offsets(run, axes: plan.rank &- 1)
      let (source, destination) = (x + (from &+ start), y + (to &+ start))
      let n = min(piece, length &- start)
      if n < 8 {
        // Too short to pay for a call of memcpy.
        for i in 0..<n { destination[i] = source[i] }
      } else {
        UnsafeMutableRawPointer(destination).copyMemory(from: source, byteCount: n &* MemoryLayout<E>.stride)
      }
    }
  }
}

private func copyElements<E: FixedWidthInteger & SIMDScalar>(
  _ x: UnsafePointer<E>, _ y: UnsafeMutablePointer<E>, _ plan: StridedCopy
) {
  let last = plan.rank &- 1
  let rows = plan.count / plan.extents[last]
  let perChunk = max(1, elementwiseChunk / plan.extents[last])
  parallel((rows &+ perChunk &- 1) / perChunk, (x, y, plan, (rows, perChunk))) { context, chunk in
    let (x, y, plan, (rows, perChunk)) = context
    let last = plan.rank &- 1
    let (n, xStride, yStride) = (plan.extents[last], plan.sourceStrides[last], plan.destinationStrides[last])
    for row in chunk &* perChunk..<min(rows, (chunk &+ 1) &* perChunk) {
      let (from, to) = plan.offsets(row, axes: last)
      let (source, destination) = (x + from, y + to)
      for i in 0..<n { destination[i &* yStride] = source[i &* xStride] }
    }
  }
}

/// Tiles of the plane of the last two axes: rows are contiguous in x, columns in y.
private func copyBlocks<E: FixedWidthInteger & SIMDScalar>(
  _ x: UnsafePointer<E>, _ y: UnsafeMutablePointer<E>, _ plan: StridedCopy
) {
  let (p, q) = (plan.rank &- 1, plan.rank &- 2)
  let pTiles = (plan.extents[p] &+ tileSide &- 1) / tileSide
  let qTiles = (plan.extents[q] &+ tileSide &- 1) / tileSide
  let tiles = plan.count / (plan.extents[p] &* plan.extents[q]) &* pTiles &* qTiles
  let tileElements = min(tileSide, plan.extents[p]) &* min(tileSide, plan.extents[q])
  let perChunk = max(1, elementwiseChunk / tileElements)
  parallel((tiles &+ perChunk &- 1) / perChunk, (x, y, plan, (pTiles, qTiles, tiles, perChunk))) { context, chunk in
    let (x, y, plan, (pTiles, qTiles, tiles, perChunk)) = context
    let (p, q) = (plan.rank &- 1, plan.rank &- 2)
    for tile in chunk &* perChunk..<min(tiles, (chunk &+ 1) &* perChunk) {
      let (plane, rest) = tile.quotientAndRemainder(dividingBy: pTiles &* qTiles)
      let (qTile, pTile) = rest.quotientAndRemainder(dividingBy: pTiles)
      let (from, to) = plan.offsets(plane, axes: q)
      let (p0, q0) = (pTile &* tileSide, qTile &* tileSide)
      transposeTile(
        x + (from &+ p0 &* plan.sourceStrides[p] &+ q0), plan.sourceStrides[p],
        y + (to &+ q0 &* plan.destinationStrides[q] &+ p0), plan.destinationStrides[q],
        min(tileSide, plan.extents[p] &- p0), min(tileSide, plan.extents[q] &- q0))
    }
  }
}

/// `y[j · yStride + i] = x[i · xStride + j]` for i < rows, j < columns.
@inline(__always)
private func transposeTile<E: FixedWidthInteger & SIMDScalar>(
  _ x: UnsafePointer<E>, _ xStride: Int, _ y: UnsafeMutablePointer<E>, _ yStride: Int, _ rows: Int, _ columns: Int
) {
  var j = 0
  while j &+ 8 <= columns {
    var i = 0
    while i &+ 8 <= rows {
      transpose8(x + (i &* xStride &+ j), xStride, y + (j &* yStride &+ i), yStride)
      i &+= 8
    }
    while i < rows {
      for k in j..<j &+ 8 { y[k &* yStride &+ i] = x[i &* xStride &+ k] }
      i &+= 1
    }
    j &+= 8
  }
  while j < columns {
    for i in 0..<rows { y[j &* yStride &+ i] = x[i &* xStride &+ j] }
    j &+= 1
  }
}

/// Eight by eight: interleaving row i with row i + 4 rotates the bits of (row, column) by one; three times swaps them.
@inline(__always)
private func transpose8<E: FixedWidthInteger & SIMDScalar>(
  _ x: UnsafePointer<E>, _ xStride: Int, _ y: UnsafeMutablePointer<E>, _ yStride: Int
) {
  @inline(__always) func row(_ i: Int) -> SIMD8<E> {
    UnsafeRawPointer(x + i &* xStride).loadUnaligned(as: SIMD8<E>.self)
  }
  @inline(__always) func store(_ v: SIMD8<E>, _ i: Int) {
    UnsafeMutableRawPointer(y + i &* yStride).storeBytes(of: v, as: SIMD8<E>.self)
  }
  let a = interleave4(row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7))
  let b = interleave4(a.0, a.1, a.2, a.3, a.4, a.5, a.6, a.7)
  let c = interleave4(b.0, b.1, b.2, b.3, b.4, b.5, b.6, b.7)
  store(c.0, 0)
  store(c.1, 1)
  store(c.2, 2)
  store(c.3, 3)
  store(c.4, 4)
  store(c.5, 5)
  store(c.6, 6)
  store(c.7, 7)
}

private typealias Eight<E: SIMDScalar> = (
  SIMD8<E>, SIMD8<E>, SIMD8<E>, SIMD8<E>, SIMD8<E>, SIMD8<E>, SIMD8<E>, SIMD8<E>
)

@inline(__always)
private func interleave4<E: SIMDScalar>(
  _ r0: SIMD8<E>, _ r1: SIMD8<E>, _ r2: SIMD8<E>, _ r3: SIMD8<E>, _ r4: SIMD8<E>, _ r5: SIMD8<E>, _ r6: SIMD8<E>,
  _ r7: SIMD8<E>
) -> Eight<E> {
  @inline(__always) func interleaved(_ even: SIMD8<E>, _ odd: SIMD8<E>) -> SIMD16<E> {
    var both = SIMD16<E>()
    both.evenHalf = even
    both.oddHalf = odd
    return both
  }
  let (s0, s1, s2, s3) = (interleaved(r0, r4), interleaved(r1, r5), interleaved(r2, r6), interleaved(r3, r7))
  return (s0.lowHalf, s0.highHalf, s1.lowHalf, s1.highHalf, s2.lowHalf, s2.highHalf, s3.lowHalf, s3.highHalf)
}
