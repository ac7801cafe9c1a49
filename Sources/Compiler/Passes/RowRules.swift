import Graph
import Tensor

/// How an operation works on some rows of a batch at a time.
struct RowForm {
  /// Inputs of which a row of the outputs takes one row; the others are taken whole.
  let inputs: [Int]
  /// Outputs that are gathered over all rows, and how those of blocks of rows become those of the batch. The others have
  /// a row for each row of the inputs.
  var gathered: [Int: Gathering] = [:]

  enum Gathering {
    case sum
    case moments
  }
}

extension Operation {
  /// How it works by rows, nil where that is unknown.
  func rowForm(_ inputs: [TensorType], _ outputs: [TensorType]) -> RowForm? {
    switch self {
    case is ConvolutionInputGradient, is AveragePoolingGradient: RowForm(inputs: [0])
    case is ConvolutionWeightGradient: RowForm(inputs: [0, 1], gathered: [0: .sum])
    case is MaxPoolingGradient: RowForm(inputs: [0, 1, 2])
    case is ReluBiasGradient: RowForm(inputs: [0, 1], gathered: [1: .sum])
    case is BatchMoments: RowForm(inputs: [0], gathered: [0: .moments])
    case is Normalization: RowForm(inputs: [0])
    case is BatchNormGradientSums: RowForm(inputs: [0, 1] + (inputs.count > 3 ? [3] : []), gathered: [0: .sum])
    case is BatchNormGradientMap: RowForm(inputs: [0, 1] + (inputs.count > 6 ? [6] : []))
    case let op as PoolingGradientMap:
      RowForm(inputs: [0, 1, 2], gathered: op.fused.rectifies ? [1: .sum] : [:])
    default: rowInputs(inputs, outputs).map { RowForm(inputs: $0) }
    }
  }

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

  /// A convolution or one of its gradients.
  var isConvolution: Bool {
    switch self {
    case is Convolution, is ConvolutionInputGradient, is ConvolutionWeightGradient: true
    case let op as FusedLinear: if case .convolution = op.base { op.kept == nil } else { false }
    default: false
    }
  }

  /// What lies between convolutions in training.
  var isBetweenConvolutions: Bool {
    switch self {
    case is Pooling, is MaxPoolingGradient, is AveragePoolingGradient, is ReluBiasGradient, is BatchMoments,
      is Normalization, is BatchNormGradientSums, is BatchNormGradientMap, is PoolingGradientMap:
      true
    default: isElementwise
    }
  }
}
