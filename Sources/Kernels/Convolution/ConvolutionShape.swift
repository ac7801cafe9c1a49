/// Extents of a 2-D convolution, channels last: x (N, H, W, C_in), w (KH, KW, C_in, C_out), y (N, OH, OW, C_out).
/// Padding at the bottom and right follows from the output's extents.
public struct ConvolutionShape: Sendable {
  public var n, height, width, inChannels, kernelHeight, kernelWidth, outChannels: Int
  public var strideH, strideW, dilationH, dilationW, padTop, padLeft, outHeight, outWidth: Int

  public init(
    n: Int, height: Int, width: Int, inChannels: Int, kernelHeight: Int, kernelWidth: Int, outChannels: Int,
    strideH: Int, strideW: Int, dilationH: Int, dilationW: Int, padTop: Int, padLeft: Int, outHeight: Int,
    outWidth: Int
  ) {
    (self.n, self.height, self.width, self.inChannels) = (n, height, width, inChannels)
    (self.kernelHeight, self.kernelWidth, self.outChannels) = (kernelHeight, kernelWidth, outChannels)
    (self.strideH, self.strideW, self.dilationH, self.dilationW) = (strideH, strideW, dilationH, dilationW)
    (self.padTop, self.padLeft, self.outHeight, self.outWidth) = (padTop, padLeft, outHeight, outWidth)
  }

  /// Rows and columns of x that windows reach, padding included.
  var reachHeight: Int { reachRows(outHeight) }
  var reachWidth: Int { (outWidth &- 1) &* strideW &+ (kernelWidth &- 1) &* dilationW &+ 1 }
  var isPadded: Bool { padTop > 0 || padLeft > 0 || reachHeight > height || reachWidth > width }
  /// A matrix product over pixels.
  public var isPointwise: Bool {
    kernelHeight == 1 && kernelWidth == 1 && strideH == 1 && strideW == 1 && !isPadded && outHeight == height
      && outWidth == width
  }
  var inputCount: Int { height &* width &* inChannels }
  var outputCount: Int { outHeight &* outWidth &* outChannels }
  var weightCount: Int { kernelHeight &* kernelWidth &* inChannels &* outChannels }
  /// Of one image.
  var multiplications: Int { outHeight &* outWidth &* weightCount }
  var isEmpty: Bool { n == 0 || outHeight <= 0 || outWidth <= 0 || outChannels == 0 }

  /// So few inputs per kernel row that gathering whole windows first is faster.
  var gathersWindows: Bool {
    kernelWidth &* inChannels < 8 && kernelHeight > 1 && kernelHeight &* kernelWidth &* inChannels <= 64
  }

  /// The forward pass reads rows of pixels from the image as fast, unless they are too short for a tile.
  var gathersWindowsForward: Bool { gathersWindows && outWidth < 8 }

  /// The same convolution on gathered windows: a pointwise one.
  var gathered: ConvolutionShape {
    ConvolutionShape(
      n: n, height: outHeight, width: outWidth, inChannels: kernelHeight &* kernelWidth &* inChannels, kernelHeight: 1,
      kernelWidth: 1, outChannels: outChannels, strideH: 1, strideW: 1, dilationH: 1, dilationW: 1, padTop: 0,
      padLeft: 0, outHeight: outHeight, outWidth: outWidth)
  }

  /// Bands of output rows that one image is cut into; small batches are cut finer so that all threads find work, but
  /// not below some microseconds.
  var bands: Int { n >= 8 ? 1 : Swift.min(outHeight, 8, 1 &+ multiplications / (1 << 18)) }

  /// Rows of x that `rows` rows of y see, padding included.
  @inline(__always)
  func reachRows(_ rows: Int) -> Int { (rows &- 1) &* strideH &+ (kernelHeight &- 1) &* dilationH &+ 1 }

  @inline(__always)
  func rows(ofBand band: Int) -> Range<Int> {
    (band &* outHeight / bands)..<((band &+ 1) &* outHeight / bands)
  }
}

/// Columns of C_out are worked on in panels of whole vectors.
struct ColumnPanels {
  /// Vectors per panel: 4, 2 or 1.
  let vectors: Int
  let width: Int
  let count: Int

  init(columns: Int, lanes: Int) {
    vectors = columns % (4 &* lanes) == 0 ? 4 : (columns > lanes ? 2 : 1)
    width = vectors &* lanes
    count = (columns &+ width &- 1) / width
  }
}
