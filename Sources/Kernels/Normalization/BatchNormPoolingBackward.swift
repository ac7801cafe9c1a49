import CIntrinsics
import Parallel

/// Gradients of `batchNormMaxPooling2D`, and of a ReLU with bias in front of it, in one pass over x. The reductions read
/// only what was picked, one pixel of each window.
///
///     g = dy where the window's picked x is, else 0 (with `relu`: also 0 where `picked` is infinite)
///     dbeta = Σ g, dgamma = Σ g x̂ with x̂ = (x - mean) inverseStd
///     dx = gamma inverseStd (g - dbeta / n - x̂ dgamma / n), n = N·H·W; with `dbias`: 0 where x <= 0, dbias = Σ dx
///
/// `dy` and `picked` [N, outHeight, outWidth, C], of the forward pass with the same `relu`; `x` and `dx` [N, H, W, C];
/// all others [C]; `coefficients` is scratch for 3·C numbers. Windows must not share pixels; pixels of no window have
/// g = 0. Among equal pixels of a window the first one is the picked one. Nothing may overlap, but `dx` may equal `x`.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func batchNormMaxPooling2DBackward<T: KernelScalar>(
  dy: UnsafePointer<T>, picked: UnsafePointer<T>, x: UnsafePointer<T>, gamma: UnsafePointer<T>?,
  mean: UnsafePointer<T>, inverseStd: UnsafePointer<T>, dx: UnsafeMutablePointer<T>, dgamma: UnsafeMutablePointer<T>,
  dbeta: UnsafeMutablePointer<T>, dbias: UnsafeMutablePointer<T>?, coefficients: UnsafeMutablePointer<T>,
  shape: PoolingShape, relu: Bool
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
  let few = NormalizationShape(outer: shape.n &* shape.outHeight &* shape.outWidth, channels: channels, inner: 1)
  batchNormBackwardSums(
    dy: dy, x: x, picked: picked, gamma: gamma, mean: mean, inverseStd: inverseStd, dgamma: dgamma, dbeta: dbeta,
    scale: scale, slope: slope, constant: constant, shape: shape.normalization, pickedShape: few, relu: relu)

  let lanes = T.Vector.scalarCount
  let pitch = (channels &+ lanes &- 1) / lanes &* lanes
  let bands = shape.n &* shape.bandsPerImage
  let chunks = (bands &+ shape.rowsPerChunk &- 1) / shape.rowsPerChunk
  let bytes = dbias == nil ? 0 : chunks &* PooledGradient<T>.sumBytes(pitch)
  guard let sums = sharedScratch(bytes: bytes) else { return }
  let work = PooledGradient(
    dy: dy, picked: picked, x: x, mean: mean, scale: UnsafePointer(scale), slope: UnsafePointer(slope),
    constant: UnsafePointer(constant), dx: dx, sums: sums, pitch: pitch, chunks: chunks, shape: shape)
  switch (relu, dbias != nil) {
  case (false, false): spreadBands(work, No.self, No.self)
  case (false, true): spreadBands(work, No.self, Yes.self)
  case (true, false): spreadBands(work, Yes.self, No.self)
  case (true, true): spreadBands(work, Yes.self, Yes.self)
  }
  guard let dbias else { return }
  for c in 0..<channels {
    var total = 0.0
    for chunk in 0..<chunks { total += work.sums(of: chunk).whole[c] }
    dbias[c] = T(total)
  }
}

extension PoolingShape {
  /// A band holds the rows of the input that belong to a row of windows; the last one also those of no window.
  var bandsPerImage: Int { max(1, outHeight) }
}

private struct PooledGradient<T: KernelScalar> {
  let dy, picked, x, mean, scale, slope, constant: UnsafePointer<T>
  let dx: UnsafeMutablePointer<T>
  /// For each chunk the sums of dx: those of whole bands in Double, and those of the band at hand.
  let sums: UnsafeMutableRawPointer
  let pitch, chunks: Int
  let shape: PoolingShape

  @inline(__always)
  static func sumBytes(_ pitch: Int) -> Int { pitch &* (MemoryLayout<Double>.stride &+ MemoryLayout<T>.stride) }

  @inline(__always)
  func sums(of chunk: Int) -> (whole: UnsafeMutablePointer<Double>, band: UnsafeMutablePointer<T>) {
    let start = sums + chunk &* Self.sumBytes(pitch)
    return (
      start.assumingMemoryBound(to: Double.self),
      (start + pitch &* MemoryLayout<Double>.stride).assumingMemoryBound(to: T.self)
    )
  }

  /// Whether dx is too large for the caches, not over x, and all its vectors are aligned.
  @inline(__always)
  var streams: Bool {
    shape.channels & (T.Vector.scalarCount &- 1) == 0 && UnsafePointer(dx) != x
      && shape.normalization.streams(dx, run: T.Vector.scalarCount)
  }
}

