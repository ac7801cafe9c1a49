import Parallel

/// Sums about a shift K for one channel: Σ(x - K) and Σ(x - K)².
struct ShiftedSums {
  var first = 0.0
  var second = 0.0

  /// Mean and biased variance; the variance is never negative.
  func moments(shift: Double, count: Double) -> (mean: Double, variance: Double) {
    let offset = first / count
    let spread = second - first * offset
    return (shift + offset, spread > 0 ? spread / count : spread == spread ? 0 : spread)
  }

  /// The shift was so far from the mean that the difference above has lost digits.
  func isPoor(count: Double) -> Bool { second > 8 * (second - first * first / count) && second > 0 }
}

/// mean and variance (biased) of each channel in Double, from float lanes about a shift that are flushed to Double;
/// repeated with the mean as shift for channels whose first shift was poor.
///
/// - Parameter statistics: mean [C], then variance [C].
@inline(__always)
func channelMoments<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ statistics: UnsafeMutablePointer<Double>, _ shape: NormalizationShape,
  scratch: UnsafeMutableRawPointer
) {
  if shape.inner == 1 {
    columnMoments(x, statistics, shape, scratch)
  } else {
    runMoments(x, statistics, shape)
  }
}

// MARK: Channels last

/// Bytes of scratch that `columnMoments` needs.
func columnMomentsScratch<T: KernelScalar>(_ shape: NormalizationShape, _: T.Type) -> Int {
  let tiling = ColumnTiling(rows: shape.outer, channels: shape.channels, lanes: T.Vector.scalarCount)
  return tiling.width &* MemoryLayout<T>.stride &+ 64 &+ tiling.chunks &* tiling.width &* 16
}

@inline(__always)
private func columnMoments<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ statistics: UnsafeMutablePointer<Double>, _ shape: NormalizationShape,
  _ scratch: UnsafeMutableRawPointer
) {
  let (rows, channels) = (shape.outer, shape.channels)
  let tiling = ColumnTiling(rows: rows, channels: channels, lanes: T.Vector.scalarCount)
  let partial = scratch.assumingMemoryBound(to: Double.self)
  let shift = (scratch + tiling.chunks &* tiling.width &* 16).assumingMemoryBound(to: T.self)
  // First shift: the mean of up to eight rows spread over the data.
  let samples = Swift.min(rows, 8)
  for c in 0..<channels {
    var sum = 0.0
    for s in 0..<samples { sum += Double(x[(s &* rows / samples) &* channels &+ c]) }
    let guess = T(sum / Double(samples))
    shift[c] = guess.isFinite ? guess : 0
  }
  for attempt in 0..<2 {
    for p in channels..<Swift.max(tiling.width, channels) { shift[p] = shift[p &- channels] }
    parallel(tiling.chunks, (x, partial, UnsafePointer(shift), tiling)) { context, chunk in
      let (x, partial, shift, tiling) = context
      let range = tiling.rows(ofChunk: chunk)
      addShiftedColumns(
        x + range.lowerBound &* tiling.width, shift, partial + chunk &* tiling.width &* 2, rows: range.count,
        width: tiling.width)
    }
    var isPoor = false
    for c in 0..<channels {
      var sums = ShiftedSums()
      for chunk in 0..<tiling.chunks {
        let first = partial + chunk &* tiling.width &* 2
        var p = c
        while p < tiling.width {
          sums.first += first[p]
          sums.second += first[tiling.width &+ p]
          p &+= channels
        }
      }
      for row in 0..<tiling.restRows {
        let d = Double(x[tiling.restOffset &+ row &* channels &+ c]) - Double(shift[c])
        sums.first += d
        sums.second += d * d
      }
      if attempt == 0 && sums.isPoor(count: Double(rows)) { isPoor = true }
      (statistics[c], statistics[channels &+ c]) = sums.moments(shift: Double(shift[c]), count: Double(rows))
    }
    if !isPoor { return }
    for c in 0..<channels {
      let mean = T(statistics[c])
      shift[c] = mean.isFinite ? mean : 0
    }
  }
}

/// sums[p] = Σ(x - shift), sums[width + p] = Σ(x - shift)² over rows.
@inline(__always)
private func addShiftedColumns<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ shift: UnsafePointer<T>, _ sums: UnsafeMutablePointer<Double>, rows: Int, width: Int
) {
  for p in 0..<(2 &* width) { sums[p] = 0 }
  let lanes = T.Vector.scalarCount
  var row = 0
  while row < rows {
    let end = Swift.min(rows, row &+ momentFlushInterval)
    var p = 0
    while p &+ 2 &* lanes <= width {
      let (k0, k1) = (shift.vector(at: p), shift.vector(at: p &+ lanes))
      var (a0, a1, b0, b1) = (T.Vector(), T.Vector(), T.Vector(), T.Vector())
      var from = x + (row &* width &+ p)
      for _ in row..<end {
        let (d0, d1) = (from.vector(at: 0) - k0, from.vector(at: lanes) - k1)
        a0 += d0
        a1 += d1
        b0 = T.multiplyAdd(d0, d0, b0)
        b1 = T.multiplyAdd(d1, d1, b1)
        from += width
      }
      flush(a0, sums + p)
      flush(a1, sums + (p &+ lanes))
      flush(b0, sums + (width &+ p))
      flush(b1, sums + (width &+ p &+ lanes))
      p &+= 2 &* lanes
    }
    if p < width {
      let k = shift.vector(at: p)
      var (a, b) = (T.Vector(), T.Vector())
      var from = x + (row &* width &+ p)
      for _ in row..<end {
        let d = from.vector(at: 0) - k
        a += d
        b = T.multiplyAdd(d, d, b)
        from += width
      }
      flush(a, sums + p)
      flush(b, sums + (width &+ p))
    }
    row = end
  }
}

