import Graph
import Kernels
import Tensor

/// A convolution with groups or over volumes as plain convolutions over images: per group its channels are packed, with
/// the planes under a kernel's depth side by side, so that the images have KD · C_in / groups channels.
struct ConvolutionParts {
  let groups: Int
  let window: Window
  /// Shapes with a depth: (N, D, H, W, C) and (KD, KH, KW, C_in, C_out).
  private let x, w, y: Shape
  private let scalarBytes: Int

  init(_ window: Window, groups: Int, x: TensorType, w: TensorType, y: TensorType) {
    func withDepth(_ shape: Shape, at axis: Int) -> Shape {
      shape.rank == 5 ? shape : Shape(Array(shape.dims[..<axis]) + [1] + Array(shape.dims[axis...]))
    }
    self.window = window
    self.groups = groups
    (self.x, self.w, self.y) = (withDepth(x.shape, at: 1), withDepth(w.shape, at: 0), withDepth(y.shape, at: 1))
    scalarBytes = x.dtype.size
  }

  private var isVolume: Bool { window.strides.count == 3 }
  private var channels: Int { w[3] }
  private var columns: Int { groups > 0 ? w[4] / groups : 0 }
  private var padFront: Int { isVolume ? window.output(x[1], size: w[0], axis: 0).before : 0 }
  /// The images already are what the convolution over them reads or writes.
  private var isInputDirect: Bool { groups == 1 && w[0] == 1 && y[1] == x[1] && padFront == 0 }
  private var isOutputDirect: Bool { groups == 1 }
  private var isKernelDirect: Bool { groups == 1 && w[0] == 1 }

  /// The convolution over images of one group.
  var images: ConvolutionShape {
    let axis = isVolume ? 1 : 0
    return ConvolutionShape(
      n: x[0] * y[1], height: x[2], width: x[3], inChannels: w[0] * channels, kernelHeight: w[1], kernelWidth: w[2],
      outChannels: columns, strideH: window.strides[axis], strideW: window.strides[axis + 1],
      dilationH: window.dilation[axis], dilationW: window.dilation[axis + 1],
      padTop: window.output(x[2], size: w[1], axis: axis).before,
      padLeft: window.output(x[3], size: w[2], axis: axis + 1).before, outHeight: y[2], outWidth: y[3])
  }

  /// Forward and for the inputs' gradient each pixel is multiplied with the kernels of all groups, where it lies.
  private var isPointwise: Bool { groups > 1 && w[0] == 1 && y[1] == x[1] && padFront == 0 && images.isPointwise }

  private func inputWindows(_ group: Int) -> DepthWindowsShape {
    DepthWindowsShape(
      n: x[0], depth: x[1], pixels: x[2] * x[3], channels: x[4], outDepth: y[1], kernelDepth: w[0],
      stride: isVolume ? window.strides[0] : 1, dilation: isVolume ? window.dilation[0] : 1, padFront: padFront,
      firstChannel: group * channels, channelCount: channels)
  }

  private func outputChannels(_ group: Int) -> DepthWindowsShape {
    DepthWindowsShape(
      n: y[0], depth: y[1], pixels: y[2] * y[3], channels: y[4], outDepth: y[1], kernelDepth: 1, stride: 1,
      dilation: 1, padFront: 0, firstChannel: group * columns, channelCount: columns)
  }

  private func kernelColumns(_ group: Int) -> DepthKernelShape {
    DepthKernelShape(
      kernelDepth: w[0], taps: w[1] * w[2], channels: channels, outChannels: w[4], firstColumn: group * columns,
      columns: columns)
  }

