import Tensor

/// y[n,h,w,o] = sum over i,j,c of x[n, h·s+i·d-p, w·s+j·d-p, c] · w[i,j,c,o]; x is (N, H, W, C), w (KH, KW, C, O).
///
/// With a third axis x is (N, D, H, W, C) and w (KD, KH, KW, C, O). With groups w has C / groups channels, and the g-th
/// part of the outputs sees the g-th part of the inputs; with C groups it is the depthwise convolution.
public struct Convolution: Operation {
  public let window: Window
  public let groups: Int
  public var axes: Int { window.strides.count }
  public var name: String { "conv\(axes)d" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    let (x, w) = (inputs[0], inputs[1])
    try expectFloat(x, "x")
    try expectSame(x, w, ("x", "w"))
    try expectRank(x, axes + 2, "x")
    let sizes = try expectKernel(w, axes: axes)
    let (channels, expected) = (x.shape[axes + 1], w.shape[axes])
    guard channels == expected * groups || channels == Shape.unknown || expected == Shape.unknown else {
      let known = groups == 1 ? "\(expected)" : "\(expected) · \(groups) groups"
      throw Failure.value(
        "\(name): x has shape \(x.shape), w has shape \(w.shape) = (\(kernelLetters(axes)), C_in, C_out): x has"
          + " \(channels) channels, expected C_in = \(known)")
    }
    guard w.shape[axes + 1] == Shape.unknown || w.shape[axes + 1] % groups == 0 else {
      throw Failure.value("\(name): w has shape \(w.shape), expected C_out to be a multiple of groups = \(groups)")
    }
    return [TensorType(x.dtype, try window.shape(x.shape, sizes: sizes, channels: w.shape[axes + 1], name))]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let (x, w) = (g.inputs[0], g.inputs[1])
    return [
      g.needed[0] ? try g.add(ConvolutionInputGradient(window: window, groups: groups), g.dy, w, x) : nil,
      g.needed[1] ? try g.add(ConvolutionWeightGradient(window: window, groups: groups), x, g.dy, w) : nil,
    ]
  }
}

/// dx from (dy, w, x), of x only the shape.
public struct ConvolutionInputGradient: Operation {
  public let window: Window
  public let groups: Int
  public var name: String { "conv\(window.strides.count)d_input_gradient" }
  public var shapeOnlyInputs: [Int] { [2] }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 3)
    return [TensorType(inputs[0].dtype, inputs[2].shape)]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let (dy, w) = (g.inputs[0], g.inputs[1])
    return [
      g.needed[0] ? try g.add(Convolution(window: window, groups: groups), g.dy, w) : nil,
      g.needed[1] ? try g.add(ConvolutionWeightGradient(window: window, groups: groups), g.dy, dy, w) : nil,
      nil,
    ]
  }
}

/// dw from (x, dy, w), of w only the shape.
public struct ConvolutionWeightGradient: Operation {
  public let window: Window
  public let groups: Int
  public var name: String { "conv\(window.strides.count)d_weight_gradient" }
  public var shapeOnlyInputs: [Int] { [2] }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 3)
    return [TensorType(inputs[0].dtype, inputs[2].shape)]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let (x, dy) = (g.inputs[0], g.inputs[1])
    return [
      g.needed[0] ? try g.add(ConvolutionInputGradient(window: window, groups: groups), dy, g.dy, x) : nil,
      g.needed[1] ? try g.add(Convolution(window: window, groups: groups), x, g.dy) : nil,
      nil,
    ]
  }
}

extension Operation {
  /// Extents in space of a kernel (…, C_in, C_out) of a convolution over `axes` axes.
  func expectKernel(_ w: TensorType, axes: Int) throws -> [Int] {
    try expectRank(w, axes + 2, "w")
    let sizes = Array(w.shape.dims.prefix(axes))
    guard sizes.allSatisfy({ $0 >= 1 }) else {
      let ones = [String](repeating: "1", count: axes).joined(separator: " x ")
      throw Failure.value("\(name): w has shape \(w.shape), expected a kernel of at least \(ones)")
    }
    return sizes
  }

  func kernelLetters(_ axes: Int) -> String { ["KW", "KH, KW", "KD, KH, KW"][axes - 1] }
}

let convolutionFactories: [String: OperationFactory] = {
  var all: [String: OperationFactory] = [:]
  for axes in [2, 3] {
    all["conv\(axes)d"] = {
      let window = try Window(&$0, axes: axes, isDilated: true)
      let groups = try $0.int("groups", default: 1)
      guard groups >= 1, groups <= 1 << 30 else {
        throw Failure.value("conv\(axes)d: groups is \(groups), expected an integer >= 1")
      }
      return Convolution(window: window, groups: groups)
    }
    all["conv\(axes)d_transpose"] = { try ConvolutionTranspose(&$0, axes: axes) }
  }
  return all
}()
