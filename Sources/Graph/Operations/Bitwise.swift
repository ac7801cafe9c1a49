import Tensor

/// Functions of the bits of two integers, broadcasting.
public struct Bitwise: Operation {
  public enum Kind: String, CaseIterable {
    case and = "bitwise_and"
    case or = "bitwise_or"
    case xor = "bitwise_xor"
    case leftShift = "bitwise_left_shift"
    case rightShift = "bitwise_right_shift"
  }

  public let kind: Kind
  public var name: String { kind.rawValue }

  static let factories: [String: OperationFactory] = Dictionary(
    uniqueKeysWithValues: Kind.allCases.map { kind in (kind.rawValue, { _ in Bitwise(kind: kind) }) })

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    try expectSame(inputs[0], inputs[1], ("a", "b"))
    switch inputs[0].dtype {
    case .int32, .int64, .uint32: break
    case let other: throw Failure.type("\(name): operands have dtype \(other), expected int32, int64 or uint32")
    }
    return [TensorType(inputs[0].dtype, try Shape.broadcast(inputs[0].shape, inputs[1].shape, name))]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] { [nil, nil] }
}
