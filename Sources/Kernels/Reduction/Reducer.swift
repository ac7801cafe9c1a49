/// One kind of reduction. Partial results are Doubles: exact for extremes, and what makes sums accurate.
protocol Reducer {
  associatedtype Input: BitwiseCopyable
  /// The result over nothing.
  static var identity: Double { get }
  static func combine(_ a: Double, _ b: Double) -> Double
  /// The result over a run of n elements.
  static func run(_ x: UnsafePointer<Input>, _ n: Int) -> Double
  /// Combines each of `width` columns over `rows` rows into `sums`.
  static func accumulate(
    _ x: UnsafePointer<Input>, _ sums: UnsafeMutablePointer<Double>, rows: Int, stride: Int, width: Int)
}

/// A reduction that can go lane by lane.
protocol LaneReduction {
  static var identity: Double { get }
  static func combine(_ a: Double, _ b: Double) -> Double
  static func combine<T: KernelScalar>(lanes a: T.Vector, _ b: T.Vector, _: T.Type) -> T.Vector
}

enum Reductions {
  struct Sum: LaneReduction {
    static var identity: Double { 0 }
    @inline(__always) static func combine(_ a: Double, _ b: Double) -> Double { a + b }
    @inline(__always) static func combine<T: KernelScalar>(lanes a: T.Vector, _ b: T.Vector, _: T.Type) -> T.Vector {
      a + b
    }
  }

  /// A NaN in either stays.
  struct Max: LaneReduction {
    static var identity: Double { -.infinity }
    @inline(__always) static func combine(_ a: Double, _ b: Double) -> Double { a > b || a != a ? a : b }
    @inline(__always) static func combine<T: KernelScalar>(lanes a: T.Vector, _ b: T.Vector, _: T.Type) -> T.Vector {
      T.largerLanes(a, b)
    }
  }

  struct Min: LaneReduction {
    static var identity: Double { .infinity }
    @inline(__always) static func combine(_ a: Double, _ b: Double) -> Double { a < b || a != a ? a : b }
    @inline(__always) static func combine<T: KernelScalar>(lanes a: T.Vector, _ b: T.Vector, _: T.Type) -> T.Vector {
      T.smallerLanes(a, b)
    }
  }
}

/// The lanes of a vector as Doubles; the second half repeats nothing and is absent when T is Double.
@inline(__always)
func widened<T: KernelScalar>(_ v: T.Vector, _: T.Type) -> (DoubleVector, DoubleVector) {
  let floats = unsafeBitCast(v, to: FloatVector.self)
  return (DoubleVector(floats.lowHalf), DoubleVector(floats.highHalf))
}

/// Lanes of T are combined in vectors; at most `block` of them before they become Doubles, so that rounding errors do
/// not grow with n.
struct LaneReducer<L: LaneReduction, T: KernelScalar>: Reducer {
  typealias Input = T
  static var identity: Double { L.identity }
  static var block: Int { 2048 }

  @inline(__always) static func combine(_ a: Double, _ b: Double) -> Double { L.combine(a, b) }

  @inline(__always)
  static func combine(lanes a: T.Vector, _ b: T.Vector) -> T.Vector { L.combine(lanes: a, b, T.self) }

  @inline(__always)
  static func combine(doubles a: DoubleVector, _ b: DoubleVector) -> DoubleVector {
    L.combine(lanes: a, b, Double.self)
  }

  /// All lanes in one Double vector.
  @inline(__always)
  static func folded(_ v: T.Vector) -> DoubleVector {
    if T.self == Double.self { return unsafeBitCast(v, to: DoubleVector.self) }
    let (low, high) = widened(v, T.self)
    return combine(doubles: low, high)
  }

  @inline(__always)
  static func run(_ x: UnsafePointer<T>, _ n: Int) -> Double {
    let width = T.Vector.scalarCount
    var i = 0
    var total = L.identity
    if n >= width {
      var lanes = DoubleVector(repeating: L.identity)
      while i &+ width <= n {
        let end = min(n, i &+ block)
        let first = x.vector(at: i)
        i &+= width
        var a = first
        if i &+ 3 &* width <= end {
          var b = x.vector(at: i)
          var c = x.vector(at: i &+ width)
          var d = x.vector(at: i &+ 2 &* width)
          i &+= 3 &* width
          while i &+ 4 &* width <= end {
            a = combine(lanes: a, x.vector(at: i))
            b = combine(lanes: b, x.vector(at: i &+ width))
            c = combine(lanes: c, x.vector(at: i &+ 2 &* width))
            d = combine(lanes: d, x.vector(at: i &+ 3 &* width))
            i &+= 4 &* width
          }
          a = combine(lanes: combine(lanes: a, b), combine(lanes: c, d))
        }
        while i &+ width <= end {
          a = combine(lanes: a, x.vector(at: i))
          i &+= width
        }
        lanes = combine(doubles: lanes, folded(a))
      }
      var count = DoubleVector.scalarCount / 2
      while count > 0 {
        for lane in 0..<count { lanes[lane] = L.combine(lanes[lane], lanes[lane &+ count]) }
        count /= 2
      }
      total = lanes[0]
    }
    while i < n {
      total = L.combine(total, Double(x[i]))
      i &+= 1
    }
    return total
  }

