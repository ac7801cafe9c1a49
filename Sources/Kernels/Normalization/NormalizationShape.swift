/// A tensor seen as x[outer][channels][inner]: channels last has inner = 1, channels first (N, C, H, W) has outer = N
/// and inner = H·W; the channel axis of any tensor makes such a triple.
public struct NormalizationShape: Sendable {
  public var outer: Int
  public var channels: Int
  public var inner: Int

  public init(outer: Int, channels: Int, inner: Int) {
    self.outer = outer
    self.channels = channels
    self.inner = inner
  }

  /// Values per channel.
  var count: Int { outer &* inner }
}

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
    rowsPerChunk = Swift.max(1, elementsPerChunk / width)
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
