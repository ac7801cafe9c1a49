import Glibc
import Parallel

/// Element-wise functions of two arguments.
public enum BinaryOperation: UInt8, CaseIterable, Sendable {
  case add, subtract, multiply, divide, power, maximum, minimum, floorDivide, remainder
}

/// A function on two vectors, and whether it may be applied to a part of one.
protocol VectorFunction2 {
  static func apply<T: KernelScalar>(_ a: T.Vector, _ b: T.Vector, _: T.Type) -> T.Vector
}

/// out = f(a, b) under the broadcasting that `shape` describes. out may be equal to an operand that has its shape.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func binary<T: KernelScalar>(
  _ operation: BinaryOperation, _ a: UnsafePointer<T>, _ b: UnsafePointer<T>, _ out: UnsafeMutablePointer<T>,
  _ shape: Broadcast
) {
  switch operation {
  case .add: combine(Add.self, a, b, out, shape)
  case .subtract: combine(Subtract.self, a, b, out, shape)
  case .multiply: combine(Multiply.self, a, b, out, shape)
  case .divide: combine(Divide.self, a, b, out, shape)
  case .power: combine(Power.self, a, b, out, shape)
  case .maximum: combine(Maximum.self, a, b, out, shape)
  case .minimum: combine(Minimum.self, a, b, out, shape)
  case .floorDivide: combine(FloorDivide.self, a, b, out, shape)
  case .remainder: combine(Remainder.self, a, b, out, shape)
  }
}

/// Splits the result into ranges of rows (or, when there is one row, of elements) and combines each.
@inline(__always)
private func combine<F: VectorFunction2, T: KernelScalar>(
  _: F.Type, _ a: UnsafePointer<T>, _ b: UnsafePointer<T>, _ out: UnsafeMutablePointer<T>, _ shape: Broadcast
) {
  let length = shape.rowLength
  let (aStep, bStep) = (shape.aStrides[shape.rank &- 1], shape.bStrides[shape.rank &- 1])
  if shape.rank == 1 {
    parallelRanges(length, (a, b, out, aStep, bStep)) { context, begin, end in
      let (a, b, out, aStep, bStep) = context
      combineRow(
        F.self, a + begin &* aStep, aStep, b + begin &* bStep, bStep, out + begin, end &- begin)
    }
    return
  }
  let rowsPerChunk = Swift.max(1, elementsPerChunk / Swift.max(length, 1))
  let chunks = (shape.rowCount &+ rowsPerChunk &- 1) / rowsPerChunk
  parallel(chunks, (a, b, out, shape, rowsPerChunk)) { context, chunk in
    let (a, b, out, shape, rowsPerChunk) = context
    let length = shape.rowLength
    let (aStep, bStep) = (shape.aStrides[shape.rank &- 1], shape.bStrides[shape.rank &- 1])
    let last = Swift.min((chunk &+ 1) &* rowsPerChunk, shape.rowCount)
    var row = chunk &* rowsPerChunk
    while row < last {
      let offset = shape.offsets(row: row)
      combineRow(F.self, a + offset.a, aStep, b + offset.b, bStep, out + row &* length, length)
      row &+= 1
    }
  }
}

