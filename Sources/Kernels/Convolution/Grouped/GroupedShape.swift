/// A convolution by groups over images, channels last: x (N, H, W, G·c), w (KH, KW, c, G·o), y (N, OH, OW, G·o). Group g
/// of the outputs sees group g of the inputs.
///
/// Few channels per group leave vectors of channels empty, so here vectors run over pixels: some groups' channels of some
/// rows are brought into planes, one per channel (`ChannelPlanes`), convolved there, and brought back. Where a group's
/// channels fill vectors, `GroupedStrips` does without planes.
public struct GroupedShape: Sendable {
  /// Its channels are those of all groups.
  public let shape: ConvolutionShape
  public let groups: Int

  public init(_ shape: ConvolutionShape, groups: Int) { (self.shape, self.groups) = (shape, groups) }

  /// Channels of a group.
  var inputs: Int { shape.inChannels / groups }
  var outputs: Int { shape.outChannels / groups }
  var taps: Int { shape.kernelHeight &* shape.kernelWidth }

  /// Groups that are worked on together: their channels fill vectors, if that takes not too many, and pixels are read by
  /// eight vectors, which the processor fetches ahead. `most` is the largest number that is wanted.
  func bundle(lanes: Int, most: Int) -> Int {
    var count = 1
    while count &* inputs % lanes != 0 || count &* outputs % lanes != 0 { count &+= 1 }
    if count > 1 && count &* Swift.max(inputs, outputs) > 4 &* lanes {
      let least = Swift.min(inputs, outputs)
      count = (lanes &+ least &- 1) / least
    }
    let repeated = Swift.min(most, 8 &* lanes / Swift.max(inputs, outputs)) / count
    return Swift.min(groups, count &* Swift.max(1, repeated))
  }
}

extension ConvolutionShape {
  /// The convolution of one group is faster in planes than alone. As measured: with 32 channels vectors are full, and
  /// Winograd's algorithm wins; of very many channels there are too many planes.
  public var prefersPlanes: Bool {
    Swift.min(inChannels, outChannels) < 32 && Swift.max(inChannels, outChannels) <= 128
  }
}

/// How the images of one tensor become planes. A grid of rows and columns covers one side of the convolution; the planes
/// of the other side hold what a kernel's taps see from each of its points: by the residues of rows and columns modulo
/// the strides (phases), so that neighbours on the grid are neighbours in memory.
struct ChannelPlanes {
  let height, width, channels: Int
  let strideH, strideW: Int
  let phasesH, phasesW: Int
  /// Row r of phase p holds image row r · stride + p - top.
  let top, left: Int
  /// Elements of a row: the grid's columns and those that taps reach beyond.
  let pitch: Int
  /// Rows that taps reach beyond the grid's.
  let reach: Int

  var phases: Int { phasesH &* phasesW }

  /// Elements of a plane that serves `rows` rows of the grid.
  @inline(__always)
  func planeCount(_ rows: Int) -> Int { (rows &+ reach) &* pitch }

  /// Distance of channels. Whole vectors may be read and written behind the end; an odd number of them spreads channels
  /// over the cache.
  @inline(__always)
  func channelStep(_ rows: Int, lanes: Int) -> Int {
    let vectors = (phases &* planeCount(rows) &+ lanes &- 1) / lanes &+ 1
    return (vectors | 1) &* lanes
  }
}

/// What the kernels of all three directions share.
struct GroupedJob {
  let n, groups: Int
  /// Channels of a group that are read through the taps, and those on the grid.
  let inputs, outputs: Int
  let source: ChannelPlanes
  let gridHeight, gridWidth: Int
  let bundle, bundles: Int
  /// Rows of the grid that are worked on at a time, and how often.
  let bandRows, bands: Int
  let lanes: Int

  private init(
    _ grouped: GroupedShape, inputs: Int, outputs: Int, source: ChannelPlanes, gridHeight: Int, gridWidth: Int,
    lanes: Int,
    most: Int = Int.max
  ) {
    (n, groups, self.inputs, self.outputs) = (grouped.shape.n, grouped.groups, inputs, outputs)
    (self.source, self.gridHeight, self.gridWidth, self.lanes) = (source, gridHeight, gridWidth, lanes)
    bundle = grouped.bundle(lanes: lanes, most: most)
    bundles = (groups &+ bundle &- 1) / bundle
    // As much as fits the second-level cache with room to spare.
    let perRow = source.pitch &* bundle &* (source.phases &* inputs &+ outputs)
    let fitting = Swift.max(Swift.max(1, source.reach), (1 << 18) / perRow)
    bands = (gridHeight &+ fitting &- 1) / fitting
    bandRows = (gridHeight &+ bands &- 1) / bands
  }

