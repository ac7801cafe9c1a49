import Tensor

/// Largest or average value of each window; x is (N, H, W, C) or (N, D, H, W, C). Padding never wins and never counts.
public struct Pooling: Operation {
  public let isMaximum: Bool
  public let size: [Int]
  public let window: Window
  public var name: String { (isMaximum ? "max" : "avg") + "_pool\(size.count)d" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    let x = inputs[0]
    try expectFloat(x, "x")
    try expectRank(x, size.count + 2, "x")
    return [TensorType(x.dtype, try window.shape(x.shape, sizes: size, channels: x.shape[size.count + 1], name))]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let (x, y) = (g.inputs[0], g.outputs[0])
    return isMaximum
      ? [try g.add(MaxPoolingGradient(pooling: self), g.dy, x, y)]
      : [try g.add(AveragePoolingGradient(pooling: self), g.dy, x)]
  }
}

/// dx from (dy, x, y): each window's gradient goes to its first maximum.
public struct MaxPoolingGradient: Operation {
  public let pooling: Pooling
  public var name: String { pooling.name + "_gradient" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 3)
    return [inputs[1]]
  }
}

/// dx from (dy, x), of x only the shape.
public struct AveragePoolingGradient: Operation {
  public let pooling: Pooling
  public var name: String { pooling.name + "_gradient" }
  public var shapeOnlyInputs: [Int] { [1] }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    return [inputs[1]]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] { [try g.add(pooling, g.dy), nil] }
}

let poolingFactories: [String: OperationFactory] = {
  var all: [String: OperationFactory] = [:]
  for axes in [2, 3] {
    for (name, isMaximum) in [("max_pool\(axes)d", true), ("avg_pool\(axes)d", false)] {
      all[name] = {
        let size = try $0.ints("pool_size")
        guard size.count == axes, size.allSatisfy({ $0 >= 1 && $0 <= 1 << 20 }) else {
          throw Failure.value("\(name): pool_size is \(size), expected \(axes) integers >= 1")
        }
        return Pooling(isMaximum: isMaximum, size: size, window: try Window(&$0, axes: axes, strides: size))
      }
    }
  }
  return all
}()
