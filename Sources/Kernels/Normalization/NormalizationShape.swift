/// A tensor seen as `[outer][channels][inner]`, where normalization reduces over `outer` and `inner`.
///
/// Channels-last data of any rank has `inner == 1`; channels-first (N, C, H, W) has `outer = N`, `inner = H * W`.
public struct NormalizationShape: Equatable, Sendable {
  public var outer, channels, inner: Int

  public init(outer: Int, channels: Int, inner: Int) {
    self.outer = outer
    self.channels = channels
    self.inner = inner
  }

  /// Elements of the whole tensor.
  @inline(__always) var count: Int { outer &* channels &* inner }
  /// Elements that each channel's statistics are taken over.
  @inline(__always) var channelCount: Int { outer &* inner }
  /// Whether tensors come from memory, or the far end of the last cache, so that prefetching pays.
  @inline(__always) func exceedsCache<T>(_ type: T.Type) -> Bool { count &* MemoryLayout<T>.stride > 5_000_000 }
  @inline(__always) func exceedsNearCache<T>(_ type: T.Type) -> Bool { count &* MemoryLayout<T>.stride > 2_000_000 }
  /// Whether results are too large for caches to keep them beside their input, and `run`, the elements that loops treat
  /// as a unit, lets nearly all their vectors be aligned: then they are stored past the caches. From this size on that
  /// takes 0.7 of the time, and no longer with a reader of the result behind it (measured with 32 MB of third cache).
  @inline(__always) func streams<T: KernelScalar>(_ output: UnsafeMutablePointer<T>, run: Int) -> Bool {
    let (address, v) = (Int(bitPattern: output), T.Vector.scalarCount)
    return count &* MemoryLayout<T>.stride >= 12 << 20 && address % MemoryLayout<T>.stride == 0
      && (run >= vectorsWorthAligning &* v || (run % v == 0 && address % MemoryLayout<T.Vector>.size == 0))
  }
  /// Whether short runs per channel make it better to treat samples as rows of separate positions.
  @inline(__always) var isRowLike: Bool { inner < 64 || (channels &* inner <= 512 && outer >= 8) }
}

/// Tensors below this many elements are not worth waking another thread for.
let normalizationSerialLimit = 1 << 17
/// Elements of one chunk of work, roughly.
let normalizationChunkElements = 1 << 15

/// How a row-like tensor is walked: as rows of `width` positions, each of which belongs to one channel.
///
/// Several samples make one row where that turns odd numbers of channels into whole vectors: `width` is a multiple of
/// lcm(channels * inner, vector) if that is short enough. The last row may be incomplete.
struct RowLayout {
  var width, fullRows, tail: Int
  /// Samples in one row.
  var samples: Int
  /// Width of tables: `width` in whole vectors and one more, with room for the channels of empty rows as well.
  var paddedWidth: Int
  /// Pieces of work: columns are cut into strips, rows into chunks.
  var strips, stripWidth, rowChunks: Int

  init(_ shape: NormalizationShape, vector: Int) {
    let sample = shape.channels &* shape.inner
    samples = vector >> min(sample.trailingZeroBitCount, vector.trailingZeroBitCount)
    if sample &* samples > 2048 { samples = 1 }
    let group = 4 &* vector
    while sample &* samples < group || (sample &* samples & (group &- 1) != 0 && sample &* samples < 4 &* group) {
      if samples &* 16 > shape.outer { break }
      samples &*= 2
    }
    samples = max(1, min(samples, shape.outer))
    width = sample &* samples
    if samples == 1 {
      (fullRows, tail) = (shape.outer, 0)
    } else {
      fullRows = shape.outer / samples
      tail = (shape.outer &- fullRows &* samples) &* sample
    }
    paddedWidth = ((max(width, shape.channels) &+ vector &- 1) & ~(vector &- 1)) &+ vector
    (strips, stripWidth, rowChunks) = (1, width, 1)
    if width > 4096 {
      strips = (width &+ 2047) / 2048
      stripWidth = ((width &+ strips &- 1) / strips &+ group &- 1) / group &* group
      strips = (width &+ stripWidth &- 1) / stripWidth
    }
    if shape.count >= normalizationSerialLimit {
      let wanted = shape.count / normalizationChunkElements / strips
      rowChunks = max(1, min(wanted, fullRows / 32, 64))
    }
  }

  /// Rows of one chunk of rows, the incomplete row not included.
  @inline(__always)
  func rows(of chunk: Int) -> Range<Int> {
    (fullRows &* chunk / rowChunks)..<(fullRows &* (chunk &+ 1) / rowChunks)
  }

  /// Columns of one strip.
  @inline(__always)
  func columns(of strip: Int) -> Range<Int> {
    (strip &* stripWidth)..<min(width, (strip &+ 1) &* stripWidth)
  }
}

/// How a tensor with long runs per channel is walked.
struct PlaneLayout {
  /// Longest run that is summed before the sums are flushed to Double.
  var runLength: Int
  var runsPerPlane: Int
  /// Channels that are finished together, statistics and result, while their data is in the cache.
  var blockChannels, blocks: Int
  /// Pieces of each channel if channels are too large or too few for blocks; otherwise 0.
  var segments: Int

  init(_ shape: NormalizationShape, vector: Int, elementSize: Int, tensors: Int) {
    runLength = 128 &* vector
    runsPerPlane = (shape.inner &+ runLength &- 1) / runLength
    let planeBytes = shape.inner &* elementSize
    let channelBytes = max(1, shape.outer &* planeBytes)
    blockChannels = max(1, min(8192 / planeBytes &+ 1, (768 << 10) / (tensors &* channelBytes), shape.channels))
    blocks = (shape.channels &+ blockChannels &- 1) / blockChannels
    segments = 0
    let isLarge = shape.count >= normalizationSerialLimit
    // A channel that only the last cache holds is still read from memory once if a thread does it alone.
    let isFar = channelBytes > 1 << 20 && (blocks < 16 || channelBytes > 8 << 20)
    if isLarge && (blocks < 4 || isFar) {
      let wanted = shape.channelCount / normalizationChunkElements
      segments = max(1, min(wanted, 64, shape.outer &* runsPerPlane))
    }
  }
}