  /// Eight rows at a time are combined as a tree of vectors, then added to the Doubles: eight streams that the
  /// processor prefetches, and one pass over `sums` per eight rows.
  @inline(__always)
  static func accumulate(
    _ x: UnsafePointer<T>, _ sums: UnsafeMutablePointer<Double>, rows: Int, stride: Int, width: Int
  ) {
    let lanes = T.Vector.scalarCount
    var row = 0
    while row < rows {
      let p = x + row &* stride
      let isGroup = row &+ 8 <= rows
      var j = 0
      if isGroup {
        while j &+ lanes <= width {
          let q = p + j
          let r01 = combine(lanes: q.vector(at: 0), q.vector(at: stride))
          let r23 = combine(lanes: q.vector(at: 2 &* stride), q.vector(at: 3 &* stride))
          let r45 = combine(lanes: q.vector(at: 4 &* stride), q.vector(at: 5 &* stride))
          let r67 = combine(lanes: q.vector(at: 6 &* stride), q.vector(at: 7 &* stride))
          add(combine(lanes: combine(lanes: r01, r23), combine(lanes: r45, r67)), to: sums + j)
          j &+= lanes
        }
      } else {
        while j &+ lanes <= width {
          add(p.vector(at: j), to: sums + j)
          j &+= lanes
        }
      }
      let count = isGroup ? 8 : 1
      while j < width {
        for k in 0..<count { sums[j] = L.combine(sums[j], Double(p[k &* stride &+ j])) }
        j &+= 1
      }
      row &+= count
    }
  }

  @inline(__always)
  static func add(_ v: T.Vector, to sums: UnsafeMutablePointer<Double>) {
    if T.self == Double.self {
      sums.store(combine(doubles: sums.vector(at: 0), unsafeBitCast(v, to: DoubleVector.self)), at: 0)
    } else {
      let (low, high) = widened(v, T.self)
      let half = DoubleVector.scalarCount
      sums.store(combine(doubles: sums.vector(at: 0), low), at: 0)
      sums.store(combine(doubles: sums.vector(at: half), high), at: half)
    }
  }
}

/// One product in order of the elements: any other order could overflow where this one does not.
struct ProductReducer<T: KernelScalar>: Reducer {
  typealias Input = T
  static var identity: Double { 1 }
  @inline(__always) static func combine(_ a: Double, _ b: Double) -> Double { a * b }

  @inline(__always)
  static func run(_ x: UnsafePointer<T>, _ n: Int) -> Double {
    var product = 1.0
    for i in 0..<n { product *= Double(x[i]) }
    return product
  }

  @inline(__always)
  static func accumulate(
    _ x: UnsafePointer<T>, _ sums: UnsafeMutablePointer<Double>, rows: Int, stride: Int, width: Int
  ) {
    for row in 0..<rows {
      let p = x + row &* stride
      for j in 0..<width { sums[j] *= Double(p[j]) }
    }
  }
}

/// 1 if any byte is non-zero.
struct AnyReducer: Reducer {
  static var identity: Double { 0 }
  @inline(__always) static func combine(_ a: Double, _ b: Double) -> Double { a > b ? a : b }

  @inline(__always)
  static func run(_ x: UnsafePointer<UInt8>, _ n: Int) -> Double {
    var bits: UInt8 = 0
    for i in 0..<n { bits |= x[i] }
    return bits != 0 ? 1 : 0
  }

  @inline(__always)
  static func accumulate(
    _ x: UnsafePointer<UInt8>, _ sums: UnsafeMutablePointer<Double>, rows: Int, stride: Int, width: Int
  ) {
    for row in 0..<rows {
      let p = x + row &* stride
      for j in 0..<width { sums[j] = p[j] != 0 ? 1 : sums[j] }
    }
  }
}

/// 1 if every byte is non-zero.
struct AllReducer: Reducer {
  static var identity: Double { 1 }
  @inline(__always) static func combine(_ a: Double, _ b: Double) -> Double { a < b ? a : b }

  @inline(__always)
  static func run(_ x: UnsafePointer<UInt8>, _ n: Int) -> Double {
    var zeros: UInt8 = 0
    for i in 0..<n { zeros |= x[i] == 0 ? 1 : 0 }
    return zeros == 0 ? 1 : 0
  }

  @inline(__always)
  static func accumulate(
    _ x: UnsafePointer<UInt8>, _ sums: UnsafeMutablePointer<Double>, rows: Int, stride: Int, width: Int
  ) {
    for row in 0..<rows {
      let p = x + row &* stride
      for j in 0..<width { sums[j] = p[j] == 0 ? 0 : sums[j] }
    }
  }
}
