import Parallel

/// The lower (or upper) triangle of each matrix up to diagonal k, zeros elsewhere; y may equal x.
///
/// Lower keeps `j - i <= diagonal`, upper `j - i >= diagonal`.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func matrixTriangle<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, batch: Int, rows: Int, columns: Int, upper: Bool, diagonal: Int
) {
  T.requireSpecialization()
  guard batch > 0, rows > 0, columns > 0 else { return }
  let perChunk = max(1, elementwiseChunk / columns)
  let total = batch &* rows
  parallel((total &+ perChunk &- 1) / perChunk, (x, y, (total, rows, columns, perChunk, upper, diagonal))) {
    context, chunk in
    let (x, y, (total, rows, columns, perChunk, upper, diagonal)) = context
    for row in chunk &* perChunk..<min(total, (chunk &+ 1) &* perChunk) {
      let i = row % rows
      // The first column behind the diagonal, or on it.
      let edge = min(max(i &+ diagonal &+ (upper ? 0 : 1), 0), columns)
      let kept = upper ? edge..<columns : 0..<edge
      let start = row &* columns
      if UnsafePointer(y) != x {
        (y + (start &+ kept.lowerBound)).update(from: x + (start &+ kept.lowerBound), count: kept.count)
      }
      (y + start).update(repeating: 0, count: kept.lowerBound)
      (y + (start &+ kept.upperBound)).update(repeating: 0, count: columns &- kept.upperBound)
    }
  }
}
