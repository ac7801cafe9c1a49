import Graph
import Kernels
import Tensor

extension Window {
  /// Extents of a convolution of x (N, H, W, C) with w (KH, KW, C, O) that gives y.
  func convolution(_ x: Shape, _ w: Shape, _ y: Shape) -> ConvolutionShape {
    ConvolutionShape(
      n: x[0], height: x[1], width: x[2], inChannels: x[3], kernelHeight: w[0], kernelWidth: w[1], outChannels: w[3],
      strideH: strides[0], strideW: strides[1], dilationH: dilation[0], dilationW: dilation[1],
      padTop: output(x[1], size: w[0], axis: 0).before, padLeft: output(x[2], size: w[1], axis: 1).before,
      outHeight: y[1], outWidth: y[2])
  }

  func pooling(_ x: Shape, size: [Int], _ y: Shape) -> PoolingShape {
    PoolingShape(
      n: x[0], height: x[1], width: x[2], channels: x[3], poolHeight: size[0], poolWidth: size[1],
      strideH: strides[0], strideW: strides[1], padTop: output(x[1], size: size[0], axis: 0).before,
      padLeft: output(x[2], size: size[1], axis: 1).before, outHeight: y[1], outWidth: y[2])
  }
}

extension Convolution2D: Lowerable {
  func lower(_ c: Lowering) throws -> Step { try lower(c, bias: nil, relu: false) }

  func lower(_ c: Lowering, bias: Operand?, relu: Bool) throws -> Step {
    let (x, w, y) = (c.inputs[0], c.inputs[1], c.y)
    let shape = window.convolution(x.shape, w.shape, y.shape)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { memory in
        convolution2D(
          memory.read(x, as: T.self), memory.read(w), memory.write(y), shape, bias: bias.map { memory.read($0) },
          relu: relu)
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension Convolution2DInputGradient: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (dy, w, dx) = (c.inputs[0], c.inputs[1], c.y)
    let shape = window.convolution(dx.shape, w.shape, dy.shape)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { convolution2DInputGradient($0.read(dy, as: T.self), $0.read(w), $0.write(dx), shape) }
    }
    return try c.forFloat(dy) { make($0) }
  }
}

extension Convolution2DWeightGradient: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (x, dy, dw) = (c.inputs[0], c.inputs[1], c.y)
    let shape = window.convolution(x.shape, dw.shape, dy.shape)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { convolution2DWeightGradient($0.read(x, as: T.self), $0.read(dy), $0.write(dw), shape) }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension Pooling2D: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (x, y, isMaximum) = (c.x, c.y, isMaximum)
    let shape = window.pooling(x.shape, size: size, y.shape)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      if isMaximum { return { maxPooling2D($0.read(x, as: T.self), $0.write(y), shape) } }
      return { averagePooling2D($0.read(x, as: T.self), $0.write(y), shape) }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension MaxPooling2DGradient: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (dy, x, y, dx) = (c.inputs[0], c.inputs[1], c.inputs[2], c.y)
    let shape = pooling.window.pooling(x.shape, size: pooling.size, y.shape)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { maxPooling2DBackward($0.read(dy, as: T.self), $0.read(x), $0.read(y), $0.write(dx), shape) }
    }
    return try c.forFloat(dy) { make($0) }
  }
}

extension AveragePooling2DGradient: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (dy, dx) = (c.inputs[0], c.y)
    let shape = pooling.window.pooling(dx.shape, size: pooling.size, dy.shape)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { averagePooling2DBackward($0.read(dy, as: T.self), $0.write(dx), shape) }
    }
    return try c.forFloat(dy) { make($0) }
  }
}
