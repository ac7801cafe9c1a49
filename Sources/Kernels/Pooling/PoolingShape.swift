/// Extents of 2-D pooling, channels last. Padding at the bottom and right follows from the output's extents.
public struct PoolingShape: Sendable {
  public var n, height, width, channels, poolHeight, poolWidth, strideH, strideW, padTop, padLeft: Int
  public var outHeight, outWidth: Int

  public init(
    n: Int, height: Int, width: Int, channels: Int, poolHeight: Int, poolWidth: Int, strideH: Int, strideW: Int,
    padTop: Int, padLeft: Int, outHeight: Int, outWidth: Int
  ) {
    (self.n, self.height, self.width, self.channels) = (n, height, width, channels)
    (self.poolHeight, self.poolWidth) = (poolHeight, poolWidth)
    (self.strideH, self.strideW) = (strideH, strideW)
    (self.padTop, self.padLeft) = (padTop, padLeft)
    (self.outHeight, self.outWidth) = (outHeight, outWidth)
  }

  /// Rows (columns) of x that the window of an output row (column) covers.
  @inline(__always)
  func rows(_ out: Int) -> Range<Int> {
    let first = out &* strideH &- padTop
    return Swift.max(first, 0)..<Swift.max(Swift.min(first &+ poolHeight, height), Swift.max(first, 0))
  }

  @inline(__always)
  func columns(_ out: Int) -> Range<Int> {
    let first = out &* strideW &- padLeft
    return Swift.max(first, 0)..<Swift.max(Swift.min(first &+ poolWidth, width), Swift.max(first, 0))
  }

  /// Windows neither overlap nor reach over an edge.
  var isTiling: Bool {
    strideH >= poolHeight && strideW >= poolWidth && padTop == 0 && padLeft == 0
      && (outHeight &- 1) &* strideH &+ poolHeight <= height && (outWidth &- 1) &* strideW &+ poolWidth <= width
  }
}
