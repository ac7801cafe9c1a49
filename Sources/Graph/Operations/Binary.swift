import Tensor

/// out = f(a, b) under NumPy's broadcasting; both operands of one dtype.
public struct Binary: Operation {
  public enum Kind: String, CaseIterable {
    case add, subtract, multiply, divide, power, maximum, minimum
    case floorDivide = "floor_divide"
    case remainder
  }

  public let kind: Kind
  public init(kind: Kind) { self.kind = kind }
  public var name: String { kind.rawValue }

  static let factories: [String: OperationFactory] = {
    var all: [String: OperationFactory] = [:]
    for kind in Kind.allCases { all[kind.rawValue] = { _ in Binary(kind: kind) } }
    for kind in Comparison.Kind.allCases { all[kind.rawValue] = { _ in Comparison(kind: kind) } }
    for kind in Logical.Kind.allCases { all[kind.rawValue] = { _ in Logical(kind: kind) } }
    all["where"] = { _ in Where() }
    return all
  }()

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    try expectSame(inputs[0], inputs[1], ("a", "b"))
    switch (kind, inputs[0].dtype) {
    case (_, .float32), (_, .float64): break
    case (.divide, _), (.power, _), (_, .uint8), (_, .bool), (_, .float16), (_, .bfloat16):
      throw Failure.type("\(name): operands have dtype \(inputs[0].dtype), expected float32 or float64")
    case (.add, .uint32), (.subtract, .uint32), (.multiply, .uint32), (_, .int32), (_, .int64): break
    case (_, .uint32):
      throw Failure.type("\(name): operands have dtype uint32, expected int32, int64 or a float dtype")
    }
    return [TensorType(inputs[0].dtype, try Shape.broadcast(inputs[0].shape, inputs[1].shape, name))]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let (a, b, y, dy) = (g.inputs[0], g.inputs[1], g.outputs[0], g.dy)
    func toA(_ value: @autoclosure () throws -> Value) throws -> Value? {
      g.needed[0] ? try g.sum(value(), to: a) : nil
    }
    func toB(_ value: @autoclosure () throws -> Value) throws -> Value? {
      g.needed[1] ? try g.sum(value(), to: b) : nil
    }
    switch kind {
    case .add: return [try toA(dy), try toB(dy)]
    case .subtract: return [try toA(dy), try toB(g.negative(dy))]
    case .multiply: return [try toA(g.multiply(dy, b)), try toB(g.multiply(dy, a))]
    case .divide:
      return [try toA(g.divide(dy, b)), try toB(g.negative(g.divide(g.multiply(dy, y), b)))]
    case .power:
      // b·a^(b-1), and a^b·log(a), which counts as 0 where a is not positive.
      let one = try g.scalar(1, like: b)
      let toBase = try toA(g.multiply(dy, g.multiply(b, g.binary(.power, a, g.minus(b, one)))))
      guard g.needed[1] else { return [toBase, nil] }
      let positive = try g.add(Comparison(kind: .greater), a, g.scalar(0, like: a))
      let logarithm = try g.unary(.log, g.add(Where(), positive, a, g.scalar(1, like: a)))
      return [toBase, try toB(g.multiply(dy, g.multiply(y, logarithm)))]
    case .maximum, .minimum:
      // A tie goes to the first operand.
      let first = try g.add(Comparison(kind: kind == .maximum ? .greaterEqual : .lessEqual), a, b)
      let zero = try g.scalar(0, like: dy)
      return [try toA(g.add(Where(), first, dy, zero)), try toB(g.add(Where(), first, zero, dy))]
    case .floorDivide: return [nil, nil]
    case .remainder:
      // a - b·floor(a / b)
      return [try toA(dy), try toB(g.negative(g.multiply(dy, g.binary(.floorDivide, a, b))))]
    }
  }
}

/// Element-wise comparison, boolean result; NaN compares unequal to everything.
public struct Comparison: Operation {
  public enum Kind: String, CaseIterable {
    case equal
    case notEqual = "not_equal"
    case less
    case lessEqual = "less_equal"
    case greater
    case greaterEqual = "greater_equal"
  }

  public let kind: Kind
  public var name: String { kind.rawValue }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    try expectSame(inputs[0], inputs[1], ("a", "b"))
    return [TensorType(.bool, try Shape.broadcast(inputs[0].shape, inputs[1].shape, name))]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] { [nil, nil] }
}

/// Logic on booleans.
public struct Logical: Operation {
  public enum Kind: String, CaseIterable {
    case and = "logical_and"
    case or = "logical_or"
    case not = "logical_not"
  }

  public let kind: Kind
  public var name: String { kind.rawValue }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: kind == .not ? 1 : 2)
    for input in inputs where input.dtype != .bool {
      throw Failure.type("\(name): operand has dtype \(input.dtype), expected bool")
    }
    guard kind != .not else { return inputs }
    return [TensorType(.bool, try Shape.broadcast(inputs[0].shape, inputs[1].shape, name))]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] { g.inputs.map { _ in nil } }
}

/// out = condition ? a : b, all three broadcast together.
public struct Where: Operation {
  public var name: String { "where" }
  public init() {}

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 3)
    guard inputs[0].dtype == .bool else {
      throw Failure.type("where: condition has dtype \(inputs[0].dtype), expected bool")
    }
    try expectSame(inputs[1], inputs[2], ("x", "y"))
    let values = try Shape.broadcast(inputs[1].shape, inputs[2].shape, name)
    return [TensorType(inputs[1].dtype, try Shape.broadcast(inputs[0].shape, values, name))]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let (condition, zero) = (g.inputs[0], try g.scalar(0, like: g.dy))
    return [
      nil,
      g.needed[1] ? try g.sum(g.add(Where(), condition, g.dy, zero), to: g.inputs[1]) : nil,
      g.needed[2] ? try g.sum(g.add(Where(), condition, zero, g.dy), to: g.inputs[2]) : nil,
    ]
  }
}
