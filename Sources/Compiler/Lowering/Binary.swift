import Graph
import Kernels
import Tensor

extension Operation {
  fileprivate func broadcast(_ a: Operand, _ b: Operand, _ out: Operand) throws -> Broadcast {
    try requirePlan(
      Broadcast(aShape: a.shape.dims, bShape: b.shape.dims, outShape: out.shape.dims), out.shape)
  }
}

extension Operation {
  fileprivate func lowerInteger(
    _ operation: IntegerOperation, _ a: Operand, _ b: Operand, _ out: Operand, _ shape: Broadcast
  ) throws -> Step {
    func make<T: FixedWidthInteger & BitwiseCopyable>(_ t: T.Type) -> Step {
      { binaryInteger(operation, $0.read(a, as: T.self), $0.read(b), $0.write(out), shape) }
    }
    switch a.type.dtype {
    case .int32: return make(Int32.self)
    case .uint32: return make(UInt32.self)
    case .int64: return make(Int64.self)
    case let other: throw Failure.type("\(name): inputs have dtype \(other), expected numbers of 4 or 8 bytes")
    }
  }
}

/// Operands that have the result's own shape may give it their memory.
private func sameShapePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] {
  inputs.indices.filter { inputs[$0] == outputs[0] }.map { ($0, 0) }
}

extension Binary: Lowerable {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] {
    sameShapePairs(inputs, outputs)
  }

  func lower(_ c: Lowering) throws -> Step {
    let (a, b, out, operation) = (c.inputs[0], c.inputs[1], c.y, kernel)
    let shape = try broadcast(a, b, out)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { Kernels.binary(operation, $0.read(a, as: T.self), $0.read(b), $0.write(out), shape) }
    }
    if a.type.dtype.isFloat { return try c.forFloat(a) { make($0) } }
    guard let operation = integerKernel else {
      throw Failure.type("\(name): inputs have dtype \(a.type.dtype), expected float32 or float64")
    }
    return try lowerInteger(operation, a, b, out, shape)
  }

  private var integerKernel: IntegerOperation? {
    switch kind {
    case .add: .add
    case .subtract: .subtract
    case .multiply: .multiply
    case .maximum: .maximum
    case .minimum: .minimum
    case .floorDivide: .floorDivide
    case .remainder: .remainder
    case .divide, .power: nil
    }
  }

  private var kernel: BinaryOperation {
    switch kind {
    case .add: .add
    case .subtract: .subtract
    case .multiply: .multiply
    case .divide: .divide
    case .power: .power
    case .maximum: .maximum
    case .minimum: .minimum
    case .floorDivide: .floorDivide
    case .remainder: .remainder
    }
  }
}

extension Bitwise: Lowerable {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] {
    sameShapePairs(inputs, outputs)
  }

  func lower(_ c: Lowering) throws -> Step {
    let (a, b, out) = (c.inputs[0], c.inputs[1], c.y)
    let operation: IntegerOperation =
      switch kind {
      case .and: .and
      case .or: .or
      case .xor: .xor
      case .leftShift: .leftShift
      case .rightShift: .rightShift
      }
    return try lowerInteger(operation, a, b, out, broadcast(a, b, out))
  }
}

extension Comparison: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (a, b, out, operation) = (c.inputs[0], c.inputs[1], c.y, kernel)
    let shape = try broadcast(a, b, out)
    func make<T: Comparable & BitwiseCopyable>(_ t: T.Type) -> Step {
      { compare(operation, $0.read(a, as: T.self), $0.read(b), $0.write(out), shape) }
    }
    switch a.type.dtype {
    case .float32: return make(Float.self)
    case .float64: return make(Double.self)
    case .int32: return make(Int32.self)
    case .int64: return make(Int64.self)
    case .uint8, .bool: return make(UInt8.self)
    case .uint32: return make(UInt32.self)
    case .float16, .bfloat16: throw Failure.type("\(name): dtype \(a.type.dtype) is only stored")
    }
  }

  private var kernel: ComparisonOperation {
    switch kind {
    case .equal: .equal
    case .notEqual: .notEqual
    case .less: .less
    case .lessEqual: .lessEqual
    case .greater: .greater
    case .greaterEqual: .greaterEqual
    }
  }
}

extension Logical: Lowerable {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] {
    sameShapePairs(inputs, outputs)
  }

  func lower(_ c: Lowering) throws -> Step {
    let (a, out) = (c.x, c.y)
    if kind == .not { return { logicalNot($0.read(a), $0.write(out), a.count) } }
    let b = c.inputs[1]
    let shape = try broadcast(a, b, out)
    if kind == .and { return { logicalAnd($0.read(a), $0.read(b), $0.write(out), shape) } }
    return { logicalOr($0.read(a), $0.read(b), $0.write(out), shape) }
  }
}

extension Where: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (condition, a, b, out) = (c.inputs[0], c.inputs[1], c.inputs[2], c.y)
    let plan = try requirePlan(
      TernaryBroadcast(
        conditionShape: condition.shape.dims, aShape: a.shape.dims, bShape: b.shape.dims, outShape: out.shape.dims),
      out.shape)
    func make<T: BitwiseCopyable>(_ t: T.Type) -> Step {
      { selectWhere($0.read(condition), $0.read(a, as: T.self), $0.read(b), $0.write(out), plan) }
    }
    // Only the size of an element matters.
    switch a.type.dtype.size {
    case 1: return make(UInt8.self)
    case 4: return make(Int32.self)
    default: return make(Int64.self)
    }
  }
}
