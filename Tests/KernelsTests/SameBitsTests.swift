import Kernels
import Testing

struct SameBitsTests {
  /// Around the blocks that are compared at a time, from any address.
  @Test(arguments: [1, 2, 1_023, 1_024, 1_025, 3_000])
  func findsEveryBit(_ count: Int) {
    let words = (0..<count).map { UInt32(truncatingIfNeeded: $0 &* 2_654_435_761) }
    func isSame(as other: [UInt32]) -> Bool {
      words.withUnsafeBytes { a in
        other.withUnsafeBytes { haveSameBits(a.baseAddress!, $0.baseAddress!, byteCount: 4 * count) }
      }
    }
    #expect(isSame(as: words))
    for place in 0..<count {
      var other = words
      other[place] ^= 1 << UInt32(place % 32)
      #expect(!isSame(as: other), "word \(place)")
    }
  }

  /// NaN is equal to itself here, and -0 is not 0.
  @Test func comparesBitsNotNumbers() {
    let (nan, zero, minusZero): ([Float], [Float], [Float]) = ([.nan], [0], [-0.0])
    #expect(haveSameBits(nan, nan, byteCount: 4))
    #expect(!haveSameBits(zero, minusZero, byteCount: 4))
    #expect(haveSameBits(nan, zero, byteCount: 0))
  }
}
