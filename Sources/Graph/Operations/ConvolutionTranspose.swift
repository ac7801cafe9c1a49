import Tensor

/// The transposed convolution: the input gradient of the convolution that would give x's shape from the output's.
/// x is (N, H, W, C), w (KH, KW, filters, C), y (N, H', W', filters); or with a depth in front of the height.
///
/// Output extents are Keras': with padding `valid` (H - 1)·s + max(reach, s), with `same` H·s, where a kernel reaches over
/// (K - 1)·d + 1 pixels. With an output padding p they are (H - 1)·s + reach + p and (H - 1)·s + reach mod 2 + p.
public struct ConvolutionTranspose: Operation {
  public let strides, dilation: [Int]
  public let isSame: Bool
  public let outputPadding: [Int]?
  public var axes: Int { strides.count }
  public var name: String { "conv\(axes)d_transpose" }

  init(_ reader: inout AttributeReader, axes: Int) throws {
    outputPadding = try reader.optionalInts("output_padding")
    let window = try Window(&reader, axes: axes, isDilated: true)
    (strides, dilation) = (window.strides, window.dilation)
    switch window.padding {
    case .valid: isSame = false
    case .same: isSame = true
    case .explicit: throw Failure.value("\(reader.operation): padding is 'explicit', expected 'valid' or 'same'")
    }
    if let padding = outputPadding {
      guard padding.count == axes, padding.allSatisfy({ $0 >= 0 && $0 <= 1 << 20 }) else {
        throw Failure.value("\(name): output_padding is \(padding), expected \(axes) integers >= 0")
      }
    }
  }

  /// The input gradient that this is, for a kernel of shape `w`.
  public func inputGradient(_ w: Shape) -> ConvolutionInputGradient {
    ConvolutionInputGradient(window: window(Array(w.dims.prefix(axes))), groups: 1)
  }

  /// The window of the convolution whose input gradient this is, for a kernel of `sizes`.
  private func window(_ sizes: [Int]) -> Window {
    var (before, after) = ([Int](), [Int]())
    for axis in 0..<axes {
      let (stride, reach) = (strides[axis], (sizes[axis] - 1) * dilation[axis] + 1)
      let extra = outputPadding?[axis]
      if isSame {
        // Zeros that the spread-out x gets on both sides; what is left of the kernel's reach is cut off the result.
        let total = extra.map { reach + reach % 2 - 2 + $0 } ?? stride + reach - 2
        let first = reach - 1 - min((total + 1) / 2, reach - 1)
        before.append(first)
        after.append((extra.map { reach - reach % 2 - $0 } ?? reach - stride) - first)
      } else {
        before.append(0)
        after.append(-(extra ?? max(reach, stride) - reach))
      }
    }
    return Window(strides: strides, padding: .explicit(before: before, after: after), dilation: dilation)
  }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    let (x, w) = (inputs[0], inputs[1])
    try expectFloat(x, "x")
    try expectSame(x, w, ("x", "w"))
    try expectRank(x, axes + 2, "x")
    let sizes = try expectKernel(w, axes: axes)
    let (channels, expected) = (x.shape[axes + 1], w.shape[axes + 1])
    guard channels == expected || channels == Shape.unknown || expected == Shape.unknown else {
      throw Failure.value(
        "\(name): x has shape \(x.shape), w has shape \(w.shape) = (\(kernelLetters(axes)), filters, C_in): x has"
          + " \(channels) channels, expected C_in = \(expected)")
    }
    guard case .explicit(let before, let after) = window(sizes).padding else { return [] }
    let extents = (0..<axes).map { axis in
      let extent = x.shape[axis + 1]
      if extent <= 0 { return extent }
      return (extent - 1) * strides[axis] + (sizes[axis] - 1) * dilation[axis] + 1 - before[axis] - after[axis]
    }
    for (axis, extent) in extents.enumerated() where extent <= 0 && x.shape[axis + 1] > 0 {
      throw Failure.value("\(name): x has shape \(x.shape), which gives an output of extent \(extent), expected >= 1")
    }
    return [TensorType(x.dtype, Shape([x.shape[0]] + extents + [w.shape[axes]]))]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let (x, w) = (g.inputs[0], g.inputs[1])
    let window = window(Array(g.type(w).shape.dims.prefix(axes)))
    return [
      g.needed[0] ? try g.add(Convolution(window: window, groups: 1), g.dy, w) : nil,
      g.needed[1] ? try g.add(ConvolutionWeightGradient(window: window, groups: 1), g.dy, x, w) : nil,
    ]
  }
}
