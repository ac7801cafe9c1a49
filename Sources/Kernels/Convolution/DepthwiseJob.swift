/// A depthwise convolution as its rows see it: every channel has weights of its own, and nothing is summed over channels.
///
/// Source and destination may have fewer channels than there are kernels: with a depth multiplier a source channel feeds
/// several kernels (forward), or several kernels feed a destination channel (input gradient). Inner loops then work on
/// copies of rows with one channel per kernel, padded to whole vectors. Without one they work in place; when the channels
/// are no multiple of the vector, the last vector overlaps the one before.
struct DepthwiseJob {
  /// Extents in space; its channels are not used.
  var shape: ConvolutionShape
  let sourceChannels, destinationChannels: Int
  /// Channels with a kernel, and the distance of pixels in the forms that the inner loops walk.
  let channels, pitch: Int
  /// Where the last vector of a pixel begins.
  let lastVector: Int

  /// - Parameter overlaps: whether the loops may compute an element twice.
  init(_ shape: ConvolutionShape, source: Int, destination: Int, lanes: Int, overlaps: Bool) {
    self.shape = shape
    (sourceChannels, destinationChannels) = (source, destination)
    channels = Swift.max(source, destination)
    let isInPlace = overlaps && source == destination && source >= lanes
    pitch = isInPlace ? channels : (channels &+ lanes &- 1) / lanes &* lanes
    lastVector = pitch &- lanes
  }

  var copiesSource: Bool { sourceChannels != pitch }
  var copiesDestination: Bool { destinationChannels != pitch }
  var taps: Int { shape.kernelHeight &* shape.kernelWidth }
  var isSliding3x3: Bool {
    let s = shape
    return s.kernelHeight == 3 && s.kernelWidth == 3 && s.strideH == 1 && s.strideW == 1 && s.dilationH == 1
      && s.dilationW == 1
  }

  /// Output columns whose windows lie inside the rows; empty (0, 0) when there are none.
  var interior: (start: Int, end: Int) {
    let s = shape
    let start = Swift.max(0, (s.padLeft &+ s.strideW &- 1) / s.strideW)
    let room = s.width &- 1 &- (s.kernelWidth &- 1) &* s.dilationW &+ s.padLeft
    let end = room < 0 ? 0 : Swift.min(s.outWidth, room / s.strideW &+ 1)
    return start < end ? (start, end) : (0, 0)
  }

  /// Kernel columns that lie inside the rows for output column `column`.
  @inline(__always)
  func taps(ofColumn column: Int) -> (start: Int, end: Int) {
    let first = column &* shape.strideW &- shape.padLeft
    let start = first >= 0 ? 0 : (shape.dilationW &- 1 &- first) / shape.dilationW
    let room = shape.width &- 1 &- first
    let end = room < 0 ? 0 : Swift.min(shape.kernelWidth, room / shape.dilationW &+ 1)
    return (Swift.min(start, end), end)
  }
}

extension ConvolutionShape {
  /// Output columns for which kernel column j lies inside the rows.
  @inline(__always)
  func columns(ofTap j: Int) -> (start: Int, end: Int) {
    let offset = padLeft &- j &* dilationW
    let start = offset <= 0 ? 0 : (offset &+ strideW &- 1) / strideW
    let room = width &- 1 &+ offset
    let end = room < 0 ? 0 : Swift.min(outWidth, room / strideW &+ 1)
    return (start, Swift.max(start, end))
  }

  /// The output row that meets input row `row` with kernel row i, or -1.
  @inline(__always)
  func outputRow(_ row: Int, ofTap i: Int) -> Int {
    let from = row &+ padTop &- i &* dilationH
    return from >= 0 && from % strideH == 0 && from / strideH < outHeight ? from / strideH : -1
  }
}

/// A row of `pixels` pixels with one channel per kernel: source channel c repeated for its kernels, zeros behind.
@inline(__always)
func spreadChannels<T: KernelScalar>(
  _ from: UnsafePointer<T>, _ to: UnsafeMutablePointer<T>, pixels: Int, _ job: DepthwiseJob
) {
  let (source, pitch) = (job.sourceChannels, job.pitch)
  let multiplier = source == 0 ? 1 : job.channels / source
  for pixel in 0..<pixels {
    let (from, to) = (from + pixel &* source, to + pixel &* pitch)
    if multiplier == 1 {
      UnsafeMutableRawPointer(to).copyMemory(from: from, byteCount: source &* MemoryLayout<T>.stride)
    } else {
      for c in 0..<source {
        for m in 0..<multiplier { to[c &* multiplier &+ m] = from[c] }
      }
    }
    for c in job.channels..<pitch { to[c] = 0 }
  }
}

/// The other way: what belongs to one destination channel is summed.
@inline(__always)
func gatherChannels<T: KernelScalar>(
  _ from: UnsafePointer<T>, _ to: UnsafeMutablePointer<T>, pixels: Int, _ job: DepthwiseJob
) {
  let (destination, pitch) = (job.destinationChannels, job.pitch)
  let multiplier = destination == 0 ? 1 : job.channels / destination
  for pixel in 0..<pixels {
    let (from, to) = (from + pixel &* pitch, to + pixel &* destination)
    if multiplier == 1 {
      UnsafeMutableRawPointer(to).copyMemory(from: from, byteCount: destination &* MemoryLayout<T>.stride)
      continue
    }
    for c in 0..<destination {
      var sum = from[c &* multiplier]
      for m in 1..<multiplier { sum += from[c &* multiplier &+ m] }
      to[c] = sum
    }
  }
}

/// Kernels [tap][channel] with pixels `job.pitch` apart, in the order of taps or backwards.
@inline(__always)
func packTaps<T: KernelScalar>(
  _ w: UnsafePointer<T>, _ packed: UnsafeMutablePointer<T>, _ job: DepthwiseJob, isFlipped: Bool
) {
  for tap in 0..<job.taps {
    let from = w + (isFlipped ? job.taps &- 1 &- tap : tap) &* job.channels
    let to = packed + tap &* job.pitch
    for c in 0..<job.channels { to[c] = from[c] }
    for c in job.channels..<job.pitch { to[c] = 0 }
  }
}
