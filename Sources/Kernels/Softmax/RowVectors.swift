import CIntrinsics

// Rows of any length by whole vectors: the last one is loaded and stored in part, so that kernels work in place.

extension UnsafePointer where Pointee: KernelScalar {
  /// The `count` elements from `index` on; the other lanes are `rest`.
  @inline(__always)
  func lanes(_ count: Int, at index: Int, else rest: Pointee) -> Pointee.Vector {
    var vector = Pointee.Vector(repeating: rest)
    let source = UnsafeRawPointer(self + index)
    withUnsafeMutablePointer(to: &vector) {
      if Pointee.self == Float.self {
        sbn_load_part_f32(source.assumingMemoryBound(to: Float.self), Int32(truncatingIfNeeded: count), $0)
      } else {
        sbn_load_part_f64(source.assumingMemoryBound(to: Double.self), Int32(truncatingIfNeeded: count), $0)
      }
    }
    return vector
  }
}

extension UnsafeMutablePointer where Pointee: KernelScalar {
  /// Stores the first `count` lanes.
  @inline(__always)
  func store(_ count: Int, of vector: Pointee.Vector, at index: Int) {
    let target = UnsafeMutableRawPointer(self + index)
    withUnsafePointer(to: vector) {
      if Pointee.self == Float.self {
        sbn_store_part_f32(target.assumingMemoryBound(to: Float.self), Int32(truncatingIfNeeded: count), $0)
      } else {
        sbn_store_part_f64(target.assumingMemoryBound(to: Double.self), Int32(truncatingIfNeeded: count), $0)
      }
    }
  }
}

extension KernelScalar {
  /// Sum of the lanes, pairwise.
  @inline(__always)
  static func laneSum(_ v: Vector) -> Self {
    if Self.self == Float.self { return unsafeBitCast(unsafeBitCast(v, to: FloatVector.self).sum(), to: Self.self) }
    return unsafeBitCast(unsafeBitCast(v, to: DoubleVector.self).sum(), to: Self.self)
  }

  /// Largest lane; NaN lanes are ignored or not, as it falls.
  @inline(__always)
  static func laneMaximum(_ v: Vector) -> Self {
    var result = v[0]
    for lane in 1..<Vector.scalarCount { result = v[lane] > result ? v[lane] : result }
    return result
  }
}

/// Elements that go into one run of vector sums before it is added to a Double: bounds the rounding error of long rows.
@inline(__always)
var elementsPerSum: Int { 1_024 }

/// Largest element; NaN is ignored or not, as it falls; -∞ for n = 0.
@inline(__always)
func rowMaximum<T: KernelScalar>(_ x: UnsafePointer<T>, _ n: Int) -> T {
  let width = T.Vector.scalarCount
  var m0 = T.Vector(repeating: -T.infinity)
  var (m1, i) = (m0, 0)
  while i &+ 2 &* width <= n {
    m0 = T.maximum(m0, x.vector(at: i))
    m1 = T.maximum(m1, x.vector(at: i &+ width))
    i &+= 2 &* width
  }
  while i < n {
    m0 = T.maximum(m0, x.lanes(min(width, n &- i), at: i, else: -T.infinity))
    i &+= width
  }
  return T.laneMaximum(T.maximum(m0, m1))
}

/// y = e^(x - m); returns their sum. NaN when there is a NaN, or when m is infinite.
///
/// Leaves of their own: larger callers would call the exponential function out of line.
@inline(never)
func storeExponentials<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ n: Int, _ m: T
) -> Double {
  rowExponentials(x, n, m, stores: true, y)
}

/// Σ e^(x - m), NaN as above.
@inline(never)
func sumOfExponentials<T: KernelScalar>(_ x: UnsafePointer<T>, _ n: Int, _ m: T) -> Double {
  rowExponentials(x, n, m, stores: false, UnsafeMutablePointer(mutating: x))
}

@inline(__always)
private func rowExponentials<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ n: Int, _ m: T, stores: Bool, _ y: UnsafeMutablePointer<T>
) -> Double {
  let width = T.Vector.scalarCount
  let shift = T.Vector(repeating: m)
  var (total, i) = (0.0, 0)
  while i < n {
    let end = min(n, i &+ elementsPerSum)
    var sum = T.Vector.zero
    while i &+ width <= end {
      let e = T.exp(x.vector(at: i) - shift)
      if stores { y.store(e, at: i) }
      sum = sum + e
      i &+= width
    }
    if i < end {
      let e = T.exp(x.lanes(end &- i, at: i, else: -T.infinity) - shift)
      if stores { y.store(end &- i, of: e, at: i) }
      sum = sum + e
      i = end
    }
    total += Double(T.laneSum(sum))
  }
  return total
}

/// Natural logarithm of a single number.
@inline(__always)
func scalarLog(_ x: Double) -> Double { Double.log(Double.Vector(repeating: x))[0] }

/// x[i] *= factor.
@inline(__always)
func scaleRow<T: KernelScalar>(_ x: UnsafeMutablePointer<T>, _ n: Int, _ factor: T) {
  let width = T.Vector.scalarCount
  let scale = T.Vector(repeating: factor)
  var i = 0
  while i &+ width <= n {
    x.store(x.vector(at: i) * scale, at: i)
    i &+= width
  }
  if i < n { x.store(n &- i, of: UnsafePointer(x).lanes(n &- i, at: i, else: 0) * scale, at: i) }
}

/// Σ a·b, or Σ a when `isProduct` is false.
@inline(__always)
func rowDot<T: KernelScalar>(
  _ a: UnsafePointer<T>, _ b: UnsafePointer<T>, _ n: Int, isProduct: Bool
) -> Double {
  let width = T.Vector.scalarCount
  var (total, i) = (0.0, 0)
  while i < n {
    let end = min(n, i &+ elementsPerSum)
    var (s0, s1) = (T.Vector.zero, T.Vector.zero)
    while i &+ 2 &* width <= end {
      let (a0, a1) = (a.vector(at: i), a.vector(at: i &+ width))
      s0 = isProduct ? T.multiplyAdd(a0, b.vector(at: i), s0) : s0 + a0
      s1 = isProduct ? T.multiplyAdd(a1, b.vector(at: i &+ width), s1) : s1 + a1
      i &+= 2 &* width
    }
    while i < end {
      let count = min(width, end &- i)
      let a0 = a.lanes(count, at: i, else: 0)
      s0 = isProduct ? T.multiplyAdd(a0, b.lanes(count, at: i, else: 0), s0) : s0 + a0
      i &+= count
    }
    total += Double(T.laneSum(s0 + s1))
  }
  return total
}
