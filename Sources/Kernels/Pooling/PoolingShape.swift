/// Sizes of a two-dimensional pooling over x [N, H, W, C], with result y [N, outHeight, outWidth, C].
///
/// Window (i, j) covers the rows from i·strideH - padTop and the columns from j·strideW - padLeft; what lies outside of
/// the image is padding. Bottom and right padding follow from the output's size.
public struct PoolingShape {
  public var n, height, width, channels: Int
  public var poolHeight, poolWidth, strideH, strideW, padTop, padLeft: Int
  public var outHeight, outWidth: Int

  public init(
    n: Int, height: Int, width: Int, channels: Int, poolHeight: Int, poolWidth: Int, strideH: Int, strideW: Int,
    padTop: Int, padLeft: Int, outHeight: Int, outWidth: Int
  ) {
    (self.n, self.height, self.width, self.channels) = (n, height, width, channels)
    (self.poolHeight, self.poolWidth, self.strideH, self.strideW) = (poolHeight, poolWidth, strideH, strideW)
    (self.padTop, self.padLeft, self.outHeight, self.outWidth) = (padTop, padLeft, outHeight, outWidth)
  }

  /// Rows of the image inside the windows of output row `i`; empty when all of them are padding.
  @inline(__always)
  func rows(_ i: Int) -> (start: Int, end: Int) {
    let first = i &* strideH &- padTop
    let start = min(max(first, 0), height)
    return (start, max(start, min(first &+ poolHeight, height)))
  }

  @inline(__always)
  func columns(_ j: Int) -> (start: Int, end: Int) {
    let first = j &* strideW &- padLeft
    let start = min(max(first, 0), width)
    return (start, max(start, min(first &+ poolWidth, width)))
  }

  @inline(__always)
  var inputCount: Int { n &* height &* width &* channels }
  @inline(__always)
  var outputCount: Int { n &* outHeight &* outWidth &* channels }
}
