import Parallel

/// What a broadcast operation does to one run of elements; the three forms a run can take after merging axes.
protocol BroadcastKernel {
  associatedtype Input: BitwiseCopyable
  associatedtype Output: BitwiseCopyable
  func dense(
    _ a: UnsafePointer<Input>, _ b: UnsafePointer<Input>, _ out: UnsafeMutablePointer<Output>, _ n: Int)
  func scalarLeft(_ a: Input, _ b: UnsafePointer<Input>, _ out: UnsafeMutablePointer<Output>, _ n: Int)
  func scalarRight(_ a: UnsafePointer<Input>, _ b: Input, _ out: UnsafeMutablePointer<Output>, _ n: Int)
}

/// Rows shorter than this are gathered into tiles, so that the vector loops get long runs.
private let shortRow = 64
/// Elements of such a tile, at most.
private let tileCapacity = 1024

extension Broadcast {
  /// Offsets of both operands at the start of row `row`, where a row is one run of the last axis.
  @inline(never)
  func rowOffsets(_ row: Int) -> (Int, Int) {
    var (rest, a, b) = (row, 0, 0)
    var axis = rank &- 2
    while axis > 0 {
      let quotient = rest / extents[axis]
      let index = rest &- quotient &* extents[axis]
      a &+= index &* aStrides[axis]
      b &+= index &* bStrides[axis]
      rest = quotient
      axis &-= 1
    }
    return axis == 0 ? (a &+ rest &* aStrides[0], b &+ rest &* bStrides[0]) : (0, 0)
  }

  var innerExtent: Int { extents[rank &- 1] }
  var aInner: Int { aStrides[rank &- 1] }
  var bInner: Int { bStrides[rank &- 1] }
  var bIsScalar: Bool { bStrides == SIMD8<Int>(repeating: 0) }

  /// Whether the operand has the output's own layout.
  func isDense(_ strides: SIMD8<Int>) -> Bool {
    var expected = 1
    for axis in stride(from: rank &- 1, through: 0, by: -1) {
      if strides[axis] != expected { return false }
      expected &*= extents[axis]
    }
    return true
  }

  /// Whether the operand is the same in every row.
  func isSameInEveryRow(_ strides: SIMD8<Int>) -> Bool {
    for axis in 0..<rank &- 1 where strides[axis] != 0 { return false }
    return true
  }
}

/// `out = kernel(a, b)` over the whole broadcast.
func runBroadcast<K: BroadcastKernel>(
  _ kernel: K, _ a: UnsafePointer<K.Input>, _ b: UnsafePointer<K.Input>, _ out: UnsafeMutablePointer<K.Output>,
  _ broadcast: Broadcast
) {
  guard broadcast.count > 0 else { return }
  if broadcast.rank > 1 && broadcast.innerExtent < shortRow {
    runShortRows(kernel, a, b, out, broadcast)
  } else {
    runLongRows(kernel, a, b, out, broadcast)
  }
}

/// Each row, or each piece of a very long one, is one run.
private func runLongRows<K: BroadcastKernel>(
  _ kernel: K, _ a: UnsafePointer<K.Input>, _ b: UnsafePointer<K.Input>, _ out: UnsafeMutablePointer<K.Output>,
  _ broadcast: Broadcast
) {
  let length = broadcast.innerExtent
  let piece = min(length, elementwiseChunk)
  let piecesPerRow = (length &+ piece &- 1) / piece
  let pieces = broadcast.count / length &* piecesPerRow
  let piecesPerChunk = max(1, elementwiseChunk / piece)
  let chunks = (pieces &+ piecesPerChunk &- 1) / piecesPerChunk
  parallel(chunks, (kernel, a, b, out, broadcast, (piece, piecesPerRow, pieces, piecesPerChunk))) { context, chunk in
    let (kernel, a, b, out, broadcast, (piece, piecesPerRow, pieces, piecesPerChunk)) = context
    let length = broadcast.innerExtent
    let (aInner, bInner) = (broadcast.aInner, broadcast.bInner)
    for index in chunk &* piecesPerChunk..<min(pieces, (chunk &+ 1) &* piecesPerChunk) {
      let row = piecesPerRow == 1 ? index : index / piecesPerRow
      let column = (index &- row &* piecesPerRow) &* piece
      let n = min(piece, length &- column)
      let (aRow, bRow) = broadcast.rowOffsets(row)
      let x = a + (aRow &+ column &* aInner)
      let y = b + (bRow &+ column &* bInner)
      let z = out + (row &* length &+ column)
      if aInner != 0 && bInner != 0 {
        kernel.dense(x, y, z, n)
      } else if bInner == 0 && aInner != 0 {
        kernel.scalarRight(x, y[0], z, n)
      } else if bInner != 0 {
        kernel.scalarLeft(x[0], y, z, n)
      } else {
        kernel.dense(x, y, z, 1)
        (z + 1).initialize(repeating: z[0], count: n &- 1)
      }
    }
  }
}