/// One row; steps are 0 (a repeated scalar) or 1.
@inline(__always)
private func combineRow<F: VectorFunction2, T: KernelScalar>(
  _: F.Type, _ a: UnsafePointer<T>, _ aStep: Int, _ b: UnsafePointer<T>, _ bStep: Int,
  _ out: UnsafeMutablePointer<T>, _ count: Int
) {
  let width = T.Vector.scalarCount
  guard count > 0 else { return }
  var i = 0
  if aStep != 0 && bStep != 0 {
    while i &+ width <= count {
      out.store(F.apply(a.vector(at: i), b.vector(at: i), T.self), at: i)
      i &+= width
    }
    if i < count {
      let rest = count &- i
      out.store(F.apply(a.vector(at: i, count: rest), b.vector(at: i, count: rest), T.self), at: i, count: rest)
    }
  } else if aStep != 0 {
    let scalar = T.Vector(repeating: b[0])
    while i &+ width <= count {
      out.store(F.apply(a.vector(at: i), scalar, T.self), at: i)
      i &+= width
    }
    if i < count {
      out.store(F.apply(a.vector(at: i, count: count &- i), scalar, T.self), at: i, count: count &- i)
    }
  } else {
    let scalar = T.Vector(repeating: a[0])
    while i &+ width <= count {
      out.store(F.apply(scalar, b.vector(at: i), T.self), at: i)
      i &+= width
    }
    if i < count {
      out.store(F.apply(scalar, b.vector(at: i, count: count &- i), T.self), at: i, count: count &- i)
    }
  }
}

private enum Add: VectorFunction2 {
  @inline(__always) static func apply<T: KernelScalar>(_ a: T.Vector, _ b: T.Vector, _: T.Type) -> T.Vector { a + b }
}
private enum Subtract: VectorFunction2 {
  @inline(__always) static func apply<T: KernelScalar>(_ a: T.Vector, _ b: T.Vector, _: T.Type) -> T.Vector { a - b }
}
private enum Multiply: VectorFunction2 {
  @inline(__always) static func apply<T: KernelScalar>(_ a: T.Vector, _ b: T.Vector, _: T.Type) -> T.Vector { a * b }
}
private enum Divide: VectorFunction2 {
  @inline(__always) static func apply<T: KernelScalar>(_ a: T.Vector, _ b: T.Vector, _: T.Type) -> T.Vector { a / b }
}
private enum Power: VectorFunction2 {
  @inline(__always) static func apply<T: KernelScalar>(_ a: T.Vector, _ b: T.Vector, _: T.Type) -> T.Vector {
    var y = a
    for lane in 0..<T.Vector.scalarCount { y[lane] = T(pow(Double(a[lane]), Double(b[lane]))) }
    return y
  }
}
private enum Maximum: VectorFunction2 {
  /// NaN in either operand wins.
  @inline(__always) static func apply<T: KernelScalar>(_ a: T.Vector, _ b: T.Vector, _: T.Type) -> T.Vector {
    a.replacing(with: b, where: (b .> a) .| (b .!= b))
  }
}
private enum Minimum: VectorFunction2 {
  @inline(__always) static func apply<T: KernelScalar>(_ a: T.Vector, _ b: T.Vector, _: T.Type) -> T.Vector {
    a.replacing(with: b, where: (b .< a) .| (b .!= b))
  }
}
private enum FloorDivide: VectorFunction2 {
  @inline(__always) static func apply<T: KernelScalar>(_ a: T.Vector, _ b: T.Vector, _: T.Type) -> T.Vector {
    var y = a
    for lane in 0..<T.Vector.scalarCount { y[lane] = T(floorDivision(Double(a[lane]), Double(b[lane])).quotient) }
    return y
  }
}
private enum Remainder: VectorFunction2 {
  @inline(__always) static func apply<T: KernelScalar>(_ a: T.Vector, _ b: T.Vector, _: T.Type) -> T.Vector {
    var y = a
    for lane in 0..<T.Vector.scalarCount { y[lane] = T(floorDivision(Double(a[lane]), Double(b[lane])).remainder) }
    return y
  }
}

/// Python's // and %: the remainder has the divisor's sign.
private func floorDivision(_ a: Double, _ b: Double) -> (quotient: Double, remainder: Double) {
  if b == 0 { return (a / b, .nan) }
  var remainder = fmod(a, b)
  if remainder != 0 {
    if (b < 0) != (remainder < 0) { remainder += b }
  } else {
    remainder = copysign(0, b)
  }
  let quotient = (a - remainder) / b
  let whole = floor(quotient)
  return (quotient - whole > 0.5 ? whole + 1 : whole, remainder)
}
