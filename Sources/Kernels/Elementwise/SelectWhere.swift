import Parallel

extension TernaryBroadcast {
  /// Offsets of the three operands at the start of row `row`, where a row is one run of the last axis.
  @inline(__always)
  func rowOffsets(_ row: Int) -> (Int, Int, Int) {
    var (rest, c, a, b) = (row, 0, 0, 0)
    for axis in stride(from: rank &- 2, through: 0, by: -1) {
      let quotient = axis == 0 ? 0 : rest / extents[axis]
      let index = rest &- quotient &* extents[axis]
      c &+= index &* conditionStrides[axis]
      a &+= index &* aStrides[axis]
      b &+= index &* bStrides[axis]
      rest = quotient
    }
    return (c, a, b)
  }
}

/// `out = condition ? a : b`, NumPy's `where`, broadcasting; any non-zero byte is true. An operand that has the
/// output's shape may equal `out`.
@_specialize(where T == Float)
@_specialize(where T == Double)
@_specialize(where T == Int32)
@_specialize(where T == Int64)
@_specialize(where T == UInt8)
public func selectWhere<T: BitwiseCopyable>(
  _ condition: UnsafePointer<UInt8>, _ a: UnsafePointer<T>, _ b: UnsafePointer<T>, _ out: UnsafeMutablePointer<T>,
  _ broadcast: TernaryBroadcast
) {
  guard broadcast.count > 0 else { return }
  let length = broadcast.extents[broadcast.rank &- 1]
  let piece = min(length, elementwiseChunk)
  let piecesPerRow = (length &+ piece &- 1) / piece
  let pieces = broadcast.count / length &* piecesPerRow
  let piecesPerChunk = max(1, elementwiseChunk / piece)
  let chunks = (pieces &+ piecesPerChunk &- 1) / piecesPerChunk
  parallel(chunks, (condition, a, b, out, broadcast, (piece, piecesPerRow, pieces, piecesPerChunk))) {
    context, chunk in
    let (condition, a, b, out, broadcast, (piece, piecesPerRow, pieces, piecesPerChunk)) = context
    let last = broadcast.rank &- 1
    let length = broadcast.extents[last]
    let (cInner, aInner, bInner) =
      (broadcast.conditionStrides[last], broadcast.aStrides[last], broadcast.bStrides[last])
    for index in chunk &* piecesPerChunk..<min(pieces, (chunk &+ 1) &* piecesPerChunk) {
      let row = piecesPerRow == 1 ? index : index / piecesPerRow
      let column = (index &- row &* piecesPerRow) &* piece
      let (c, x, y) = broadcast.rowOffsets(row)
      selectRun(
        condition + (c &+ column &* cInner), cInner, a + (x &+ column &* aInner), aInner,
        b + (y &+ column &* bInner), bInner, out + (row &* length &+ column), min(piece, length &- column))
    }
  }
}

/// One run; every stride is 0 or 1.
@inline(__always)
private func selectRun<T: BitwiseCopyable>(
  _ c: UnsafePointer<UInt8>, _ cStride: Int, _ a: UnsafePointer<T>, _ aStride: Int, _ b: UnsafePointer<T>,
  _ bStride: Int, _ out: UnsafeMutablePointer<T>, _ n: Int
) {
  switch (cStride, aStride, bStride) {
  case (1, 1, 1):
    for i in 0..<n {
      let (x, y) = (a[i], b[i])
      out[i] = c[i] != 0 ? x : y
    }
  case (1, 0, 1):
    let x = a[0]
    for i in 0..<n {
      let y = b[i]
      out[i] = c[i] != 0 ? x : y
    }
  case (1, 1, 0):
    let y = b[0]
    for i in 0..<n {
      let x = a[i]
      out[i] = c[i] != 0 ? x : y
    }
  default:
    for i in 0..<n { out[i] = c[i &* cStride] != 0 ? a[i &* aStride] : b[i &* bStride] }
  }
}
