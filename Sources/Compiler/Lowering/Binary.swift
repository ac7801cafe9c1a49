import Graph
import Kernels
import Tensor

extension Operation {
  fileprivate func broadcast(_ a: Operand, _ b: Operand, _ out: Operand) throws -> Broadcast {
    try requirePlan(Broadcast(a.shape.dims, b.shape.dims, out.shape.dims), out.shape)
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
    switch a.type.dtype {
    // Sums, differences and products of unsigned numbers have the same bits as those of signed ones.
    case .int32, .uint32:
      return { binaryInteger(operation, $0.read(a, as: Int32.self), $0.read(b), $0.write(out), shape) }
    case .int64:
      return { binaryInteger(operation, $0.read(a, as: Int64.self), $0.read(b), $0.write(out), shape) }
    default: return try c.forFloat(a) { make($0) }
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

extension Comparison: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (a, b, out, operation) = (c.inputs[0], c.inputs[1], c.y, kernel)
    let shape = try broadcast(a, b, out)
    func make<T: Comparable>(_ t: T.Type) -> Step {
      { compare(operation, $0.read(a, as: T.self), $0.read(b), $0.write(out), shape) }
    }
    switch a.type.dtype {
    case .float32: return make(Float.self)
    case .float64: return make(Double.self)
    case .int32: return make(Int32.self)
    case .int64: return make(Int64.self)
    case .uint8, .bool: return make(UInt8.self)
    case .uint32: return make(UInt32.self)
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
    let operation: LogicalOperation = kind == .and ? .and : .or
    return { logical(operation, $0.read(a), $0.read(b), $0.write(out), shape) }
  }
}

extension Where: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (condition, a, b, out) = (c.inputs[0], c.inputs[1], c.inputs[2], c.y)
    let values = try broadcast(a, b, out)
    let conditions = try broadcast(condition, out, out)
    func make<T: FixedWidthInteger>(_ t: T.Type) -> Step {
      {
        select(
          $0.read(condition), $0.read(a, as: T.self), $0.read(b), $0.write(out), conditions: conditions,
          values: values)
      }
    }
    switch a.type.dtype.size {
    case 1: return make(UInt8.self)
    case 4: return make(UInt32.self)
    default: return make(UInt64.self)
    }
  }
}
