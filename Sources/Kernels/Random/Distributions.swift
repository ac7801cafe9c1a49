// Random arrays as functions of key and stream: the same for every number of threads and every instruction-set level.
// A Float takes one word of the stream, a Double two. Streams of different numbers are independent.

/// out[i] uniform in [low, high): low + u·(high - low), with u a multiple of 2^-24 (Float) or 2^-52 (Double). All low
/// if high <= low.
@_specialize(where T == Float) @_specialize(where T == Double)
public func randomUniform<T: KernelScalar>(
  _ out: UnsafeMutablePointer<T>, _ count: Int, key: UInt64, stream: UInt64, low: T, high: T
) {
  T.requireSpecialization()
  let philox = Philox(key: key, stream: stream)
  // Rounding may reach the open end.
  let last = high > low ? high.nextDown : low
  if T.self == Float.self {
    let bounds = (reinterpret(out, as: Float.self), Float(low), Float(max(low, high)), Float(last))
    forEachRandomPiece(count, wordsPerElement: 1, philox, bounds) { context, start, count, words, _ in
      let (out, low, high, last) = (context.0 + start, context.1, context.2, context.3)
      for i in 0..<count {
        let value = low + Float(Int32(bitPattern: words[i] &>> 8)) * 0x1p-24 * (high - low)
        out[i] = value < last ? value : last
      }
    }
  } else {
    let bounds = (reinterpret(out, as: Double.self), Double(low), Double(max(low, high)), Double(last))
    forEachRandomPiece(count, wordsPerElement: 2, philox, bounds) { context, start, count, words, _ in
      let (out, low, high, last) = (context.0 + start, context.1, context.2, context.3)
      for i in 0..<count {
        let value = low + unitInterval(words, i) * (high - low)
        out[i] = value < last ? value : last
      }
    }
  }
}

/// out[i] normal with this mean and standard deviation, by inversion: mean + std·Φ⁻¹(u).
@_specialize(where T == Float) @_specialize(where T == Double)
public func randomNormal<T: KernelScalar>(
  _ out: UnsafeMutablePointer<T>, _ count: Int, key: UInt64, stream: UInt64, mean: T, std: T
) {
  T.requireSpecialization()
  invertNormal(out, count, Philox(key: key, stream: stream), Double(mean), Double(std), from: 0, mass: 1)
}

/// out[i] normal with this mean and standard deviation, restricted to two standard deviations on each side, by
/// inversion of the restricted distribution: the same as redrawing what lies outside. `std` is that before restricting.
@_specialize(where T == Float) @_specialize(where T == Double)
public func truncatedNormal<T: KernelScalar>(
  _ out: UnsafeMutablePointer<T>, _ count: Int, key: UInt64, stream: UInt64, mean: T, std: T
) {
  T.requireSpecialization()
  // Φ(-2).
  let tail = 0.022750131948179207
  invertNormal(
    out, count, Philox(key: key, stream: stream), Double(mean), Double(std), from: tail, mass: 1 - 2 * tail)
}

/// mean + std·Φ⁻¹(from + mass·u), u uniform.
@inline(__always)
private func invertNormal<T: KernelScalar>(
  _ out: UnsafeMutablePointer<T>, _ count: Int, _ philox: Philox, _ mean: Double, _ std: Double, from: Double,
  mass: Double
) {
  if T.self == Float.self {
    let context = (reinterpret(out, as: Float.self), mean, std, from, mass)
    forEachRandomPiece(count, wordsPerElement: 1, philox, context) { context, start, count, words, z in
      let (out, mean, std, from, mass) = context
      for i in 0..<count { z[i] = from + mass * probability(words[i]) }
      normalQuantiles(z, count)
      for i in 0..<count { out[start &+ i] = Float(mean + std * z[i]) }
    }
  } else {
    let context = (reinterpret(out, as: Double.self), mean, std, from, mass)
    forEachRandomPiece(count, wordsPerElement: 2, philox, context) { context, start, count, words, z in
      let (out, mean, std, from, mass) = context
      for i in 0..<count { z[i] = from + mass * (unitInterval(words, i) + 0x1p-53) }
      normalQuantiles(z, count)
      for i in 0..<count { out[start &+ i] = mean + std * z[i] }
    }
  }
}

@inline(__always)
private func reinterpret<T, U>(_ pointer: UnsafeMutablePointer<T>, as type: U.Type) -> UnsafeMutablePointer<U> {
  UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: U.self)
}