/// Adds lanes to Doubles.
@inline(__always)
func flush<V: SIMD>(_ lanes: V, _ sums: UnsafeMutablePointer<Double>) where V.Scalar: BinaryFloatingPoint {
  for lane in 0..<V.scalarCount { sums[lane] += Double(lanes[lane]) }
}

// MARK: Channels first

@inline(__always)
private func runMoments<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ statistics: UnsafeMutablePointer<Double>, _ shape: NormalizationShape
) {
  parallel(channelChunks(shape), (x, statistics, shape)) { context, chunk in
    let (x, statistics, shape) = context
    for c in channelRange(shape, chunk) {
      let moments = oneChannelMoments(x, shape, channel: c)
      statistics[c] = moments.mean
      statistics[shape.channels &+ c] = moments.variance
    }
  }
}

/// Channels are handed out in blocks of at least one chunk's worth of elements.
@inline(__always)
func channelsPerChunk(_ shape: NormalizationShape) -> Int { Swift.max(1, elementsPerChunk / Swift.max(shape.count, 1)) }

@inline(__always)
func channelChunks(_ shape: NormalizationShape) -> Int {
  (shape.channels &+ channelsPerChunk(shape) &- 1) / channelsPerChunk(shape)
}

@inline(__always)
func channelRange(_ shape: NormalizationShape, _ chunk: Int) -> Range<Int> {
  let size = channelsPerChunk(shape)
  return (chunk &* size)..<Swift.min((chunk &+ 1) &* size, shape.channels)
}

@inline(__always)
private func oneChannelMoments<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ shape: NormalizationShape, channel: Int
) -> (mean: Double, variance: Double) {
  let count = Double(shape.count)
  // First shift: the mean of up to 64 values spread over the samples.
  let samples = Swift.min(shape.count, 64)
  var sum = 0.0
  for s in 0..<samples {
    let position = s &* shape.count / samples
    let (o, i) = (position / shape.inner, position % shape.inner)
    sum += Double(x[(o &* shape.channels &+ channel) &* shape.inner &+ i])
  }
  var shift = T(sum / Double(samples))
  if !shift.isFinite { shift = 0 }
  var result = (mean: 0.0, variance: 0.0)
  for attempt in 0..<2 {
    var sums = ShiftedSums()
    for o in 0..<shape.outer {
      addShiftedRun(x + (o &* shape.channels &+ channel) &* shape.inner, shape.inner, shift, &sums)
    }
    result = sums.moments(shift: Double(shift), count: count)
    if attempt == 1 || !sums.isPoor(count: count) { break }
    let mean = T(result.mean)
    shift = mean.isFinite ? mean : 0
  }
  return result
}

@inline(__always)
private func addShiftedRun<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ count: Int, _ shift: T, _ sums: inout ShiftedSums
) {
  let lanes = T.Vector.scalarCount
  let k = T.Vector(repeating: shift)
  var i = 0
  while i &+ 4 &* lanes <= count {
    var (a0, a1, a2, a3) = (T.Vector(), T.Vector(), T.Vector(), T.Vector())
    var (b0, b1, b2, b3) = (T.Vector(), T.Vector(), T.Vector(), T.Vector())
    let end = Swift.min(count &- 4 &* lanes, i &+ 4 &* lanes &* (momentFlushInterval &- 1))
    while i <= end {
      let (d0, d1) = (x.vector(at: i) - k, x.vector(at: i &+ lanes) - k)
      let (d2, d3) = (x.vector(at: i &+ 2 &* lanes) - k, x.vector(at: i &+ 3 &* lanes) - k)
      a0 += d0
      a1 += d1
      a2 += d2
      a3 += d3
      b0 = T.multiplyAdd(d0, d0, b0)
      b1 = T.multiplyAdd(d1, d1, b1)
      b2 = T.multiplyAdd(d2, d2, b2)
      b3 = T.multiplyAdd(d3, d3, b3)
      i &+= 4 &* lanes
    }
    sums.first += laneSum((a0 + a1) + (a2 + a3))
    sums.second += laneSum((b0 + b1) + (b2 + b3))
  }
  while i < count {
    let d = Double(x[i]) - Double(shift)
    sums.first += d
    sums.second += d * d
    i &+= 1
  }
}

/// Sum of all lanes in Double.
@inline(__always)
func laneSum<V: SIMD>(_ lanes: V) -> Double where V.Scalar: BinaryFloatingPoint {
  var total = 0.0
  for lane in 0..<V.scalarCount { total += Double(lanes[lane]) }
  return total
}
