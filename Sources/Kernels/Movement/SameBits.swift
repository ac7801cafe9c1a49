private typealias Bits = SIMD16<UInt32>

/// Whether two runs of memory are equal to the bit; `byteCount` is a multiple of 4.
///
/// Reads both at the speed of the caches (`memcmp` looks for the place where they differ, at half of it).
public func haveSameBits(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, byteCount: Int) -> Bool {
  let (width, block) = (MemoryLayout<Bits>.size, 4096)
  var start = 0
  while start &+ block <= byteCount {
    var (even, odd) = (Bits(), Bits())
    for i in stride(from: start, to: start &+ block, by: 2 &* width) {
      even |= difference(a, b, i)
      odd |= difference(a, b, i &+ width)
    }
    if (even | odd) != Bits() { return false }
    start &+= block
  }
  while start < byteCount {
    let (x, y) = (a + start, b + start)
    if x.loadUnaligned(as: UInt32.self) != y.loadUnaligned(as: UInt32.self) { return false }
    start &+= 4
  }
  return true
}

@inline(__always)
private func difference(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ offset: Int) -> Bits {
  (a + offset).loadUnaligned(as: Bits.self) ^ (b + offset).loadUnaligned(as: Bits.self)
}
