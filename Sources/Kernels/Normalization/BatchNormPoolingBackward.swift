import Parallel

/// Gradients of `batchNormMaxPooling2D`, and of a ReLU with bias in front of it, in one pass over x. The reductions read
/// only what was picked, one pixel of each window.
///
///     g = dy where the window's picked x is, else 0 (with `y`: also 0 where y <= 0, for the ReLU between)
///     dbeta = Σ g, dgamma = Σ g x̂ with x̂ = (x - mean) inverseStd
///     dx = gamma inverseStd (g - dbeta / n - x̂ dgamma / n), n = N·H·W; with `dbias`: 0 where x <= 0, dbias = Σ dx
///
/// `dy`, `y` and `picked` [N, outHeight, outWidth, C], of the forward pass; `x` and `dx` [N, H, W, C]; all others [C];
/// `coefficients` is scratch for 3·C numbers. Windows must not share pixels; pixels of no window have g = 0. Among equal
/// pixels of a window the first one is the picked one. Nothing may overlap, but `dx` may equal `x`.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func batchNormMaxPooling2DBackward<T: KernelScalar>(
  dy: UnsafePointer<T>, y: UnsafePointer<T>?, picked: UnsafePointer<T>, x: UnsafePointer<T>, gamma: UnsafePointer<T>?,
  mean: UnsafePointer<T>, inverseStd: UnsafePointer<T>, dx: UnsafeMutablePointer<T>, dgamma: UnsafeMutablePointer<T>,
  dbeta: UnsafeMutablePointer<T>, dbias: UnsafeMutablePointer<T>?, coefficients: UnsafeMutablePointer<T>,
  shape: PoolingShape
) {
  T.requireSpecialization()
  let channels = shape.channels
  if shape.inputCount == 0 {
    for c in 0..<channels {
      (dgamma[c], dbeta[c]) = (0, 0)
      if let dbias { dbias[c] = 0 }
    }
    return
  }
  let (scale, slope, constant) = (coefficients, coefficients + channels, coefficients + 2 &* channels)
  batchNormBackwardSums(
    dy: dy, x: x, picked: picked, y: y, gamma: gamma, mean: mean, inverseStd: inverseStd, dgamma: dgamma, dbeta: dbeta,
    scale: scale, slope: slope, constant: constant, shape: shape.normalization,
    pickedCount: shape.n &* shape.outHeight &* shape.outWidth)

  let lanes = T.Vector.scalarCount
  let pitch = (channels &+ lanes &- 1) / lanes &* lanes
  let bands = shape.n &* shape.bandsPerImage
  let perChunk = shape.rowsPerChunk
  let chunks = (bands &+ perChunk &- 1) / perChunk
  guard let sums = sharedScratch(bytes: dbias == nil ? 0 : chunks &* pitch &* 8)?.assumingMemoryBound(to: Double.self)
  else { return }
  let work = PooledGradient(
    dy: dy, y: y ?? dy, picked: picked, x: x, mean: mean, scale: UnsafePointer(scale), slope: UnsafePointer(slope),
    constant: UnsafePointer(constant), dx: dx, sums: sums, pitch: pitch, shape: shape)
  switch (y != nil, dbias != nil) {
  case (false, false): spreadBands(work, chunks, No.self, No.self)
  case (false, true): spreadBands(work, chunks, No.self, Yes.self)
  case (true, false): spreadBands(work, chunks, Yes.self, No.self)
  case (true, true): spreadBands(work, chunks, Yes.self, Yes.self)
  }
  guard let dbias else { return }
  for c in 0..<channels {
    var total = 0.0
    for chunk in 0..<chunks { total += sums[chunk &* pitch &+ c] }
    dbias[c] = T(total)
  }
}

extension PoolingShape {
  /// A band holds the rows of the input that belong to a row of windows; the last one also those of no window.
  var bandsPerImage: Int { max(1, outHeight) }
}

private struct PooledGradient<T: KernelScalar> {
  let dy, y, picked, x, mean, scale, slope, constant: UnsafePointer<T>
  let dx: UnsafeMutablePointer<T>
  /// For each chunk the sums of dx.
  let sums: UnsafeMutablePointer<Double>
  let pitch: Int
  let shape: PoolingShape
}

@inline(__always)
private func spreadBands<T: KernelScalar, Masked: Flag, Rectified: Flag>(
  _ work: PooledGradient<T>, _ chunks: Int, _ masked: Masked.Type, _ rectified: Rectified.Type
) {
  parallel(chunks, work) { work, chunk in
    let shape = work.shape
    let lanes = T.Vector.scalarCount
    let sums = work.sums + chunk &* work.pitch
    if Rectified.isSet { for p in 0..<work.pitch { sums[p] = 0 } }
    let perChunk = shape.rowsPerChunk
    for band in chunk &* perChunk..<min((chunk &+ 1) &* perChunk, shape.n &* shape.bandsPerImage) {
      var c = 0
      while c &+ lanes <= shape.channels {
        spreadBand(work, band, c, WholeVector(), sums, Masked.self, Rectified.self)
        c &+= lanes
      }
      let rest = shape.channels &- c
      if rest > 0 { spreadBand(work, band, c, PartVector(count: rest), sums, Masked.self, Rectified.self) }
    }
  }
}

