/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): four random words as a pure
/// function of a counter and a key, so that any part of a stream can be made by any thread.
public struct Philox {
  private let key: SIMD2<UInt32>
  private let stream: UInt64

  public init(key: UInt64, stream: UInt64) {
    self.key = SIMD2(UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: key >> 32))
    self.stream = stream
  }

  /// Words 4·block … 4·block + 3 of the stream.
  @inline(__always)
  public func words(block: UInt64) -> SIMD4<UInt32> {
    let counter = SIMD4(
      UInt32(truncatingIfNeeded: block), UInt32(truncatingIfNeeded: block >> 32),
      UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32))
    return Philox.rounds(counter, key)
  }

  /// The ten rounds, for known-answer tests.
  @inline(__always)
  public static func rounds(_ counter: SIMD4<UInt32>, _ key: SIMD2<UInt32>) -> SIMD4<UInt32> {
    var (c, k) = (counter, key)
    for round in 0..<10 {
      if round > 0 { k = SIMD2(k.x &+ 0x9E37_79B9, k.y &+ 0xBB67_AE85) }
      let a = UInt64(0xD251_1F53) &* UInt64(c.x)
      let b = UInt64(0xCD9E_8D57) &* UInt64(c.z)
      c = SIMD4(
        UInt32(truncatingIfNeeded: b >> 32) ^ c.y ^ k.x, UInt32(truncatingIfNeeded: b),
        UInt32(truncatingIfNeeded: a >> 32) ^ c.w ^ k.y, UInt32(truncatingIfNeeded: a))
    }
    return c
  }

  /// Two numbers uniform in [0, 1) with 53 random bits each.
  @inline(__always)
  func uniforms(block: UInt64) -> (Double, Double) {
    let w = words(block: block)
    func unit(_ high: UInt32, _ low: UInt32) -> Double {
      Double((UInt64(high) << 32 | UInt64(low)) >> 11) * 0x1p-53
    }
    return (unit(w.x, w.y), unit(w.z, w.w))
  }
}
