import Parallel

/// mask[i] = 1 with this probability, else 0; probabilities are rounded to multiples of 2^-32.
public func randomBernoulli(
  mask: UnsafeMutablePointer<UInt8>, _ count: Int, probability: Double, key: UInt64, stream: UInt64
) {
  let threshold = UInt64((min(max(probability, 0), 1) * 0x1p32).rounded())
  guard threshold > 0 else { return mask.update(repeating: 0, count: count) }
  let context = (mask, UInt32(threshold - 1))
  forEachRandomPiece(count, wordsPerElement: 1, Philox(key: key, stream: stream), context) {
    context, start, count, words, _ in
    let (mask, last) = (context.0 + start, context.1)
    for i in 0..<count { mask[i] = words[i] <= last ? 1 : 0 }
  }
}

/// Inverted dropout: mask[i] = 1 with probability 1 - rate, y = x / (1 - rate) where it is 1 and 0 elsewhere, also for
/// NaN and infinity.
///
/// x, y, mask [count]; y may be equal to x.
@_specialize(where T == Float) @_specialize(where T == Double)
public func dropoutForward<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, mask: UnsafeMutablePointer<UInt8>, _ count: Int, rate: Double,
  key: UInt64, stream: UInt64
) {
  T.requireSpecialization()
  randomBernoulli(mask: mask, count, probability: 1 - rate, key: key, stream: stream)
  dropoutBackward(x, mask: mask, y, count, rate: rate)
}

/// Gradient of `dropoutForward`: dx = dy / (1 - rate) where the mask is 1, and 0 elsewhere.
///
/// dy, mask, dx [count]; dx may be equal to dy.
@_specialize(where T == Float) @_specialize(where T == Double)
public func dropoutBackward<T: KernelScalar>(
  _ dy: UnsafePointer<T>, mask: UnsafePointer<UInt8>, _ dx: UnsafeMutablePointer<T>, _ count: Int, rate: Double
) {
  T.requireSpecialization()
  let chunkElements = 32_768
  let chunks = (count &+ chunkElements &- 1) / chunkElements
  parallel(chunks, (dy, mask, dx, count, chunkElements, T(1 / (1 - rate)))) { context, chunk in
    let (dy, mask, dx, count, chunkElements, scale) = context
    let start = chunk &* chunkElements
    maskRun(dy + start, mask + start, dx + start, min(chunkElements, count &- start), scale)
  }
}

@inline(never)
private func maskRun<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ mask: UnsafePointer<UInt8>, _ y: UnsafeMutablePointer<T>, _ count: Int, _ scale: T
) {
  // Two loops: with one pointer for both the compiler sees that no element depends on another.
  if x == UnsafePointer(y) {
    for i in 0..<count { y[i] = mask[i] != 0 ? y[i] * scale : 0 }
  } else {
    for i in 0..<count { y[i] = mask[i] != 0 ? x[i] * scale : 0 }
  }
}