/// What the pixels of one vector of channels need, in registers.
private struct PixelGradient<T: KernelScalar, R: VectorReach, Rectified: Flag> {
  let work: PooledGradient<T>
  let reach: R
  let center, scale, slope, constant: T.Vector
  var sum = T.Vector.zero

  @inline(__always)
  init(_ work: PooledGradient<T>, _ c: Int, _ reach: R) {
    let zero = T.Vector.zero
    self.work = work
    self.reach = reach
    center = reach.load(work.mean, c, else: zero)
    scale = reach.load(work.scale, c, else: zero)
    slope = reach.load(work.slope, c, else: zero)
    constant = reach.load(work.constant, c, else: zero)
  }

  @inline(__always)
  mutating func store(_ gradient: T.Vector, _ value: T.Vector, _ index: Int) {
    let zero = T.Vector.zero
    var d = T.multiplyAdd(gradient, scale, T.multiplyAdd(value - center, slope, constant))
    if Rectified.isSet {
      d = T.select(value, greaterThan: zero, d, else: zero)
      sum += d
    }
    reach.store(d, work.dx, index)
  }

  /// A pixel of a window gets what is left if it is the picked one.
  @inline(__always)
  mutating func windowPixel(_ index: Int, _ rest: inout T.Vector, _ picked: T.Vector) {
    let value = reach.load(work.x, index, else: T.Vector.zero)
    let share = T.keep(rest, where: value, isMaximum: picked)
    rest = T.clear(rest, where: value, isMaximum: picked)
    store(share, value, index)
  }

  /// Pixels of no window, `channels` elements apart.
  @inline(__always)
  mutating func barePixels(_ start: Int, _ count: Int, _ channels: Int) {
    for pixel in 0..<count {
      let index = start &+ pixel &* channels
      store(T.Vector.zero, reach.load(work.x, index, else: T.Vector.zero), index)
    }
  }
}

/// One band for one vector of channels.
@inline(never)
private func spreadBand<T: KernelScalar, R: VectorReach, Masked: Flag, Rectified: Flag>(
  _ work: PooledGradient<T>, _ band: Int, _ c: Int, _ reach: R, _ sums: UnsafeMutablePointer<Double>,
  _ masked: Masked.Type, _ rectified: Rectified.Type
) {
  let shape = work.shape
  let (channels, line) = (shape.channels, shape.width &* shape.channels)
  let (image, i) = (band / shape.bandsPerImage, band % shape.bandsPerImage)
  let (top, bottom) = shape.outHeight == 0 ? (0, 0) : shape.rows(i)
  let start = (image &* shape.height &+ top) &* line &+ c
  var pixels = PixelGradient<T, R, Rectified>(work, c, reach)
  let zero = T.Vector.zero
  var out = band &* shape.outWidth &* channels &+ c
  var covered = 0
  if bottom > top {
    for j in 0..<shape.outWidth {
      let (left, right) = shape.columns(j)
      let corner = start &+ left &* channels
      let picked = reach.load(work.picked, out, else: zero)
      var rest = reach.load(work.dy, out, else: zero)
      if Masked.isSet { rest = T.select(reach.load(work.y, out, else: zero), greaterThan: zero, rest, else: zero) }
      if bottom &- top == 2 && right &- left == 2 {
        pixels.windowPixel(corner, &rest, picked)
        pixels.windowPixel(corner &+ channels, &rest, picked)
        pixels.windowPixel(corner &+ line, &rest, picked)
        pixels.windowPixel(corner &+ line &+ channels, &rest, picked)
      } else {
        for h in 0..<bottom &- top {
          for w in 0..<right &- left {
            pixels.windowPixel(corner &+ h &* line &+ w &* channels, &rest, picked)
          }
        }
      }
      covered = right
      out &+= channels
    }
    for h in 0..<bottom &- top {
      pixels.barePixels(start &+ h &* line &+ covered &* channels, shape.width &- covered, channels)
    }
  }
  if i == shape.bandsPerImage &- 1 {
    for h in bottom..<shape.height {
      pixels.barePixels((image &* shape.height &+ h) &* line &+ c, shape.width, channels)
    }
  }
  if Rectified.isSet { sums.add(pixels.sum, as: T.self, at: c) }
}
