import Glibc

/// Element-wise functions of one argument.
public enum UnaryOperation: UInt8, CaseIterable, Sendable {
  case negative, abs, sign, square, sqrt, rsqrt, reciprocal, exp, expm1, log, log1p, tanh, sigmoid, relu, softplus
  case silu, erf, sin, cos, floor, ceil, round
}

/// A function on vectors; specialized code is made for each, so that nothing is decided inside loops.
protocol VectorFunction {
  static func apply<T: KernelScalar>(_ x: T.Vector, _: T.Type) -> T.Vector
}

/// y = f(x) for `count` elements. x and y may be equal. NaN stays NaN.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func unary<T: KernelScalar>(
  _ operation: UnaryOperation, _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ count: Int
) {
  switch operation {
  case .negative: map(Negative.self, x, y, count)
  case .abs: map(Absolute.self, x, y, count)
  case .sign: map(Sign.self, x, y, count)
  case .square: map(Square.self, x, y, count)
  case .sqrt: map(SquareRoot.self, x, y, count)
  case .rsqrt: map(ReciprocalSquareRoot.self, x, y, count)
  case .reciprocal: map(Reciprocal.self, x, y, count)
  case .exp: map(Exponential.self, x, y, count)
  case .expm1: map(ExponentialMinusOne.self, x, y, count)
  case .log: map(Logarithm.self, x, y, count)
  case .log1p: map(LogarithmPlusOne.self, x, y, count)
  case .tanh: map(HyperbolicTangent.self, x, y, count)
  case .sigmoid: map(Sigmoid.self, x, y, count)
  case .relu: map(Relu.self, x, y, count)
  case .softplus: map(Softplus.self, x, y, count)
  case .silu: map(Silu.self, x, y, count)
  case .erf: map(ErrorFunction.self, x, y, count)
  case .sin: map(Sine.self, x, y, count)
  case .cos: map(Cosine.self, x, y, count)
  case .floor: map(Floor.self, x, y, count)
  case .ceil: map(Ceiling.self, x, y, count)
  case .round: map(RoundHalfToEven.self, x, y, count)
  }
}

@inline(__always)
private func map<F: VectorFunction, T: KernelScalar>(
  _: F.Type, _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ count: Int
) {
  parallelRanges(count, (x, y)) { context, begin, end in
    let (x, y) = context
    let width = T.Vector.scalarCount
    var i = begin
    while i &+ width <= end {
      y.store(F.apply(x.vector(at: i), T.self), at: i)
      i &+= width
    }
    if i < end { y.store(F.apply(x.vector(at: i, count: end &- i), T.self), at: i, count: end &- i) }
  }
}

