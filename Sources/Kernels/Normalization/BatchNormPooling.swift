import Parallel

/// Batch normalization in training with max pooling behind, in one pass over x after that for the statistics.
///
///     z = gamma * (x - mean) / sqrt(variance + epsilon) + beta, then max(0, z) if `relu`; y = max z of each window
///
/// A window's largest z is that of its largest x, or of its smallest where gamma < 0; so `picked`, if given, gets that
/// x, or infinity where the ReLU gives 0 and lets no gradient back: that is all `batchNormMaxPooling2DBackward` needs of
/// z. NaN in a window gives NaN.
///
/// `x` [N, H, W, C]; `y` and `picked` [N, outHeight, outWidth, C]; `gamma` (nil: 1), `beta` (nil: 0) and the statistics
/// [C], as `batchNormForward` gives them; `coefficients` is scratch for 2·C numbers. Every window must hold a pixel.
/// Nothing may overlap. With `channelsFirst`, images are [N, C, H, W], and windows must lie side by side.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func batchNormMaxPooling2D<T: KernelScalar>(
  x: UnsafePointer<T>, gamma: UnsafePointer<T>?, beta: UnsafePointer<T>?, y: UnsafeMutablePointer<T>,
  picked: UnsafeMutablePointer<T>?, mean: UnsafeMutablePointer<T>, variance: UnsafeMutablePointer<T>?,
  inverseStd: UnsafeMutablePointer<T>, coefficients: UnsafeMutablePointer<T>, shape: PoolingShape, epsilon: Double,
  relu: Bool, channelsFirst: Bool = false
) {
  T.requireSpecialization()
  let (scale, offset) = (coefficients, coefficients + shape.channels)
  batchNormStatistics(
    x: x, gamma: gamma, beta: beta, mean: mean, variance: variance, inverseStd: inverseStd, scale: scale,
    offset: offset, shape: shape.normalization(channelsFirst: channelsFirst), epsilon: epsilon)
  let work = PickedWindows(
    x: x, mean: UnsafePointer(mean), scale: UnsafePointer(scale), offset: UnsafePointer(offset), y: y,
    picked: picked ?? y, shape: shape)
  switch (relu, picked != nil) {
  case (false, false): pickWindows(work, No.self, ForResult.self, channelsFirst)
  case (false, true): pickWindows(work, No.self, ForGradient.self, channelsFirst)
  case (true, false): pickWindows(work, Yes.self, ForResult.self, channelsFirst)
  case (true, true): pickWindows(work, Yes.self, ForGradient.self, channelsFirst)
  }
}

/// `batchNormMaxPooling2D` with statistics that are known: z = (x - mean) * scale + offset with what
/// `normalizationCoefficients` gives.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func normalizeMaxPooling2D<T: KernelScalar>(
  x: UnsafePointer<T>, mean: UnsafePointer<T>, scale: UnsafePointer<T>, offset: UnsafePointer<T>,
  y: UnsafeMutablePointer<T>, picked: UnsafeMutablePointer<T>?, shape: PoolingShape, relu: Bool
) {
  T.requireSpecialization()
  let work = PickedWindows(x: x, mean: mean, scale: scale, offset: offset, y: y, picked: picked ?? y, shape: shape)
  switch (relu, picked != nil) {
  case (false, false): pickRows(work, No.self, ForResult.self)
  case (false, true): pickRows(work, No.self, ForGradient.self)
  case (true, false): pickRows(work, Yes.self, ForResult.self)
  case (true, true): pickRows(work, Yes.self, ForGradient.self)
  }
}

/// Batch normalization at inference with max pooling behind, in one pass.
///
///     z = gamma * (x - movingMean) / sqrt(movingVariance + epsilon) + beta, then max(0, z) if `relu`
///     y = max z of each window
///
/// Arguments as those of `batchNormMaxPooling2D` and `batchNormInference`. Windows may overlap.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func batchNormInferenceMaxPooling2D<T: KernelScalar>(
  x: UnsafePointer<T>, gamma: UnsafePointer<T>?, beta: UnsafePointer<T>?, movingMean: UnsafePointer<T>,
  movingVariance: UnsafePointer<T>, y: UnsafeMutablePointer<T>, coefficients: UnsafeMutablePointer<T>,
  shape: PoolingShape, epsilon: Double, relu: Bool
) {
  T.requireSpecialization()
  let (scale, offset) = (coefficients, coefficients + shape.channels)
  formScales(movingVariance, gamma, scale, shape.channels, epsilon)
  for c in 0..<shape.channels { offset[c] = beta.map { $0[c] } ?? 0 }
  let work = PickedWindows(
    x: x, mean: movingMean, scale: UnsafePointer(scale), offset: UnsafePointer(offset), y: y, picked: y, shape: shape)
  if relu { pickRows(work, Yes.self, ForInference.self) } else { pickRows(work, No.self, ForInference.self) }
}