@inline(__always)
private func spreadBands<T: KernelScalar, Masked: Flag, Rectified: Flag>(
  _ work: PooledGradient<T>, _ masked: Masked.Type, _ rectified: Rectified.Type
) {
  parallel(work.chunks, work) { work, number in
    // Backwards, because the end of dy and `picked` is what their sums left in the cache.
    let chunk = work.chunks &- 1 &- number
    let shape = work.shape
    let perChunk = shape.rowsPerChunk
    let bands = (chunk &* perChunk)..<min((chunk &+ 1) &* perChunk, shape.n &* shape.bandsPerImage)
    let lanes = T.Vector.scalarCount
    let whole = 0..<(shape.channels & ~(lanes &- 1))
    let rest = whole.upperBound..<shape.channels
    let sums = work.sums(of: chunk)
    if Rectified.isSet {
      for c in 0..<work.pitch { (sums.whole[c], sums.band[c]) = (0, 0) }
    }
    let streams = work.streams
    for band in bands {
      if streams {
        spreadBand(work, band, whole, StreamedVector(), sums.band, Masked.self, Rectified.self)
      } else if !whole.isEmpty {
        spreadBand(work, band, whole, WholeVector(), sums.band, Masked.self, Rectified.self)
      }
      if !rest.isEmpty {
        spreadBand(work, band, rest, PartVector(count: rest.count), sums.band, Masked.self, Rectified.self)
      }
      if Rectified.isSet { flushBand(sums.band, sums.whole, work.pitch) }
    }
    if streams { sbn_store_fence() }
  }
}

/// Adds the sums of a band to those of whole bands.
@inline(never)
private func flushBand<T: KernelScalar>(
  _ band: UnsafeMutablePointer<T>, _ whole: UnsafeMutablePointer<Double>, _ count: Int
) {
  var c = 0
  while c < count {
    whole.add(band.vector(at: c), as: T.self, at: c)
    band.store(T.Vector.zero, at: c)
    c &+= T.Vector.scalarCount
  }
}

/// One band for a range of channels, `reach` at a time.
@inline(never)
private func spreadBand<T: KernelScalar, R: VectorReach, Masked: Flag, Rectified: Flag>(
  _ work: PooledGradient<T>, _ band: Int, _ columns: Range<Int>, _ reach: R, _ sums: UnsafeMutablePointer<T>,
  _ masked: Masked.Type, _ rectified: Rectified.Type
) {
  let shape = work.shape
  let (channels, line) = (shape.channels, shape.width &* shape.channels)
  let (image, i) = (band / shape.bandsPerImage, band % shape.bandsPerImage)
  let (top, bottom) = shape.outHeight == 0 ? (0, 0) : shape.rows(i)
  let start = (image &* shape.height &+ top) &* line
  if bottom > top {
    var (j, covered) = (0, 0)
    while j < shape.outWidth {
      let out = (band &* shape.outWidth &+ j) &* channels
      let (left, right) = shape.columns(j)
      let corner = start &+ left &* channels
      let squares = shape.squares(from: j, height: bottom &- top)
      if squares > 0 {
        spreadSquares(work, corner, out, squares, columns, reach, sums, Masked.self, Rectified.self)
        covered = left &+ 2 &* squares
        j &+= squares
      } else {
        let size = (bottom &- top, right &- left)
        spreadWindow(work, corner, out, size, columns, reach, sums, Masked.self, Rectified.self)
        covered = right
        j &+= 1
      }
    }
    for h in 0..<bottom &- top {
      let first = start &+ h &* line &+ covered &* channels
      spreadNothing(work, first, shape.width &- covered, columns, reach, sums, Rectified.self)
    }
  }
  if i == shape.bandsPerImage &- 1 {
    for h in bottom..<shape.height {
      let first = (image &* shape.height &+ h) &* line
      spreadNothing(work, first, shape.width, columns, reach, sums, Rectified.self)
    }
  }
}

/// What the pixels of one vector of channels need.
private struct PixelGradient<T: KernelScalar, Rectified: Flag> {
  let center, scale, slope, constant: T.Vector

  @inline(__always)
  init<R: VectorReach>(_ work: PooledGradient<T>, _ c: Int, _ reach: R) {
    let zero = T.Vector.zero
    center = reach.load(work.mean, c, else: zero)
    scale = reach.load(work.scale, c, else: zero)
    slope = reach.load(work.slope, c, else: zero)
    constant = reach.load(work.constant, c, else: zero)
  }

  /// dx of a pixel, 0 behind the end of the channels.
  @inline(__always)
  func value(_ x: T.Vector, _ gradient: T.Vector) -> T.Vector {
    let d = T.multiplyAdd(gradient, scale, T.multiplyAdd(x - center, slope, constant))
    return Rectified.isSet ? T.select(x, greaterThan: T.Vector.zero, d, else: T.Vector.zero) : d
  }
}

/// The gradient of a window, where the ReLU let its result through.
@inline(__always)
private func windowGradient<T: KernelScalar, R: VectorReach, Masked: Flag>(
  _ work: PooledGradient<T>, _ out: Int, _ picked: T.Vector, _ reach: R, _ masked: Masked.Type
) -> T.Vector {
  let gradient = reach.load(work.dy, out, else: T.Vector.zero)
  guard Masked.isSet else { return gradient }
  return T.select(T.Vector(repeating: .infinity), greaterThan: picked, gradient, else: T.Vector.zero)
}

