import Tensor

/// How windows slide over an image, along height and width.
public struct Window: Hashable, Sendable {
  public enum Padding: String, Sendable {
    case valid, same
  }

  public let strides: [Int]
  public let padding: Padding
  public let dilation: [Int]

  init(strides: [Int], padding: String, dilation: [Int] = [1, 1], _ name: String) throws {
    guard let padding = Padding(rawValue: padding) else {
      throw Failure.value("\(name): padding is '\(padding)', expected 'valid' or 'same'")
    }
    for (label, pair) in [("strides", strides), ("dilation", dilation)] {
      guard pair.count == 2, pair.allSatisfy({ $0 >= 1 && $0 <= 1 << 20 }) else {
        throw Failure.value("\(name): \(label) are \(pair), expected 2 integers >= 1")
      }
    }
    self.strides = strides
    self.padding = padding
    self.dilation = dilation
  }

  /// Output extent and padding before, along one axis, as TensorFlow defines them.
  public func output(_ extent: Int, size: Int, axis: Int) -> (extent: Int, before: Int) {
    let (stride, reach) = (strides[axis], (size - 1) * dilation[axis] + 1)
    if extent == Shape.unknown { return (Shape.unknown, 0) }
    switch padding {
    case .valid: return (extent < reach ? 0 : (extent - reach) / stride + 1, 0)
    case .same:
      let out = (extent + stride - 1) / stride
      return (out, max(0, (out - 1) * stride + reach - extent) / 2)
    }
  }

  func shape(_ x: Shape, sizes: [Int], channels: Int, _ name: String) throws -> Shape {
    let (height, width) = (output(x[1], size: sizes[0], axis: 0), output(x[2], size: sizes[1], axis: 1))
    guard height.extent != 0 || x[1] == 0, width.extent != 0 || x[2] == 0 else {
      throw Failure.value("\(name): x has shape \(x), which is smaller than the window \(sizes)")
    }
    return [x[0], height.extent, width.extent, channels]
  }
}

/// y[n,h,w,o] = sum over i,j,c of x[n, h·s+i·d-p, w·s+j·d-p, c] · w[i,j,c,o]; x is (N, H, W, C), w (KH, KW, C, O).
public struct Convolution2D: Operation {
  public let window: Window
  public var name: String { "conv2d" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    let (x, w) = (inputs[0], inputs[1])
    try expectFloat(x, "x")
    try expectSame(x, w, ("x", "w"))
    try expectRank(x, 4, "x")
    try expectRank(w, 4, "w")
    guard x.shape[3] == w.shape[2] || x.shape[3] == Shape.unknown else {
      throw Failure.value(
        "conv2d: x has shape \(x.shape), w has shape \(w.shape) = (KH, KW, C_in, C_out): x has \(x.shape[3])"
          + " channels, expected C_in = \(w.shape[2])")
    }
    guard w.shape[0] >= 1, w.shape[1] >= 1 else {
      throw Failure.value("conv2d: w has shape \(w.shape), expected a kernel of at least 1 x 1")
    }
    let sizes = [w.shape[0], w.shape[1]]
    return [TensorType(x.dtype, try window.shape(x.shape, sizes: sizes, channels: w.shape[3], name))]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let (x, w) = (g.inputs[0], g.inputs[1])
    return [
      g.needed[0] ? try g.add(Convolution2DInputGradient(window: window), g.dy, w, x) : nil,
      g.needed[1] ? try g.add(Convolution2DWeightGradient(window: window), x, g.dy, w) : nil,
    ]
  }
}

/// dx from (dy, w, x), of x only the shape.
public struct Convolution2DInputGradient: Operation {
  public let window: Window
  public var name: String { "conv2d_input_gradient" }
  public var shapeOnlyInputs: [Int] { [2] }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 3)
    return [TensorType(inputs[0].dtype, inputs[2].shape)]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let (dy, w) = (g.inputs[0], g.inputs[1])
    return [
      g.needed[0] ? try g.add(Convolution2D(window: window), g.dy, w) : nil,
      g.needed[1] ? try g.add(Convolution2DWeightGradient(window: window), g.dy, dy, w) : nil,
      nil,
    ]
  }
}

/// dw from (x, dy, w), of w only the shape.
public struct Convolution2DWeightGradient: Operation {
  public let window: Window
  public var name: String { "conv2d_weight_gradient" }
  public var shapeOnlyInputs: [Int] { [2] }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 3)
    return [TensorType(inputs[0].dtype, inputs[2].shape)]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let (x, dy) = (g.inputs[0], g.inputs[1])
    return [
      g.needed[0] ? try g.add(Convolution2DInputGradient(window: window), dy, g.dy, x) : nil,
      g.needed[1] ? try g.add(Convolution2D(window: window), x, g.dy) : nil,
      nil,
    ]
  }
}

let convolutionFactories: [String: OperationFactory] = [
  "conv2d": {
    Convolution2D(
      window: try Window(
        strides: try $0.ints("strides", default: [1, 1]), padding: try $0.string("padding", default: "valid"),
        dilation: try $0.ints("dilation", default: [1, 1]), "conv2d"))
  }
]