/// Tiles of whole rows; an operand without the output's layout is gathered into scratch first.
private func runShortRows<K: BroadcastKernel>(
  _ kernel: K, _ a: UnsafePointer<K.Input>, _ b: UnsafePointer<K.Input>, _ out: UnsafeMutablePointer<K.Output>,
  _ broadcast: Broadcast
) {
  let length = broadcast.innerExtent
  let tile = tileCapacity / length &* length
  let chunkSize = elementwiseChunk / tile &* tile
  let chunks = (broadcast.count &+ chunkSize &- 1) / chunkSize
  let scratchBytes = 2 &* tileCapacity &* MemoryLayout<K.Input>.stride
  parallel(chunks, scratchBytes: scratchBytes, (kernel, a, b, out, broadcast, (tile, chunkSize))) {
    context, chunk, scratch in
    let (kernel, a, b, out, broadcast, (tile, chunkSize)) = context
    let aTile = scratch.assumingMemoryBound(to: K.Input.self)
    let bTile = aTile + tileCapacity
    let aIsDense = broadcast.isDense(broadcast.aStrides)
    let bIsDense = broadcast.isDense(broadcast.bStrides)
    let aRepeats = broadcast.isSameInEveryRow(broadcast.aStrides)
    let bRepeats = broadcast.isSameInEveryRow(broadcast.bStrides)
    let first = chunk &* chunkSize
    let end = min(broadcast.count, first &+ chunkSize)
    var start = first
    while start < end {
      let n = min(tile, end &- start)
      if !aIsDense && (start == first || !aRepeats) {
        gatherRows(a, broadcast.aStrides, broadcast, start, n, aTile)
      }
      if !bIsDense && (start == first || !bRepeats) {
        gatherRows(b, broadcast.bStrides, broadcast, start, n, bTile)
      }
      kernel.dense(
        aIsDense ? a + start : UnsafePointer(aTile), bIsDense ? b + start : UnsafePointer(bTile), out + start, n)
      start &+= n
    }
  }
}

/// `tile[i] = x` at output element `start + i`, for `n` elements that begin and end at a row's edge.
@inline(never)
private func gatherRows<E>(
  _ x: UnsafePointer<E>, _ strides: SIMD8<Int>, _ broadcast: Broadcast, _ start: Int, _ n: Int,
  _ tile: UnsafeMutablePointer<E>
) {
  let rank = broadcast.rank
  let length = broadcast.innerExtent
  let inner = strides[rank &- 1]
  var index = SIMD8<Int>(repeating: 0)
  var rest = start / length
  var offset = 0
  for axis in stride(from: rank &- 2, through: 0, by: -1) {
    index[axis] = rest % broadcast.extents[axis]
    offset &+= index[axis] &* strides[axis]
    rest /= broadcast.extents[axis]
  }
  var position = 0
  while position < n {
    let (source, target) = (x + offset, tile + position)
    if inner == 0 {
      let value = source[0]
      for i in 0..<length { target[i] = value }
    } else {
      for i in 0..<length { target[i] = source[i] }
    }
    position &+= length
    var axis = rank &- 2
    while axis >= 0 {
      index[axis] &+= 1
      offset &+= strides[axis]
      if index[axis] < broadcast.extents[axis] { break }
      offset &-= index[axis] &* strides[axis]
      index[axis] = 0
      axis &-= 1
    }
  }
}
