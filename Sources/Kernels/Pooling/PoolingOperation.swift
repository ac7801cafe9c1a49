/// How a window becomes one number.
protocol PoolingOperation {
  /// The result's start, and the result of a window that is all padding.
  static func identity<T: KernelScalar>(_ type: T.Type) -> T
  static func combine<T: KernelScalar>(_ a: T, _ b: T) -> T
  static func combine<T: KernelScalar>(_ type: T.Type, _ a: T.Vector, _ b: T.Vector) -> T.Vector
  /// Whether the combined value is divided by the number of pixels.
  static var isMean: Bool { get }
}

enum MaximumOperation: PoolingOperation {
  @inline(__always)
  static func identity<T: KernelScalar>(_ type: T.Type) -> T { -T.infinity }

  @inline(__always)
  static func combine<T: KernelScalar>(_ a: T, _ b: T) -> T { a > b || a != a ? a : b }

  @inline(__always)
  static func combine<T: KernelScalar>(_ type: T.Type, _ a: T.Vector, _ b: T.Vector) -> T.Vector {
    T.largerLanes(a, b)
  }

  @inline(__always)
  static var isMean: Bool { false }
}

enum AverageOperation: PoolingOperation {
  @inline(__always)
  static func identity<T: KernelScalar>(_ type: T.Type) -> T { 0 }

  @inline(__always)
  static func combine<T: KernelScalar>(_ a: T, _ b: T) -> T { a + b }

  @inline(__always)
  static func combine<T: KernelScalar>(_ type: T.Type, _ a: T.Vector, _ b: T.Vector) -> T.Vector { a + b }

  @inline(__always)
  static var isMean: Bool { true }
}

extension KernelScalar {
  /// g where x is the maximum m, else 0. x must be at most m, or NaN, and then m is NaN.
  @inline(__always)
  static func keep(_ g: Vector, where x: Vector, isMaximum m: Vector) -> Vector {
    if Self.self == Float.self {
      let (x, m) = (unsafeBitCast(x, to: FloatVector.self), unsafeBitCast(m, to: FloatVector.self))
      let g = unsafeBitCast(g, to: FloatVector.self)
      return unsafeBitCast(FloatVector.zero.replacing(with: g, where: (x .== m) .| (x .!= x)), to: Vector.self)
    }
    let (x, m) = (unsafeBitCast(x, to: DoubleVector.self), unsafeBitCast(m, to: DoubleVector.self))
    let g = unsafeBitCast(g, to: DoubleVector.self)
    return unsafeBitCast(DoubleVector.zero.replacing(with: g, where: (x .== m) .| (x .!= x)), to: Vector.self)
  }

  /// 0 where x is the maximum m, else g.
  @inline(__always)
  static func clear(_ g: Vector, where x: Vector, isMaximum m: Vector) -> Vector {
    if Self.self == Float.self {
      let (x, m) = (unsafeBitCast(x, to: FloatVector.self), unsafeBitCast(m, to: FloatVector.self))
      let g = unsafeBitCast(g, to: FloatVector.self)
      return unsafeBitCast(g.replacing(with: FloatVector.zero, where: (x .== m) .| (x .!= x)), to: Vector.self)
    }
    let (x, m) = (unsafeBitCast(x, to: DoubleVector.self), unsafeBitCast(m, to: DoubleVector.self))
    let g = unsafeBitCast(g, to: DoubleVector.self)
    return unsafeBitCast(g.replacing(with: DoubleVector.zero, where: (x .== m) .| (x .!= x)), to: Vector.self)
  }
}
