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
/// With `channelsFirst`, images are [N, C, H, W], and windows must lie side by side.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func batchNormMaxPooling2DBackward<T: KernelScalar>(
  dy: UnsafePointer<T>, picked: UnsafePointer<T>, x: UnsafePointer<T>, gamma: UnsafePointer<T>?,
  mean: UnsafePointer<T>, inverseStd: UnsafePointer<T>, dx: UnsafeMutablePointer<T>, dgamma: UnsafeMutablePointer<T>,
  dbeta: UnsafeMutablePointer<T>, dbias: UnsafeMutablePointer<T>?, coefficients: UnsafeMutablePointer<T>,
  shape: PoolingShape, relu: Bool, channelsFirst: Bool = false
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
  let pickedShape =
    channelsFirst
    ? NormalizationShape(outer: shape.n, channels: channels, inner: shape.outHeight &* shape.outWidth)
    : NormalizationShape(outer: shape.n &* shape.outHeight &* shape.outWidth, channels: channels, inner: 1)
  batchNormBackwardSums(
    dy: dy, x: x, picked: picked, gamma: gamma, mean: mean, inverseStd: inverseStd, dgamma: dgamma, dbeta: dbeta,
    scale: scale, slope: slope, constant: constant, shape: shape.normalization(channelsFirst: channelsFirst),
    pickedShape: pickedShape, relu: relu)
  batchNormMaxPooling2DGradientMap(
    dy: dy, picked: picked, x: x, mean: mean, scale: scale, slope: slope, constant: constant, dx: dx, dbias: dbias,
    shape: shape, relu: relu, channelsFirst: channelsFirst)
}

/// The last part of `batchNormMaxPooling2DBackward`, by the coefficients that `batchNormGradientCoefficients` makes of the
/// sums over what was picked: dx = g * scale + (x - mean) * slope + constant; with `dbias`: 0 where x <= 0, dbias = Σ dx.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func batchNormMaxPooling2DGradientMap<T: KernelScalar>(
  dy: UnsafePointer<T>, picked: UnsafePointer<T>, x: UnsafePointer<T>, mean: UnsafePointer<T>,
  scale: UnsafePointer<T>, slope: UnsafePointer<T>, constant: UnsafePointer<T>, dx: UnsafeMutablePointer<T>,
  dbias: UnsafeMutablePointer<T>?, shape: PoolingShape, relu: Bool, channelsFirst: Bool = false
) {
  T.requireSpecialization()
  let work = PooledGradient(
    dy: dy, picked: picked, x: x, mean: mean, scale: scale, slope: slope, constant: constant, dx: dx, dbias: dbias,
    shape: shape)
  switch (relu, dbias != nil) {
  case (false, false): spreadWindows(work, No.self, No.self, channelsFirst)
  case (false, true): spreadWindows(work, No.self, Yes.self, channelsFirst)
  case (true, false): spreadWindows(work, Yes.self, No.self, channelsFirst)
  case (true, true): spreadWindows(work, Yes.self, Yes.self, channelsFirst)
  }
}

@inline(__always)
private func spreadWindows<T: KernelScalar, Masked: Flag, Rectified: Flag>(
  _ work: PooledGradient<T>, _ masked: Masked.Type, _ rectified: Rectified.Type, _ channelsFirst: Bool
) {
  if channelsFirst {
    spreadPlanes(work, Masked.self, Rectified.self)
  } else {
    spreadRows(work, Masked.self, Rectified.self)
  }
}

/// What backward work on windows reads and writes; `dbias` where there is a ReLU in front.
struct PooledGradient<T: KernelScalar> {
  let dy, picked, x, mean, scale, slope, constant: UnsafePointer<T>
  let dx: UnsafeMutablePointer<T>
  let dbias: UnsafeMutablePointer<T>?
  let shape: PoolingShape

  /// Whether dx is too large for the caches, not over x, and vectors at multiples of `run` elements are aligned.
  @inline(__always)
  func streams(run: Int) -> Bool {
    run & (T.Vector.scalarCount &- 1) == 0 && UnsafePointer(dx) != x
      && shape.normalization(channelsFirst: false).streams(dx, run: T.Vector.scalarCount)
  }

  /// The gradient of a window, where the ReLU let its result through.
  @inline(__always)
  func windowGradient<R: VectorReach, Masked: Flag>(
    _ out: Int, _ picked: T.Vector, _ reach: R, _ masked: Masked.Type
  ) -> T.Vector {
    let gradient = reach.load(dy, out, else: T.Vector.zero)
    guard Masked.isSet else { return gradient }
    return T.select(T.Vector(repeating: .infinity), greaterThan: picked, gradient, else: T.Vector.zero)
  }
}

/// What the pixels of one vector of channels, or of one channel, need.
struct PixelGradient<T: KernelScalar, Rectified: Flag> {
  let center, scale, slope, constant: T.Vector

  @inline(__always)
  init<R: VectorReach>(_ work: PooledGradient<T>, _ c: Int, _ reach: R) {
    let zero = T.Vector.zero
    center = reach.load(work.mean, c, else: zero)
    scale = reach.load(work.scale, c, else: zero)
    slope = reach.load(work.slope, c, else: zero)
    constant = reach.load(work.constant, c, else: zero)
  }

  @inline(__always)
  init(_ work: PooledGradient<T>, channel: Int) {
    center = T.Vector(repeating: work.mean[channel])
    scale = T.Vector(repeating: work.scale[channel])
    slope = T.Vector(repeating: work.slope[channel])
    constant = T.Vector(repeating: work.constant[channel])
  }

  /// dx of a pixel; in lanes of no pixel, where x is 0, it is 0 if sums are taken of it.
  @inline(__always)
  func value(_ x: T.Vector, _ gradient: T.Vector) -> T.Vector {
    let d = T.multiplyAdd(gradient, scale, T.multiplyAdd(x - center, slope, constant))
    return Rectified.isSet ? T.select(x, greaterThan: T.Vector.zero, d, else: T.Vector.zero) : d
  }

  /// dx of a window's four pixels: the first of those equal to `picked` gets `all`.
  @inline(__always)
  func square(
    _ x0: T.Vector, _ x1: T.Vector, _ x2: T.Vector, _ x3: T.Vector, _ picked: T.Vector, _ all: T.Vector
  ) -> (T.Vector, T.Vector, T.Vector, T.Vector) {
    let after0 = T.clear(all, where: x0, equals: picked)
    let after1 = T.clear(after0, where: x1, equals: picked)
    let after2 = T.clear(after1, where: x2, equals: picked)
    return (
      value(x0, T.keep(all, where: x0, equals: picked)), value(x1, T.keep(after0, where: x1, equals: picked)),
      value(x2, T.keep(after1, where: x2, equals: picked)), value(x3, T.keep(after2, where: x3, equals: picked))
    )
  }
}