private enum Negative: VectorFunction {
  @inline(__always) static func apply<T: KernelScalar>(_ x: T.Vector, _: T.Type) -> T.Vector { -x }
}
private enum Absolute: VectorFunction {
  @inline(__always) static func apply<T: KernelScalar>(_ x: T.Vector, _: T.Type) -> T.Vector {
    T.select(T.Vector(), greaterThan: x, T.Vector() - x, else: x + T.Vector())
  }
}
private enum Sign: VectorFunction {
  @inline(__always) static func apply<T: KernelScalar>(_ x: T.Vector, _: T.Type) -> T.Vector {
    T.select(
      x, greaterThan: T.Vector(), T.Vector(repeating: 1),
      else: T.select(T.Vector(), greaterThan: x, T.Vector(repeating: -1), else: x))
  }
}
private enum Square: VectorFunction {
  @inline(__always) static func apply<T: KernelScalar>(_ x: T.Vector, _: T.Type) -> T.Vector { x * x }
}
private enum SquareRoot: VectorFunction {
  @inline(__always) static func apply<T: KernelScalar>(_ x: T.Vector, _: T.Type) -> T.Vector { T.squareRoot(x) }
}
private enum ReciprocalSquareRoot: VectorFunction {
  @inline(__always) static func apply<T: KernelScalar>(_ x: T.Vector, _: T.Type) -> T.Vector {
    T.Vector(repeating: 1) / T.squareRoot(x)
  }
}
private enum Reciprocal: VectorFunction {
  @inline(__always) static func apply<T: KernelScalar>(_ x: T.Vector, _: T.Type) -> T.Vector {
    T.Vector(repeating: 1) / x
  }
}
private enum Exponential: VectorFunction {
  @inline(__always) static func apply<T: KernelScalar>(_ x: T.Vector, _: T.Type) -> T.Vector { T.exp(x) }
}
private enum ExponentialMinusOne: VectorFunction {
  @inline(__always) static func apply<T: KernelScalar>(_ x: T.Vector, _: T.Type) -> T.Vector { T.expm1(x) }
}
private enum Logarithm: VectorFunction {
  @inline(__always) static func apply<T: KernelScalar>(_ x: T.Vector, _: T.Type) -> T.Vector { T.log(x) }
}
private enum LogarithmPlusOne: VectorFunction {
  @inline(__always) static func apply<T: KernelScalar>(_ x: T.Vector, _: T.Type) -> T.Vector { T.log1p(x) }
}
private enum HyperbolicTangent: VectorFunction {
  @inline(__always) static func apply<T: KernelScalar>(_ x: T.Vector, _: T.Type) -> T.Vector { T.tanh(x) }
}
private enum Sigmoid: VectorFunction {
  @inline(__always) static func apply<T: KernelScalar>(_ x: T.Vector, _: T.Type) -> T.Vector { T.sigmoid(x) }
}
private enum Relu: VectorFunction {
  @inline(__always) static func apply<T: KernelScalar>(_ x: T.Vector, _: T.Type) -> T.Vector {
    T.select(T.Vector(), greaterThan: x, T.Vector(), else: x)
  }
}
private enum Softplus: VectorFunction {
  /// max(x, 0) + log1p(exp(-|x|)) neither overflows nor loses small values.
  @inline(__always) static func apply<T: KernelScalar>(_ x: T.Vector, _: T.Type) -> T.Vector {
    Relu.apply(x, T.self) + T.log1p(T.exp(-Absolute.apply(x, T.self)))
  }
}
private enum Silu: VectorFunction {
  @inline(__always) static func apply<T: KernelScalar>(_ x: T.Vector, _: T.Type) -> T.Vector { x * T.sigmoid(x) }
}
private enum ErrorFunction: VectorFunction {
  @inline(__always) static func apply<T: KernelScalar>(_ x: T.Vector, _: T.Type) -> T.Vector { T.erf(x) }
}
private enum Sine: VectorFunction {
  @inline(__always) static func apply<T: KernelScalar>(_ x: T.Vector, _: T.Type) -> T.Vector {
    var y = x
    for lane in 0..<T.Vector.scalarCount { y[lane] = T(Glibc.sin(Double(x[lane]))) }
    return y
  }
}
private enum Cosine: VectorFunction {
  @inline(__always) static func apply<T: KernelScalar>(_ x: T.Vector, _: T.Type) -> T.Vector {
    var y = x
    for lane in 0..<T.Vector.scalarCount { y[lane] = T(Glibc.cos(Double(x[lane]))) }
    return y
  }
}
private enum Floor: VectorFunction {
  @inline(__always) static func apply<T: KernelScalar>(_ x: T.Vector, _: T.Type) -> T.Vector { x.rounded(.down) }
}
private enum Ceiling: VectorFunction {
  @inline(__always) static func apply<T: KernelScalar>(_ x: T.Vector, _: T.Type) -> T.Vector { x.rounded(.up) }
}
private enum RoundHalfToEven: VectorFunction {
  @inline(__always) static func apply<T: KernelScalar>(_ x: T.Vector, _: T.Type) -> T.Vector {
    x.rounded(.toNearestOrEven)
  }
}