extension PoolingShape {
  /// The input as normalization sees it.
  func normalization(channelsFirst: Bool) -> NormalizationShape {
    channelsFirst
      ? NormalizationShape(outer: n, channels: channels, inner: height &* width)
      : NormalizationShape(outer: n &* height &* width, channels: channels, inner: 1)
  }

  /// Rows of windows that one chunk of work takes.
  var rowsPerChunk: Int { max(1, 32_768 / max(1, poolHeight &* width &* channels)) }

  /// How many windows from the j-th on are squares of 2 × 2 pixels, in a row of windows of `height` pixels.
  @inline(__always)
  func squares(from j: Int, height: Int) -> Int {
    let (left, right) = columns(j)
    guard height == 2 && poolWidth == 2 && right &- left == 2 else { return 0 }
    return min(outWidth &- j, (width &- right) / strideW &+ 1)
  }
}

/// What the results of windows are for.
protocol WindowUse {
  static var keepsPicked: Bool { get }
  /// Whether NaN must be seen in what is picked. In training it is in the channel's statistics, so in all results anyway.
  static var seesNaN: Bool { get }
}
enum ForResult: WindowUse {
  @inline(__always) static var keepsPicked: Bool { false }
  @inline(__always) static var seesNaN: Bool { false }
}
enum ForGradient: WindowUse {
  @inline(__always) static var keepsPicked: Bool { true }
  @inline(__always) static var seesNaN: Bool { false }
}
enum ForInference: WindowUse {
  @inline(__always) static var keepsPicked: Bool { false }
  @inline(__always) static var seesNaN: Bool { true }
}

/// What forward work on windows reads and writes.
struct PickedWindows<T: KernelScalar> {
  let x, mean, scale, offset: UnsafePointer<T>
  let y, picked: UnsafeMutablePointer<T>
  let shape: PoolingShape
}

@inline(__always)
private func pickWindows<T: KernelScalar, Relu: Flag, Use: WindowUse>(
  _ work: PickedWindows<T>, _ relu: Relu.Type, _ use: Use.Type, _ channelsFirst: Bool
) {
  if channelsFirst { pickPlanes(work, Relu.self, Use.self) } else { pickRows(work, Relu.self, Use.self) }
}

@inline(__always)
private func pickRows<T: KernelScalar, Relu: Flag, Use: WindowUse>(
  _ work: PickedWindows<T>, _ relu: Relu.Type, _ use: Use.Type
) {
  let shape = work.shape
  if shape.outputCount == 0 { return }
  let rows = shape.n &* shape.outHeight
  let perChunk = shape.rowsPerChunk
  let chunks = (rows &+ perChunk &- 1) / perChunk
  parallel(chunks, (work, perChunk, chunks)) { context, number in
    let (work, perChunk, chunks) = context
    // Backwards, because the end of x is what the statistics left in the cache.
    let chunk = chunks &- 1 &- number
    let shape = work.shape
    let whole = 0..<(shape.channels & ~(T.Vector.scalarCount &- 1))
    let rest = whole.upperBound..<shape.channels
    for row in chunk &* perChunk..<min((chunk &+ 1) &* perChunk, shape.n &* shape.outHeight) {
      if !whole.isEmpty { pickRow(work, row, whole, WholeVector(), Relu.self, Use.self) }
      if !rest.isEmpty { pickRow(work, row, rest, PartVector(count: rest.count), Relu.self, Use.self) }
    }
  }
}

/// One row of windows for a range of channels, `reach` at a time.
@inline(never)
private func pickRow<T: KernelScalar, R: VectorReach, Relu: Flag, Use: WindowUse>(
  _ work: PickedWindows<T>, _ row: Int, _ columns: Range<Int>, _ reach: R, _ relu: Relu.Type, _ use: Use.Type
) {
  let shape = work.shape
  let (channels, line) = (shape.channels, shape.width &* shape.channels)
  let (top, bottom) = shape.rows(row % shape.outHeight)
  let start = (row / shape.outHeight &* shape.height &+ top) &* line
  var j = 0
  while j < shape.outWidth {
    let out = (row &* shape.outWidth &+ j) &* channels
    let (left, right) = shape.columns(j)
    let corner = start &+ left &* channels
    let squares = shape.squares(from: j, height: bottom &- top)
    if squares > 0 {
      pickSquares(work, corner, out, squares, columns, reach, Relu.self, Use.self)
      j &+= squares
    } else {
      pickWindow(work, corner, out, (bottom &- top, right &- left), columns, reach, Relu.self, Use.self)
      j &+= 1
    }
  }
}