  /// Forward and for the weights' gradient: x is seen from the points of y.
  ///
  /// - Parameter most: groups that are worked on together at most.
  init(_ grouped: GroupedShape, overOutputsWith lanes: Int, most: Int = Int.max) {
    let s = grouped.shape
    func phases(_ kernel: Int, _ stride: Int, _ dilation: Int) -> Int {
      var count = 1
      for tap in 0..<kernel { count = Swift.max(count, tap &* dilation % stride &+ 1) }
      return count
    }
    let source = ChannelPlanes(
      height: s.height, width: s.width, channels: s.inChannels, strideH: s.strideH, strideW: s.strideW,
      phasesH: phases(s.kernelHeight, s.strideH, s.dilationH),
      phasesW: phases(s.kernelWidth, s.strideW, s.dilationW), top: s.padTop, left: s.padLeft,
      pitch: s.outWidth &+ (s.kernelWidth &- 1) &* s.dilationW / s.strideW,
      reach: (s.kernelHeight &- 1) &* s.dilationH / s.strideH)
    self.init(
      grouped, inputs: grouped.inputs, outputs: grouped.outputs, source: source, gridHeight: s.outHeight,
      gridWidth: s.outWidth, lanes: lanes, most: most)
  }

  /// For the inputs' gradient: dy is seen from the points of dx, a stride of which makes one of the grid.
  init(_ grouped: GroupedShape, overInputsWith lanes: Int) {
    let s = grouped.shape
    // Taps see from `last` to 0 steps back from the furthest.
    let down = GradientTap(0, s.strideH, s.dilationH, s.padTop)
    let across = GradientTap(0, s.strideW, s.dilationW, s.padLeft)
    let up = GradientTap(s.kernelHeight &- 1, s.strideH, s.dilationH, s.padTop)
    let back = GradientTap(s.kernelWidth &- 1, s.strideW, s.dilationW, s.padLeft)
    let gridWidth = (s.width &+ s.strideW &- 1) / s.strideW
    let source = ChannelPlanes(
      height: s.outHeight, width: s.outWidth, channels: s.outChannels, strideH: 1, strideW: 1, phasesH: 1, phasesW: 1,
      top: -up.step, left: -back.step, pitch: gridWidth &+ across.step &- back.step, reach: down.step &- up.step)
    self.init(
      grouped, inputs: grouped.outputs, outputs: grouped.inputs, source: source,
      gridHeight: (s.height &+ s.strideH &- 1) / s.strideH, gridWidth: gridWidth, lanes: lanes)
  }

  /// Channels of a bundle, of `perGroup` in each group.
  @inline(__always)
  func channels(_ index: Int, _ perGroup: Int) -> Range<Int> {
    let first = index &* bundle
    return (first &* perGroup)..<(Swift.min(first &+ bundle, groups) &* perGroup)
  }

  @inline(__always)
  func rows(ofBand band: Int) -> Range<Int> {
    (band &* bandRows)..<Swift.min(gridHeight, (band &+ 1) &* bandRows)
  }

  var lastRows: Int { rows(ofBand: bands &- 1).count }

  /// Elements that the planes of a bundle take, of `perGroup` channels in each group. Squares bring whole vectors of
  /// channels, and tiles read some channels more.
  func room(_ planes: ChannelPlanes, _ perGroup: Int) -> Int {
    (Swift.max(bundle &* perGroup, lanes) &+ 3) &* planes.channelStep(bandRows, lanes: lanes)
  }

  /// Points of the grid in a band, in planes of the source's pitch.
  @inline(__always)
  func points(_ rows: Int) -> Int { (rows &- 1) &* source.pitch &+ gridWidth }

  /// Distance of channels on the grid.
  var gridStep: Int { ((points(bandRows) &+ lanes &- 1) / lanes &+ 1 | 1) &* lanes }
  var gridRoom: Int { Swift.max(bundle &* outputs, lanes) &* gridStep }
}

/// What a tap's row (or column) of the kernel sees from the inputs: input i · stride + phase sees output i + step.
struct GradientTap {
  let phase, step: Int

  @inline(__always)
  init(_ tap: Int, _ stride: Int, _ dilation: Int, _ pad: Int) {
    let ahead = tap &* dilation &- pad
    let floor = ahead >= 0 ? ahead / stride : -((stride &- 1 &- ahead) / stride)
    (phase, step) = (ahead &- floor &* stride, -floor)
  }
}
