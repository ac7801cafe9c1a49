import Graph
import Kernels
import Tensor

/// Which kernels compute a convolution.
private enum ConvolutionForm {
  /// Over images, all channels together.
  case plain(ConvolutionShape)
  /// Over images, every channel by itself.
  case depthwise(ConvolutionShape)
  /// Over images, by groups of few channels.
  case grouped(GroupedShape)
  /// By groups of many channels, or over volumes.
  case parts(ConvolutionParts)

  init(_ window: Window, groups: Int, x: TensorType, w: TensorType, y: TensorType) {
    let isImages = window.strides.count == 2
    let parts = ConvolutionParts(window, groups: groups, x: x, w: w, y: y)
    if isImages && (groups == 1 || w.shape[2] == 1 || parts.images.prefersPlanes) {
      let (x, w, y) = (x.shape, w.shape, y.shape)
      let shape = ConvolutionShape(
        n: x[0], height: x[1], width: x[2], inChannels: x[3], kernelHeight: w[0], kernelWidth: w[1], outChannels: w[3],
        strideH: window.strides[0], strideW: window.strides[1], dilationH: window.dilation[0],
        dilationW: window.dilation[1], padTop: window.output(x[1], size: w[0], axis: 0).before,
        padLeft: window.output(x[2], size: w[1], axis: 1).before, outHeight: y[1], outWidth: y[2])
      if groups == 1 {
        self = .plain(shape)
      } else {
        self = w[2] == 1 ? .depthwise(shape) : .grouped(GroupedShape(shape, groups: groups))
      }
    } else {
      self = .parts(parts)
    }
  }

  /// Of the forward pass and the inputs' gradient, and of the weights' gradient.
  var temporaryBytes: Int {
    if case .parts(let parts) = self { parts.temporaryBytes } else { 0 }
  }
  var weightGradientBytes: Int {
    if case .parts(let parts) = self { parts.weightGradientBytes } else { 0 }
  }
}

extension Convolution: Lowerable {
  func lower(_ c: Lowering) throws -> Step { try lower(c, bias: nil, relu: false) }

  func temporaryBytes(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
    ConvolutionForm(window, groups: groups, x: inputs[0], w: inputs[1], y: outputs[0]).temporaryBytes
  }

  /// The shape of a plain convolution over images, all channels together; nil for others.
  func imageShape(x: TensorType, w: TensorType, y: TensorType) -> ConvolutionShape? {
    if case .plain(let shape) = ConvolutionForm(window, groups: groups, x: x, w: w, y: y) { shape } else { nil }
  }

  func lower(_ c: Lowering, bias: Operand?, relu: Bool) throws -> Step {
    let (x, w, y, temporary) = (c.inputs[0], c.inputs[1], c.y, c.temporary)
    let form = ConvolutionForm(window, groups: groups, x: x.type, w: w.type, y: y.type)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      switch form {
      case .plain(let shape):
        return { memory in
          convolution2D(
            memory.read(x, as: T.self), memory.read(w), memory.write(y), shape, bias: bias.map { memory.read($0) },
            relu: relu)
        }
      case .depthwise(let shape):
        return { memory in
          depthwiseConvolution2D(
            memory.read(x, as: T.self), memory.read(w), memory.write(y), shape, bias: bias.map { memory.read($0) },
            relu: relu)
        }
      case .grouped(let shape):
        return { memory in
          groupedConvolution2D(
            memory.read(x, as: T.self), memory.read(w), memory.write(y), shape, bias: bias.map { memory.read($0) },
            relu: relu)
        }
      case .parts(let parts):
        return { memory in
          parts.forward(
            memory.read(x, as: T.self), memory.read(w), memory.write(y), bias: bias.map { memory.read($0) },
            relu: relu, memory.raw(temporary))
        }
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension ConvolutionInputGradient: Lowerable {
  /// With few channels the products of dy and the whole kernel fill vectors that the phases of the strides do not.
  private func formsProducts(_ shape: ConvolutionShape) -> Bool {
    shape.inChannels < (window.strides.contains { $0 > 1 } ? 16 : 8) && shape.kernelHeight * shape.kernelWidth > 1
  }

  func temporaryBytes(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
    let form = ConvolutionForm(window, groups: groups, x: outputs[0], w: inputs[1], y: inputs[0])
    if case .plain(let shape) = form, formsProducts(shape) {
      return stridedInputGradientRoom(shape) * inputs[0].dtype.size
    }
    return form.temporaryBytes
  }

  func lower(_ c: Lowering) throws -> Step {
    let (dy, w, dx, temporary) = (c.inputs[0], c.inputs[1], c.y, c.temporary)
    let form = ConvolutionForm(window, groups: groups, x: dx.type, w: w.type, y: dy.type)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      switch form {
      case .plain(let shape) where formsProducts(shape):
        return {
          convolution2DStridedInputGradient(
            $0.read(dy, as: T.self), $0.read(w), $0.write(dx), shape, products: $0.write(temporary))
        }
      case .plain(let shape):
        return { convolution2DInputGradient($0.read(dy, as: T.self), $0.read(w), $0.write(dx), shape) }
      case .depthwise(let shape):
        return { depthwiseConvolution2DInputGradient($0.read(dy, as: T.self), $0.read(w), $0.write(dx), shape) }
      case .grouped(let shape):
        return { groupedConvolution2DInputGradient($0.read(dy, as: T.self), $0.read(w), $0.write(dx), shape) }
      case .parts(let parts):
        return { parts.inputGradient($0.read(dy, as: T.self), $0.read(w), $0.write(dx), $0.raw(temporary)) }
      }
    }
    return try c.forFloat(dy) { make($0) }
  }
}

extension ConvolutionWeightGradient: Lowerable {
  func temporaryBytes(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
    ConvolutionForm(window, groups: groups, x: inputs[0], w: outputs[0], y: inputs[1]).weightGradientBytes
  }

  func lower(_ c: Lowering) throws -> Step {
    let (x, dy, dw, temporary) = (c.inputs[0], c.inputs[1], c.y, c.temporary)
    let form = ConvolutionForm(window, groups: groups, x: x.type, w: dw.type, y: dy.type)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      switch form {
      case .plain(let shape):
        return { convolution2DWeightGradient($0.read(x, as: T.self), $0.read(dy), $0.write(dw), shape) }
      case .depthwise(let shape):
        return { depthwiseConvolution2DWeightGradient($0.read(x, as: T.self), $0.read(dy), $0.write(dw), shape) }
      case .grouped(let shape):
        return { groupedConvolution2DWeightGradient($0.read(x, as: T.self), $0.read(dy), $0.write(dw), shape) }
      case .parts(let parts):
        return { parts.weightGradient($0.read(x, as: T.self), $0.read(dy), $0.write(dw), $0.raw(temporary)) }
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}

/// The input gradient of a convolution by another name.
extension ConvolutionTranspose: Lowerable {
  func temporaryBytes(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
    inputGradient(inputs[1].shape).temporaryBytes(inputs, outputs)
  }

  func lower(_ c: Lowering) throws -> Step { try inputGradient(c.inputs[1].shape).lower(c) }
}
