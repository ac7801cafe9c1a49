import Graph
import Tensor

extension Draft {
  /// Takes batch normalization by moving statistics out of the way: into the weights and bias of the convolution in
  /// front where nothing lies between, else into the max pooling behind.
  mutating func foldInference() {
    foldIntoConvolutions()
    foldIntoPooling()
  }

  /// γ(conv(x, w) + b - μ)/σ + β = conv(x, ws) + (b - μ)s + β with s = γ/σ. The new weights are computed in each run,
  /// since variables may change between runs; where they have more rows than the result has pixels it does not pay.
  private mutating func foldIntoConvolutions() {
    let uses = useCounts()
    let producers = producers()
    var replaced: [Int: [Instruction]] = [:]
    for index in instructions.indices {
      guard let (norm, relu) = instructions[index].operation.inferenceNorm, norm.attributes.groupSize == 0 else {
        continue
      }
      let inputs = instructions[index].inputs
      let maker = producers[inputs[0]]
      guard maker >= 0, uses[inputs[0]] == 1, norm.attributes.isLastAxis(of: types[inputs[0]].shape) else { continue }
      let linear: FusedLinear
      switch instructions[maker].operation {
      case let op as Convolution: linear = FusedLinear(base: .convolution(op))
      case let op as FusedLinear: linear = op
      default: continue
      }
      let (x, w) = (instructions[maker].inputs[0], instructions[maker].inputs[1])
      let (shape, kernel) = (types[inputs[0]].shape, types[w].shape)
      guard case .convolution(let convolution) = linear.base, !linear.relu,
        kernel.dims.dropLast().reduce(1, *) < shape.dims.dropLast().reduce(1, *)
      else { continue }
      let (weights, bias) = (newValue(types[w]), newValue(TensorType(types[w].dtype, [shape[shape.rank - 1]])))
      let fold = Instruction(
        operation: FoldedWeights(norm: norm.attributes, hasBias: linear.bias),
        inputs: Array(instructions[maker].inputs.dropFirst()) + inputs.dropFirst(), outputs: [weights, bias])
      replaced[maker] = []
      replaced[index] = [
        fold,
        Instruction(
          operation: FusedLinear(base: .convolution(convolution), bias: true, relu: relu),
          inputs: [x, weights, bias], outputs: instructions[index].outputs),
      ]
    }
    instructions = instructions.indices.flatMap { replaced[$0] ?? [instructions[$0]] }
  }

  private mutating func foldIntoPooling() {
    let uses = useCounts()
    let producers = producers()
    var gone = Set<Int>()
    for index in instructions.indices {
      guard let pooling = instructions[index].operation as? Pooling, pooling.isMaximum, pooling.size.count == 2,
        uses[instructions[index].inputs[0]] == 1
      else { continue }
      let maker = producers[instructions[index].inputs[0]]
      guard maker >= 0, let (norm, relu) = instructions[maker].operation.inferenceNorm,
        norm.attributes.isLastAxis(of: types[instructions[maker].inputs[0]].shape)
      else { continue }
      instructions[index] = Instruction(
        operation: FusedInferencePooling(norm: norm, relu: relu, pooling: pooling), inputs: instructions[maker].inputs,
        outputs: instructions[index].outputs)
      gone.insert(maker)
    }
    instructions = instructions.indices.filter { !gone.contains($0) }.map { instructions[$0] }
  }
}

extension Operation {
  /// Normalization by moving statistics, and whether a ReLU follows in the same step.
  fileprivate var inferenceNorm: (BatchNormInference, relu: Bool)? {
    switch self {
    case let op as BatchNormInference: (op, false)
    case let op as FusedBatchNormInference: (op.norm, true)
    default: nil
    }
  }
}

extension BatchNormAttributes {
  func isLastAxis(of shape: Shape) -> Bool { axis == -1 || axis == shape.rank - 1 }
}

/// (w·s, (b - μ)s + β) with s = γ/√(σ² + ε), from w [, b] [, γ] [, β], μ, σ².
struct FoldedWeights: Lowerable {
  let norm: BatchNormAttributes
  let hasBias: Bool
  var name: String { "batch_norm_folding" }
  func infer(_ inputs: [TensorType]) throws -> [TensorType] { [inputs[0], inputs[inputs.count - 1]] }
}

/// y from x [, γ] [, β], moving mean and variance.
struct FusedInferencePooling: Lowerable {
  let norm: BatchNormInference
  let relu: Bool
  let pooling: Pooling
  var name: String { "batch_norm_inference" + (relu ? "+relu" : "") + "+max_pool2d" }
  func infer(_ inputs: [TensorType]) throws -> [TensorType] { try pooling.infer([inputs[0]]) }
}
