import Tensor

/// What an operation computes, without any data: its attributes, the types of its outputs, its gradient.
///
/// How it is computed is the Compiler's and the Kernels' business.
public protocol Operation {
  var name: String { get }

  /// Types of the outputs; fails with a text that begins with the operation's name when the inputs do not fit.
  /// Extents may be unknown; the same rule runs again when they are known.
  func infer(_ inputs: [TensorType]) throws -> [TensorType]

  /// Gradients of the inputs, nil where an input has none (or none is wanted).
  func gradient(_ builder: inout GradientBuilder) throws -> [Value?]

  /// Inputs of which only the shape is used: their memory need not be kept.
  var shapeOnlyInputs: [Int] { get }

  /// Whether it takes tensors of the 16-bit floating-point types, which are only stored.
  var acceptsHalf: Bool { get }
}

extension Operation {
  public var shapeOnlyInputs: [Int] { [] }
  public var acceptsHalf: Bool { false }

  public func gradient(_ builder: inout GradientBuilder) throws -> [Value?] {
    throw Failure.value("\(name): has no gradient rule")
  }

  func expect(_ inputs: [TensorType], count: Int) throws {
    guard inputs.count == count else {
      throw Failure.value("\(name): got \(inputs.count) inputs, expected \(count)")
    }
  }

  func expectFloat(_ type: TensorType, _ argument: String) throws {
    guard type.dtype.isFloat else {
      throw Failure.type("\(name): \(argument) has dtype \(type.dtype), expected float32 or float64")
    }
  }

  func expectSame(_ a: TensorType, _ b: TensorType, _ names: (String, String)) throws {
    guard a.dtype == b.dtype else {
      throw Failure.type(
        "\(name): \(names.1) has dtype \(b.dtype), expected \(a.dtype) as \(names.0) has")
    }
  }

  func expectRank(_ type: TensorType, _ rank: Int, _ argument: String) throws {
    guard type.shape.rank == rank else {
      throw Failure.value(
        "\(name): \(argument) has shape \(type.shape), expected rank \(rank)")
    }
  }
}

/// Makes an operation from its attributes.
typealias OperationFactory = (inout AttributeReader) throws -> any Operation

/// A value of a graph.
public struct Value: Hashable, Sendable {
  public let index: Int
  public init(index: Int) { self.index = index }
}

/// Memory that lives on between runs: weights, moving statistics, optimizer and metric state.
public protocol StateVariable: AnyObject {
  var name: String { get }
  var type: TensorType { get }
  var pointer: UnsafeMutableRawPointer { get }
}
