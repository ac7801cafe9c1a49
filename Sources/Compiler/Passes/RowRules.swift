import Graph
import Tensor

extension Operation {
  /// Inputs of which row i (along the first axis) is all that row i of the outputs takes of them, nil where rows are
  /// mixed or nothing is known. The other inputs are taken whole.
  func rowInputs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [Int]? {
    guard let rows = outputs.first?.shape.dims.first, outputs.allSatisfy({ $0.shape.dims.first == rows }) else {
      return nil
    }
    /// The first input alone.
    func first(unless mixes: Bool = false) -> [Int]? { !mixes && inputs[0].shape.dims.first == rows ? [0] : nil }
    func isFirstAxis(_ axis: Int, _ type: TensorType) -> Bool { axis == 0 || axis == -type.shape.rank }

    switch self {
    case is Convolution, is ConvolutionTranspose, is Pooling, is FusedInferencePooling: return first()
    case let op as FusedLinear:
      if case .product(let product) = op.base { return product.rowInputs(inputs, outputs) }
      return first()
    case let op as MatrixMultiply:
      let (a, b) = (inputs[0].shape, inputs[1].shape)
      if b.rank == 2 { return first(unless: op.transposeA && a.rank == 2) }
      return a.rank == b.rank && a[0] == rows && b[0] == rows ? [0, 1] : nil
    case let op as BatchNormInference: return first(unless: isFirstAxis(op.attributes.axis, inputs[0]))
    case let op as FusedBatchNormInference: return first(unless: isFirstAxis(op.norm.attributes.axis, inputs[0]))
    case let op as Softmax: return first(unless: isFirstAxis(op.axis, inputs[0]))
    case let op as Reduction:
      let axes = try? op.axes.resolve(rank: inputs[0].shape.rank, name)
      return first(unless: axes?.contains(0) ?? true)
    case let op as Transpose: return first(unless: !isFirstAxis(op.axes.first ?? 1, inputs[0]))
    case let op as Reshape: return first(unless: op.form == .like)
    case let op as Take: return op.axis == 0 && inputs[1].shape.dims.first == rows ? [1] : nil
    case let op as Concatenate: return isFirstAxis(op.axis, inputs[0]) ? nil : Array(inputs.indices)
    case _ where isElementwise:
      let rank = outputs[0].shape.rank
      return inputs.indices.filter { inputs[$0].shape.rank == rank && inputs[$0].shape[0] == rows }
    default: return nil
    }
  }

  /// Every element of the result comes from one element of each input, broadcast by NumPy's rules.
  var isElementwise: Bool {
    switch self {
    case is Unary, is LeakyRelu, is Clip, is Identity, is Cast, is Binary, is Comparison, is Logical, is Where,
      is ReluGradient, is LeakyReluGradient, is ActivationGradient:
      true
    default: false
    }
  }
}
