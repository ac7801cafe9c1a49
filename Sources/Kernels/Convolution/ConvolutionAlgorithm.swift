import Glibc
import Synchronization

/// How a convolution is computed.
public enum ConvolutionAlgorithm: Sendable {
  /// Winograd's where it is faster (see `ConvolutionShape.prefersWinograd`) and switched on, else direct.
  case automatic
  case direct
  /// Winograd's wherever it exists: float32, 3×3, stride 1, no dilation; elsewhere direct. The switch does not matter.
  case winograd
}

/// The process-wide switch for Winograd's algorithm, on unless the environment says SWIFTBN_WINOGRAD=0. Kernels read it
/// when they run, so that it also holds for plans made before it was set.
///
/// Winograd's algorithm rounds differently from the direct one (errors stay below 1e-5 of the largest Σ|x|·|w| of the
/// tile; usually they are below 1e-6) and overflows one or two powers of ten before it. A NaN or infinity in one pixel
/// spoils all outputs of the 4×4 tiles whose windows hold the pixel, where the direct one spoils those windows only.
public var isWinogradEnabled: Bool {
  get { WinogradSwitch.state.load(ordering: .relaxed) }
  set { WinogradSwitch.state.store(newValue, ordering: .relaxed) }
}

private enum WinogradSwitch {
  static let state = Atomic<Bool>(getenv("SWIFTBN_WINOGRAD").map { String(cString: $0) } != "0")
}

extension ConvolutionShape {
  /// Winograd's algorithm exists for this shape.
  var allowsWinograd: Bool {
    kernelHeight == 3 && kernelWidth == 3 && strideH == 1 && strideW == 1 && dilationH == 1 && dilationW == 1
      && inChannels > 0 && outChannels > 0
  }

  /// Winograd's algorithm is faster, by what both cost in multiply-adds. As measured, those of the weights weigh 300 per
  /// pair of channels, or 1,000 where they do not fit the second-level cache.
  var prefersWinograd: Bool {
    prefersWinograd(weights: inChannels &* outChannels <= 8_192 ? 300 : 1_000)
  }

  /// The same when the weights have been transformed before: they still have to be read, four times as many as w has.
  public var prefersTransformedWeights: Bool {
    prefersWinograd(weights: inChannels &* outChannels <= 8_192 ? 40 : 400)
  }

  /// As measured, transforms of a tile weigh 350 per channel (they move more than they compute).
  private func prefersWinograd(weights: Int) -> Bool {
    guard allowsWinograd, inChannels >= 16, outChannels >= 16 else { return false }
    let (pairs, channels) = (inChannels &* outChannels, inChannels &+ outChannels)
    let tiles = WinogradTiling(self).total
    let direct = n &* outHeight &* outWidth &* 9 &* pairs
    return (tiles &* (36 &* pairs &+ 350 &* channels) &+ weights &* pairs) &* 5 < direct &* 4
  }

  func usesWinograd<T: KernelScalar>(_: T.Type, _ algorithm: ConvolutionAlgorithm) -> Bool {
    guard T.self == Float.self else { return false }
    switch algorithm {
    case .automatic: return prefersWinograd && isWinogradEnabled
    case .direct: return false
    case .winograd: return allowsWinograd
    }
  }
}

/// The same memory where T is known to be Float.
@inline(__always)
func asFloat<T>(_ p: UnsafePointer<T>) -> UnsafePointer<Float> {
  UnsafeRawPointer(p).assumingMemoryBound(to: Float.self)
}

@inline(__always)
func asFloat<T>(_ p: UnsafeMutablePointer<T>) -> UnsafeMutablePointer<Float> {
  UnsafeMutableRawPointer(p).assumingMemoryBound(to: Float.self)
}
