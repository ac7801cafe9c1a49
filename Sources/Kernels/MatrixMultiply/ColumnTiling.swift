/// How a channels-last matrix (rows, C) is walked in whole vectors: several rows are taken as one wide row of `width`
/// elements, a multiple of the vector's, so that odd channel counts vectorize too. Position p belongs to channel p mod C.
struct ColumnTiling {
  let width: Int
  /// Wide rows, and single rows left over at the end.
  let wideRows: Int
  let restRows: Int
  let channels: Int
  /// Wide rows per parallel chunk.
  let rowsPerChunk: Int
  let chunks: Int

  init(rows: Int, channels: Int, lanes: Int) {
    let perWide = lanes / greatestCommonDivisor(channels, lanes)
    self.channels = channels
    width = channels &* perWide
    wideRows = rows / perWide
    restRows = rows &- wideRows &* perWide
    rowsPerChunk = Swift.max(1, elementwiseChunk / width)
    chunks = Swift.max(1, (wideRows &+ rowsPerChunk &- 1) / rowsPerChunk)
  }

  /// Where the rows left over begin.
  var restOffset: Int { wideRows &* width }

  @inline(__always)
  func rows(ofChunk chunk: Int) -> Range<Int> {
    let first = Swift.min(chunk &* rowsPerChunk, wideRows)
    return first..<Swift.min(first &+ rowsPerChunk, wideRows)
  }
}

private func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
  var (a, b) = (a, b)
  while b != 0 { (a, b) = (b, a % b) }
  return a
}

/// Float lanes hold partial sums of at most this many elements each before they go to Double.
let momentFlushInterval = 64

/// Adds lanes to Doubles.
@inline(__always)
func flush<V: SIMD>(_ lanes: V, _ sums: UnsafeMutablePointer<Double>) where V.Scalar: BinaryFloatingPoint {
  for lane in 0..<V.scalarCount { sums[lane] += Double(lanes[lane]) }
}
