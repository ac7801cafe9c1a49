import Tensor

/// Largest or average value of each window; x is (N, H, W, C). Padding never wins and never counts.
public struct Pooling2D: Operation {
  public let isMaximum: Bool
  public let size: [Int]
  public let window: Window
  public var name: String { isMaximum ? "max_pool2d" : "avg_pool2d" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    let x = inputs[0]
    try expectFloat(x, "x")
    try expectRank(x, 4, "x")
    return [TensorType(x.dtype, try window.shape(x.shape, sizes: size, channels: x.shape[3], name))]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let (x, y) = (g.inputs[0], g.outputs[0])
    return isMaximum
      ? [try g.add(MaxPooling2DGradient(pooling: self), g.dy, x, y)]
      : [try g.add(AveragePooling2DGradient(pooling: self), g.dy, x)]
  }
}

/// dx from (dy, x, y): each window's gradient goes to its first maximum.
public struct MaxPooling2DGradient: Operation {
  public let pooling: Pooling2D
  public var name: String { "max_pool2d_gradient" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 3)
    return [inputs[1]]
  }
}

/// dx from (dy, x), of x only the shape.
public struct AveragePooling2DGradient: Operation {
  public let pooling: Pooling2D
  public var name: String { "avg_pool2d_gradient" }
  public var shapeOnlyInputs: [Int] { [1] }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    return [inputs[1]]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] { [try g.add(pooling, g.dy), nil] }
}

let poolingFactories: [String: OperationFactory] = {
  var all: [String: OperationFactory] = [:]
  for (name, isMaximum) in [("max_pool2d", true), ("avg_pool2d", false)] {
    all[name] = {
      let size = try $0.ints("pool_size")
      guard size.count == 2, size.allSatisfy({ $0 >= 1 && $0 <= 1 << 20 }) else {
        throw Failure.value("\(name): pool_size is \(size), expected 2 integers >= 1")
      }
      let window = try Window(
        strides: try $0.ints("strides", default: size), padding: try $0.string("padding", default: "valid"), name)
      return Pooling2D(isMaximum: isMaximum, size: size, window: window)
    }
  }
  return all
}()