/// How windows become results: those of one vector of channels, or of one channel.
struct WindowResult<T: KernelScalar, Relu: Flag, Use: WindowUse> {
  let center, scale, offset: T.Vector
  /// 1, or -1 where the smallest x counts, which is the largest of the negatives.
  let sign: T.Vector

  @inline(__always)
  private init(_ center: T.Vector, _ scale: T.Vector, _ offset: T.Vector) {
    (self.center, self.scale, self.offset) = (center, scale, offset)
    sign = T.select(T.Vector.zero, greaterThan: scale, T.Vector(repeating: -1), else: T.Vector(repeating: 1))
  }

  @inline(__always)
  init<R: VectorReach>(_ work: PickedWindows<T>, _ c: Int, _ reach: R) {
    let zero = T.Vector.zero
    self.init(
      reach.load(work.mean, c, else: zero), reach.load(work.scale, c, else: zero),
      reach.load(work.offset, c, else: zero))
  }

  @inline(__always)
  init(_ work: PickedWindows<T>, channel: Int) {
    self.init(
      T.Vector(repeating: work.mean[channel]), T.Vector(repeating: work.scale[channel]),
      T.Vector(repeating: work.offset[channel]))
  }

  @inline(__always)
  func larger(_ a: T.Vector, _ b: T.Vector) -> T.Vector {
    Use.seesNaN ? T.largerLanes(a, b) : T.maximum(a, b)
  }

  /// Writes what the `best` x · sign of a window, whose first pixel is `first`, makes of it.
  @inline(__always)
  func store<R: VectorReach>(
    _ best: T.Vector, first: T.Vector, _ work: PickedWindows<T>, _ index: Int, _ reach: R
  ) {
    // Among equal z the first pixel counts; NaN stays.
    let other = Use.seesNaN ? first + (best - best) : first
    let x = T.select(scale * sign, greaterThan: T.Vector.zero, best * sign, else: other)
    let z = T.multiplyAdd(x - center, scale, offset)
    let zero = T.Vector.zero
    if Use.keepsPicked {
      let kept = Relu.isSet ? T.select(z, greaterThan: zero, x, else: T.Vector(repeating: .infinity)) : x
      reach.store(kept, work.picked, index)
    }
    reach.store(Relu.isSet ? T.maximum(zero, z) : z, work.y, index)
  }
}

/// Windows of 2 × 2 pixels, the channels innermost: memory is read in its order. A leaf of its own: in a larger caller
/// the helpers would not be inlined, and vectors would pass through memory.
@inline(never)
private func pickSquares<T: KernelScalar, R: VectorReach, Relu: Flag, Use: WindowUse>(
  _ work: PickedWindows<T>, _ corner: Int, _ out: Int, _ count: Int, _ columns: Range<Int>, _ reach: R,
  _ relu: Relu.Type, _ use: Use.Type
) {
  let zero = T.Vector.zero
  let channels = work.shape.channels
  let line = work.shape.width &* channels
  var (corner, out) = (corner, out)
  for _ in 0..<count {
    var c = columns.lowerBound
    while c < columns.upperBound {
      let result = WindowResult<T, Relu, Use>(work, c, reach)
      let sign = result.sign
      let first = reach.load(work.x, corner &+ c, else: zero)
      let upper = result.larger(first * sign, reach.load(work.x, corner &+ channels &+ c, else: zero) * sign)
      let lower = result.larger(
        reach.load(work.x, corner &+ line &+ c, else: zero) * sign,
        reach.load(work.x, corner &+ line &+ channels &+ c, else: zero) * sign)
      result.store(result.larger(upper, lower), first: first, work, out &+ c, reach)
      c &+= T.Vector.scalarCount
    }
    corner &+= work.shape.strideW &* channels
    out &+= channels
  }
}

/// One window of any size.
@inline(never)
private func pickWindow<T: KernelScalar, R: VectorReach, Relu: Flag, Use: WindowUse>(
  _ work: PickedWindows<T>, _ corner: Int, _ out: Int, _ size: (height: Int, width: Int), _ columns: Range<Int>,
  _ reach: R, _ relu: Relu.Type, _ use: Use.Type
) {
  let zero = T.Vector.zero
  let channels = work.shape.channels
  let line = work.shape.width &* channels
  var c = columns.lowerBound
  while c < columns.upperBound {
    let result = WindowResult<T, Relu, Use>(work, c, reach)
    let first = reach.load(work.x, corner &+ c, else: zero)
    var best = first * result.sign
    for h in 0..<size.height {
      for w in 0..<size.width {
        let index = corner &+ h &* line &+ w &* channels &+ c
        best = result.larger(best, reach.load(work.x, index, else: zero) * result.sign)
      }
    }
    result.store(best, first: first, work, out &+ c, reach)
    c &+= T.Vector.scalarCount
  }
}
