import Parallel

/// out = 0 ..< count in random order, every order equally likely: Fisher & Yates' shuffle with unbiased draws (Lemire,
/// "Fast random integer generation in an interval", 2019). One thread, as every swap depends on those before.
public func randomPermutation(_ out: UnsafeMutablePointer<Int64>, _ count: Int, key: UInt64, stream: UInt64) {
  let context = (out, count, Philox(key: key, stream: stream))
  parallel(1, scratchBytes: drawWords &* MemoryLayout<UInt32>.size, context) { context, _, scratch in
    let (out, count, philox) = context
    for i in 0..<count { out[i] = Int64(i) }
    var draws = Draws(philox: philox, words: scratch.assumingMemoryBound(to: UInt32.self))
    var i = count &- 1
    while i > 0 {
      let j = draws.next(below: UInt64(i &+ 1))
      (out[i], out[j]) = (out[j], out[i])
      i &-= 1
    }
  }
}

private let drawWords = 1_024

/// The words of a stream, two at a time.
private struct Draws {
  let philox: Philox
  let words: UnsafeMutablePointer<UInt32>
  private var used = drawWords
  private var nextGroup = 0

  init(philox: Philox, words: UnsafeMutablePointer<UInt32>) { (self.philox, self.words) = (philox, words) }

  @inline(__always)
  mutating func next() -> UInt64 {
    if used == drawWords {
      let groups = drawWords / Philox.groupWords
      philox.fill(words, first: nextGroup, count: groups)
      (nextGroup, used) = (nextGroup &+ groups, 0)
    }
    defer { used &+= 2 }
    return UInt64(words[used]) | UInt64(words[used &+ 1]) &<< 32
  }

  /// Uniform in 0 ..< limit.
  @inline(__always)
  mutating func next(below limit: UInt64) -> Int {
    var product = next().multipliedFullWidth(by: limit)
    if product.low < limit {
      // 2^64 mod limit low parts are too many.
      let excess = (0 &- limit) % limit
      while product.low < excess { product = next().multipliedFullWidth(by: limit) }
    }
    return Int(product.high)
  }
}
