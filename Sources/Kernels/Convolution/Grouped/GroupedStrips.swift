import CIntrinsics

/// Convolutions by groups whose channels fill vectors: one vector of a group's outputs at a time, from copies of some
/// groups' channels, vector by vector and padded. No plane is needed, and nothing is transposed. In Float, for which it
/// was measured.
struct GroupedStrips {
  /// The convolution of one group.
  let one: ConvolutionShape
  let groups: Int
  /// Groups that are copied together, whose channels are some cache lines.
  let bundle, bundles: Int
  /// Rows of the output that are worked on at a time, and how often.
  let bandRows, bands: Int

  /// - Parameter one: the convolution of one group.
  init(_ one: ConvolutionShape, groups: Int) {
    (self.one, self.groups) = (one, groups)
    bundle = Swift.min(groups, Swift.max(1, 4 &* Float.Vector.scalarCount / one.inChannels))
    bundles = (groups &+ bundle &- 1) / bundle
    // As much as fits the second-level cache with room to spare.
    let perRow = one.strideH &* one.reachWidth &* one.inChannels &* bundle
    let fitting = Swift.max((one.kernelHeight &- 1) &* one.dilationH / one.strideH &+ 1, (1 << 16) / perRow)
    bands = (one.outHeight &+ fitting &- 1) / fitting
    bandRows = (one.outHeight &+ bands &- 1) / bands
  }

  /// Channels of a pixel of all groups.
  var inputs: Int { groups &* one.inChannels }
  var outputs: Int { groups &* one.outChannels }
  /// Vectors of a group's channels.
  var inputVectors: Int { one.inChannels / Float.Vector.scalarCount }
  var outputVectors: Int { one.outChannels / Float.Vector.scalarCount }
  var taps: Int { one.kernelHeight &* one.kernelWidth }
  /// Elements of a bundle's copies.
  var room: Int { bundle &* copyCount(bandRows) }

  /// Elements of a vector of channels' copy that serves `rows` rows, and of one group's.
  @inline(__always)
  func vectorCount(_ rows: Int) -> Int { one.reachRows(rows) &* one.reachWidth &* Float.Vector.scalarCount }
  @inline(__always)
  func copyCount(_ rows: Int) -> Int { inputVectors &* vectorCount(rows) }

  @inline(__always)
  func groups(ofBundle index: Int) -> Range<Int> {
    (index &* bundle)..<Swift.min(groups, (index &+ 1) &* bundle)
  }

  @inline(__always)
  func rows(ofBand band: Int) -> Range<Int> {
    (band &* bandRows)..<Swift.min(one.outHeight, (band &+ 1) &* bandRows)
  }

  /// Copies of what `rows` rows of the outputs of some groups see: [group][vector of channels][row][column][channel],
  /// zeros around the image.
  ///
  /// - Parameter image: where the first of the groups begins in the first pixel.
  @inline(never)
  func copy(_ image: UnsafePointer<Float>, _ room: UnsafeMutablePointer<Float>, groups: Int, rows: Range<Int>) {
    let lanes = Float.Vector.scalarCount
    let (vectors, step) = (groups &* inputVectors, vectorCount(rows.count))
    let rowLength = one.reachWidth &* lanes
    // Columns that lie inside; negative padding begins inside.
    let left = Swift.max(0, Swift.min(one.padLeft, one.reachWidth))
    let copied = Swift.max(0, Swift.min(one.width &+ one.padLeft, one.reachWidth) &- left)
    let firstRow = rows.lowerBound &* one.strideH &- one.padTop
    for row in 0..<one.reachRows(rows.count) {
      let h = firstRow &+ row
      let isInside = h >= 0 && h < one.height && copied > 0
      let (start, end) = isInside ? (left &* lanes, (left &+ copied) &* lanes) : (0, 0)
      for vector in 0..<vectors {
        let line = room + (vector &* step &+ row &* rowLength)
        zero(line, 0, start)
        zero(line, end, rowLength)
      }
      if !isInside { continue }
      var from = image + (h &* one.width &+ left &- one.padLeft) &* inputs
      var to = room + (row &* rowLength &+ start)
      for _ in 0..<copied {
        for vector in 0..<vectors {
          let source = from + vector &* lanes
          sbn_prefetch(source + prefetchPixels &* inputs)
          to.store(source.vector(at: 0), at: vector &* step)
        }
        from += inputs
        to += lanes
      }
    }
  }
}

/// Pixels ahead that are asked for.
private let prefetchPixels = 16

/// From one place to another, whole vectors.
@inline(__always)
private func zero(_ line: UnsafeMutablePointer<Float>, _ first: Int, _ end: Int) {
  var i = first
  while i < end {
    line.store(Float.Vector(), at: i)
    i &+= Float.Vector.scalarCount
  }
}

extension GroupedShape {
  /// `GroupedStrips` computes its weights' gradient in `T`, and the rest too if it has dense rows. Measured with 16
  /// channels: fewer, which fill shorter vectors, stay in planes.
  func fillsVectors<T: KernelScalar>(_: T.Type) -> Bool {
    let lanes = Float.Vector.scalarCount
    return T.self == Float.self && inputs % lanes == 0 && outputs % lanes == 0 && Swift.min(inputs, outputs) >= 16
  }

  /// A row of the kernel meets neighbours in memory, and neighbours of the output do so too.
  var hasDenseRows: Bool {
    shape.strideH == 1 && shape.strideW == 1 && (shape.dilationW == 1 || shape.kernelWidth == 1)
  }

  /// The convolution of one group.
  var one: ConvolutionShape {
    var one = shape
    (one.inChannels, one.outChannels) = (inputs, outputs)
    return one
  }

  /// The input gradient of one group at strides of 1: dy convolved with the kernel, flipped and transposed.
  var oneInputGradient: ConvolutionShape {
    let s = shape
    return ConvolutionShape(
      n: s.n, height: s.outHeight, width: s.outWidth, inChannels: outputs, kernelHeight: s.kernelHeight,
      kernelWidth: s.kernelWidth, outChannels: inputs, strideH: 1, strideW: 1, dilationH: s.dilationH,
      dilationW: s.dilationW, padTop: (s.kernelHeight &- 1) &* s.dilationH &- s.padTop,
      padLeft: (s.kernelWidth &- 1) &* s.dilationW &- s.padLeft, outHeight: s.height, outWidth: s.width)
  }
}