  /// Bytes of packed inputs, outputs and kernel, each from an aligned offset.
  private var rooms: (input: Int, output: Int, kernel: Int) {
    func bytes(_ isDirect: Bool, _ count: Int) -> Int { isDirect ? 0 : (count * scalarBytes + 63) & ~63 }
    return (
      bytes(isInputDirect, x[0] * y[1] * x[2] * x[3] * w[0] * channels),
      bytes(isOutputDirect, y.count / max(groups, 1)), bytes(isKernelDirect, w.count / max(groups, 1))
    )
  }
  /// What the weights' gradient takes, and the other two.
  var weightGradientBytes: Int { rooms.input + rooms.output + rooms.kernel }
  var temporaryBytes: Int { isPointwise ? 0 : weightGradientBytes }

  /// Where a group's packed parts lie in the temporary memory.
  private func parts<T: KernelScalar>(
    _ temporary: UnsafeMutableRawPointer, _: T.Type
  ) -> (input: UnsafeMutablePointer<T>, output: UnsafeMutablePointer<T>, kernel: UnsafeMutablePointer<T>) {
    let rooms = rooms
    return (
      temporary.assumingMemoryBound(to: T.self), (temporary + rooms.input).assumingMemoryBound(to: T.self),
      (temporary + rooms.input + rooms.output).assumingMemoryBound(to: T.self)
    )
  }

  func forward<T: KernelScalar>(
    _ x: UnsafePointer<T>, _ w: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, bias: UnsafePointer<T>?, relu: Bool,
    _ temporary: UnsafeMutableRawPointer
  ) {
    if isPointwise {
      return groupedPointwiseConvolution(
        x, w, y, pixels: images.n * images.height * images.width, groups: groups, inputs: channels, outputs: columns,
        transposed: false, bias: bias, relu: relu)
    }
    let parts = parts(temporary, T.self)
    for group in 0..<groups {
      if !isInputDirect { gatherDepthWindows(x, parts.input, inputWindows(group)) }
      if !isKernelDirect { gatherDepthKernel(w, parts.kernel, kernelColumns(group)) }
      convolution2D(
        isInputDirect ? x : UnsafePointer(parts.input), isKernelDirect ? w : UnsafePointer(parts.kernel),
        isOutputDirect ? y : parts.output, images, bias: bias.map { $0 + group * columns }, relu: relu)
      if !isOutputDirect { addDepthWindows(parts.output, y, outputChannels(group)) }
    }
  }

  func inputGradient<T: KernelScalar>(
    _ dy: UnsafePointer<T>, _ w: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ temporary: UnsafeMutableRawPointer
  ) {
    if isPointwise {
      return groupedPointwiseConvolution(
        dy, w, dx, pixels: images.n * images.height * images.width, groups: groups, inputs: columns,
        outputs: channels, transposed: true, bias: nil, relu: false)
    }
    let parts = parts(temporary, T.self)
    for group in 0..<groups {
      if !isOutputDirect { gatherDepthWindows(dy, parts.output, outputChannels(group)) }
      if !isKernelDirect { gatherDepthKernel(w, parts.kernel, kernelColumns(group)) }
      convolution2DInputGradient(
        isOutputDirect ? dy : UnsafePointer(parts.output), isKernelDirect ? w : UnsafePointer(parts.kernel),
        isInputDirect ? dx : parts.input, images)
      if !isInputDirect { addDepthWindows(parts.input, dx, inputWindows(group)) }
    }
  }

  func weightGradient<T: KernelScalar>(
    _ x: UnsafePointer<T>, _ dy: UnsafePointer<T>, _ dw: UnsafeMutablePointer<T>, _ temporary: UnsafeMutableRawPointer
  ) {
    let parts = parts(temporary, T.self)
    for group in 0..<groups {
      if !isInputDirect { gatherDepthWindows(x, parts.input, inputWindows(group)) }
      if !isOutputDirect { gatherDepthWindows(dy, parts.output, outputChannels(group)) }
      convolution2DWeightGradient(
        isInputDirect ? x : UnsafePointer(parts.input), isOutputDirect ? dy : UnsafePointer(parts.output),
        isKernelDirect ? dw : parts.kernel, images)
      if !isKernelDirect { scatterDepthKernel(parts.kernel, dw, kernelColumns(group)) }
    }
  }
}