/// Windows of 2 × 2 pixels beside each other, the channels innermost: memory is read in its order. A leaf of its own:
/// in a larger caller the helpers would not be inlined, and vectors would pass through memory.
@inline(never)
private func spreadSquares<T: KernelScalar, R: VectorReach, Masked: Flag, Rectified: Flag>(
  _ work: PooledGradient<T>, _ corner: Int, _ out: Int, _ count: Int, _ columns: Range<Int>, _ reach: R,
  _ sums: UnsafeMutablePointer<T>, _ masked: Masked.Type, _ rectified: Rectified.Type
) {
  let zero = T.Vector.zero
  let channels = work.shape.channels
  let line = work.shape.width &* channels
  var (corner, out) = (corner, out)
  for _ in 0..<count {
    var c = columns.lowerBound
    while c < columns.upperBound {
      let pixel = PixelGradient<T, Rectified>(work, c, reach)
      let (upper, lower) = (corner &+ c, corner &+ line &+ c)
      let picked = reach.load(work.picked, out &+ c, else: zero)
      let all = windowGradient(work, out &+ c, picked, reach, Masked.self)
      let x0 = reach.load(work.x, upper, else: zero)
      let x1 = reach.load(work.x, upper &+ channels, else: zero)
      let x2 = reach.load(work.x, lower, else: zero)
      let x3 = reach.load(work.x, lower &+ channels, else: zero)
      // What a pixel does not get is left for the later ones.
      let after0 = T.clear(all, where: x0, equals: picked)
      let after1 = T.clear(after0, where: x1, equals: picked)
      let after2 = T.clear(after1, where: x2, equals: picked)
      let d0 = pixel.value(x0, T.keep(all, where: x0, equals: picked))
      let d1 = pixel.value(x1, T.keep(after0, where: x1, equals: picked))
      let d2 = pixel.value(x2, T.keep(after1, where: x2, equals: picked))
      let d3 = pixel.value(x3, T.keep(after2, where: x3, equals: picked))
      reach.store(d0, work.dx, upper)
      reach.store(d1, work.dx, upper &+ channels)
      reach.store(d2, work.dx, lower)
      reach.store(d3, work.dx, lower &+ channels)
      if Rectified.isSet { sums.store(sums.vector(at: c) + ((d0 + d1) + (d2 + d3)), at: c) }
      c &+= T.Vector.scalarCount
    }
    corner &+= 2 &* channels
    out &+= channels
  }
}

/// One window of any size.
@inline(never)
private func spreadWindow<T: KernelScalar, R: VectorReach, Masked: Flag, Rectified: Flag>(
  _ work: PooledGradient<T>, _ corner: Int, _ out: Int, _ size: (height: Int, width: Int), _ columns: Range<Int>,
  _ reach: R, _ sums: UnsafeMutablePointer<T>, _ masked: Masked.Type, _ rectified: Rectified.Type
) {
  let zero = T.Vector.zero
  let channels = work.shape.channels
  let line = work.shape.width &* channels
  var c = columns.lowerBound
  while c < columns.upperBound {
    let pixel = PixelGradient<T, Rectified>(work, c, reach)
    let picked = reach.load(work.picked, out &+ c, else: zero)
    var rest = windowGradient(work, out &+ c, picked, reach, Masked.self)
    var sum = zero
    for h in 0..<size.height {
      for w in 0..<size.width {
        let index = corner &+ h &* line &+ w &* channels &+ c
        let x = reach.load(work.x, index, else: zero)
        let d = pixel.value(x, T.keep(rest, where: x, equals: picked))
        rest = T.clear(rest, where: x, equals: picked)
        sum += d
        reach.store(d, work.dx, index)
      }
    }
    if Rectified.isSet { sums.store(sums.vector(at: c) + sum, at: c) }
    c &+= T.Vector.scalarCount
  }
}

/// Pixels of no window, beside each other.
@inline(never)
private func spreadNothing<T: KernelScalar, R: VectorReach, Rectified: Flag>(
  _ work: PooledGradient<T>, _ start: Int, _ count: Int, _ columns: Range<Int>, _ reach: R,
  _ sums: UnsafeMutablePointer<T>, _ rectified: Rectified.Type
) {
  let channels = work.shape.channels
  for index in 0..<count {
    var c = columns.lowerBound
    while c < columns.upperBound {
      let at = start &+ index &* channels &+ c
      let pixel = PixelGradient<T, Rectified>(work, c, reach)
      let d = pixel.value(reach.load(work.x, at, else: T.Vector.zero), T.Vector.zero)
      if Rectified.isSet { sums.store(sums.vector(at: c) + d, at: c) }
      reach.store(d, work.dx, at)
      c &+= T.Vector.scalarCount
    }
  }
}
