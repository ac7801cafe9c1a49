/// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a block of four
/// random words is a function of key and counter only, so that any thread can make any part of a stream.
public struct Philox {
  private let key: UInt64
  private let stream: UInt64

  public init(key: UInt64, stream: UInt64) { (self.key, self.stream) = (key, stream) }

  /// The four words of one block: counter (block, stream), low words first.
  public func words(block: UInt64) -> SIMD4<UInt32> {
    let counter = SIMD4(
      UInt32(truncatingIfNeeded: block), UInt32(truncatingIfNeeded: block >> 32),
      UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32))
    return Philox.rounds(counter, SIMD2(UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: key >> 32)))
  }

  /// The ten rounds, for known answers.
  public static func rounds(_ counter: SIMD4<UInt32>, _ key: SIMD2<UInt32>) -> SIMD4<UInt32> {
    var c = (
      BitVector64(repeating: UInt64(counter.x)), BitVector64(repeating: UInt64(counter.y)),
      BitVector64(repeating: UInt64(counter.z)), BitVector64(repeating: UInt64(counter.w))
    )
    rounds(&c, key.x, key.y)
    return SIMD4(
      UInt32(truncatingIfNeeded: c.0[0]), UInt32(truncatingIfNeeded: c.1[0]), UInt32(truncatingIfNeeded: c.2[0]),
      UInt32(truncatingIfNeeded: c.3[0]))
  }

  /// Words that `fill` makes at a time: eight blocks.
  @inline(__always)
  static var groupWords: Int { 32 }

  /// Groups first ..< first + count of the stream into `words`. Group g holds the blocks 8g ... 8g + 7; its words are
  /// the words 0 and 1 of every block, then the words 2 and 3 of every block: pairs in 64-bit lanes need no shuffling.
  @inline(never)
  func fill(_ words: UnsafeMutablePointer<UInt32>, first: Int, count: Int) {
    let (low, high) = (UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: key >> 32))
    let word = BitVector64(repeating: 0xffff_ffff)
    let shift = BitVector64(repeating: 32)
    let width = BitVector64.scalarCount
    var steps = BitVector64()
    for lane in 0..<width { steps[lane] = UInt64(lane) }
    for group in 0..<count {
      let out = UnsafeMutableRawPointer(words + group &* Philox.groupWords)
      for lane in stride(from: 0, to: 8, by: width) {
        let block = BitVector64(repeating: UInt64((first &+ group) &* 8 &+ lane)) &+ steps
        var c = (
          block & word, block &>> shift, BitVector64(repeating: stream & 0xffff_ffff),
          BitVector64(repeating: stream >> 32)
        )
        Philox.rounds(&c, low, high)
        out.storeBytes(of: c.0 | (c.1 &<< shift), toByteOffset: lane &* 8, as: BitVector64.self)
        out.storeBytes(of: c.2 | (c.3 &<< shift), toByteOffset: 64 &+ lane &* 8, as: BitVector64.self)
      }
    }
  }

  /// One block per lane; a lane holds a word in its lower half.
  @inline(__always)
  private static func rounds(
    _ c: inout (BitVector64, BitVector64, BitVector64, BitVector64), _ key0: UInt32, _ key1: UInt32
  ) {
    let word = BitVector64(repeating: 0xffff_ffff)
    let shift = BitVector64(repeating: 32)
    var (k0, k1) = (key0, key1)
    for _ in 0..<10 {
      // The upper halves are 0 already; masking them again shows the compiler that a 32-bit multiplication will do.
      let p0 = (c.0 & word) &* BitVector64(repeating: 0xD251_1F53)
      let p1 = (c.2 & word) &* BitVector64(repeating: 0xCD9E_8D57)
      c = (
        (p1 &>> shift) ^ c.1 ^ BitVector64(repeating: UInt64(k0)), p1 & word,
        (p0 &>> shift) ^ c.3 ^ BitVector64(repeating: UInt64(k1)), p0 & word
      )
      k0 = k0 &+ 0x9E37_79B9
      k1 = k1 &+ 0xBB67_AE85
    }
  }
}
