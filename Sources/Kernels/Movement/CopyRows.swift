import Parallel

/// Copies `rows` rows of `rowBytes` bytes between arrays whose rows start `sourcePitch` and `destinationPitch` bytes
/// apart: one piece of a concatenation (x into a part of each row of y) or of a split (a part of each row of x into y).
/// For an axis with `inner` elements after it, a row is extent · inner elements. x and y do not overlap.
public func copyRows(
  _ x: UnsafeRawPointer, sourcePitch: Int, _ y: UnsafeMutableRawPointer, destinationPitch: Int, rows: Int,
  rowBytes: Int
) {
  guard rows > 0, rowBytes > 0 else { return }
  let pieceBytes = min(rowBytes, 4 &* elementwiseChunk)
  let piecesPerRow = (rowBytes &+ pieceBytes &- 1) / pieceBytes
  let pieces = rows &* piecesPerRow
  let perChunk = max(1, 4 &* elementwiseChunk / pieceBytes)
  let chunks = (pieces &+ perChunk &- 1) / perChunk
  let sizes = (sourcePitch, destinationPitch, rowBytes, pieceBytes, piecesPerRow, pieces, perChunk)
  parallel(chunks, (x, y, sizes)) { context, chunk in
    let (x, y, (sourcePitch, destinationPitch, rowBytes, pieceBytes, piecesPerRow, pieces, perChunk)) = context
    for index in chunk &* perChunk..<min(pieces, (chunk &+ 1) &* perChunk) {
      let row = piecesPerRow == 1 ? index : index / piecesPerRow
      let start = (index &- row &* piecesPerRow) &* pieceBytes
      (y + (row &* destinationPitch &+ start)).copyMemory(
        from: x + (row &* sourcePitch &+ start), byteCount: min(pieceBytes, rowBytes &- start))
    }
  }
}
