import Glibc

/// out[i] uniform in [low, high).
@_specialize(where T == Float)
@_specialize(where T == Double)
public func randomUniform<T: KernelScalar>(
  _ out: UnsafeMutablePointer<T>, _ count: Int, key: UInt64, stream: UInt64, low: T, high: T
) {
  parallelRanges(count, (out, Philox(key: key, stream: stream), Double(low), Double(high))) { context, begin, end in
    let (out, philox, low, high) = context
    for i in begin..<end {
      let pair = philox.uniforms(block: UInt64(i >> 1))
      let value = T(low + (high - low) * (i & 1 == 0 ? pair.0 : pair.1))
      // Rounding may reach the open end.
      out[i] = value < T(high) ? value : (low < high ? T(high).nextDown : T(low))
    }
  }
}

/// A pair of independent standard normal numbers (Box & Muller 1958).
@inline(__always)
private func normals(_ philox: Philox, _ block: UInt64) -> (Double, Double) {
  let (u, v) = philox.uniforms(block: block)
  let radius = (-2 * Glibc.log(1 - u)).squareRoot()
  let angle = 2 * Double.pi * v
  return (radius * Glibc.cos(angle), radius * Glibc.sin(angle))
}

/// out[i] normal.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func randomNormal<T: KernelScalar>(
  _ out: UnsafeMutablePointer<T>, _ count: Int, key: UInt64, stream: UInt64, mean: T, std: T
) {
  parallelRanges(count, (out, Philox(key: key, stream: stream), Double(mean), Double(std))) { context, begin, end in
    let (out, philox, mean, std) = context
    for i in begin..<end {
      let pair = normals(philox, UInt64(i >> 1))
      out[i] = T(mean + std * (i & 1 == 0 ? pair.0 : pair.1))
    }
  }
}

/// out[i] normal, redrawn until it lies within two standard deviations.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func truncatedNormal<T: KernelScalar>(
  _ out: UnsafeMutablePointer<T>, _ count: Int, key: UInt64, stream: UInt64, mean: T, std: T
) {
  parallelRanges(count, (out, Philox(key: key, stream: stream), Double(mean), Double(std))) { context, begin, end in
    let (out, philox, mean, std) = context
    for i in begin..<end {
      // Each element has blocks of its own: attempt a uses block a·2⁴⁰ + i.
      var value = 3.0
      var attempt: UInt64 = 0
      while abs(value) > 2 {
        let pair = normals(philox, attempt << 40 | UInt64(i))
        value = abs(pair.0) <= 2 ? pair.0 : pair.1
        attempt &+= 1
      }
      out[i] = T(mean + std * value)
    }
  }
}

/// y = x / (1 - rate) where kept (mask 1, probability 1 - rate), else 0 (mask 0). y may be equal to x.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func dropoutForward<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, mask: UnsafeMutablePointer<UInt8>, _ count: Int, rate: Double,
  key: UInt64, stream: UInt64
) {
  // Kept where a 32-bit word reaches the threshold.
  let threshold = UInt64((rate * 0x1p32).rounded())
  parallelRanges(count, (x, y, mask, Philox(key: key, stream: stream), threshold, T(1 / (1 - rate)))) {
    context, begin, end in
    let (x, y, mask, philox, threshold, scale) = context
    // Ranges begin at multiples of four.
    var i = begin
    while i < end {
      let words = philox.words(block: UInt64(i >> 2))
      for lane in 0..<Swift.min(4, end &- i) {
        let isKept = UInt64(words[lane]) >= threshold
        mask[i &+ lane] = isKept ? 1 : 0
        y[i &+ lane] = isKept ? x[i &+ lane] * scale : 0
      }
      i &+= 4
    }
  }
}

/// dx = mask ? dy / (1 - rate) : 0. dx may be equal to dy.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func dropoutBackward<T: KernelScalar>(
  _ dy: UnsafePointer<T>, mask: UnsafePointer<UInt8>, _ dx: UnsafeMutablePointer<T>, _ count: Int, rate: Double
) {
  parallelRanges(count, (dy, mask, dx, T(1 / (1 - rate)))) { context, begin, end in
    let (dy, mask, dx, scale) = context
    for i in begin..<end { dx[i] = mask[i] != 0 ? dy[i] * scale : 0 }
  }
}

/// out = 0..<count in random order (Fisher & Yates, without bias).
public func randomPermutation(_ out: UnsafeMutablePointer<Int64>, _ count: Int, key: UInt64, stream: UInt64) {
  let philox = Philox(key: key, stream: stream)
  for i in 0..<count { out[i] = Int64(i) }
  var block: UInt64 = 0
  var i = count &- 1
  while i > 0 {
    // Multiply-shift of 64 bits; the bias is below 2⁻³² for any array that fits memory and is redrawn away.
    let bound = UInt64(i &+ 1)
    var product: (high: UInt64, low: UInt64)
    repeat {
      let words = philox.words(block: block)
      block &+= 1
      product = (UInt64(words.x) << 32 | UInt64(words.y)).multipliedFullWidth(by: bound)
    } while product.low < (0 &- bound) % bound
    let j = Int(product.high)
    (out[i], out[j]) = (out[j], out[i])
    i &-= 1
  }
}
