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
