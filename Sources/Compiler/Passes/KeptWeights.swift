import Graph
import Kernels
import Parallel
import Tensor

extension Draft {
  /// Convolutions by Winograd's algorithm whose weights do not change in a run (as at inference) keep the transformed
  /// weights from run to run.
  mutating func keepWeights() throws {
    let assigned = Set(assignments.map(\.variable))
    var fixed = Set<Int>()
    for (value, place) in sources {
      switch place {
      case .constant: fixed.insert(value)
      case .variable(let index): if !assigned.contains(index) { fixed.insert(value) }
      default: break
      }
    }
    var result: [Instruction] = []
    for instruction in instructions {
      if instruction.operation is FoldedWeights, instruction.inputs.allSatisfy(fixed.contains) {
        fixed.formUnion(instruction.outputs)
      }
      guard var (linear, shape) = keepable(instruction), fixed.contains(instruction.inputs[1]) else {
        result.append(instruction)
        continue
      }
      let kept = try KeptWeights(shape, bytes: types[instruction.inputs[1]].byteCount)
      linear.kept = kept
      let token = newValue(TensorType(.uint8, [0]))
      result.append(
        Instruction(
          operation: KeepWeights(kept: kept, shape: shape), inputs: [instruction.inputs[1]], outputs: [token]))
      result.append(
        Instruction(operation: linear, inputs: instruction.inputs + [token], outputs: instruction.outputs))
    }
    instructions = result
  }

  private func keepable(_ instruction: Instruction) -> (FusedLinear, ConvolutionShape)? {
    var linear: FusedLinear
    switch instruction.operation {
    case let op as FusedLinear: linear = op
    case let op as Convolution: linear = FusedLinear(base: .convolution(op))
    default: return nil
    }
    let (x, w, y) = (types[instruction.inputs[0]], types[instruction.inputs[1]], types[instruction.outputs[0]])
    guard case .convolution(let op) = linear.base, x.dtype == .float32, let shape = op.imageShape(x: x, w: w, y: y),
      shape.prefersTransformedWeights, w.byteCount <= KeptWeights.largestBytes
    else { return nil }
    return (linear, shape)
  }
}

/// Transformed weights of a convolution, and those that they were made from.
final class KeptWeights {
  /// They take five times as much memory, and reading them takes longer than it saves when there are more.
  static let largestBytes = 4 << 20

  private let source: Storage
  private let transformed: Storage
  /// False while memory for the transform was lacking.
  private var isCurrent = true

  /// Zeros are the transform of zeros.
  init(_ shape: ConvolutionShape, bytes: Int) throws {
    source = try Storage(byteCount: bytes)
    transformed = try Storage(byteCount: 4 * transformedWeightCount(shape))
  }

  /// Transforms the weights of a convolution unless they are, to the bit, those of the last run.
  fileprivate func update(_ w: UnsafePointer<Float>, _ shape: ConvolutionShape) {
    if isCurrent && haveSameBits(source.pointer, w, byteCount: source.byteCount) { return }
    isCurrent = false
    transformWeights(w, transformed.pointer.assumingMemoryBound(to: Float.self), shape)
    if hasScratchFailed { return }
    source.pointer.copyMemory(from: w, byteCount: source.byteCount)
    isCurrent = true
  }

  /// The convolution with these weights.
  func lower(_ c: Lowering, _ shape: ConvolutionShape, bias: Operand?, relu: Bool) -> Step {
    let (x, w, y) = (c.inputs[0], c.inputs[1], c.y)
    return { memory in
      let bias = bias.map { memory.read($0, as: Float.self) }
      // The switch may be turned between runs.
      if isWinogradEnabled {
        let u = UnsafePointer(self.transformed.pointer.assumingMemoryBound(to: Float.self))
        convolution2D(memory.read(x), transformedWeights: u, memory.write(y), shape, bias: bias, relu: relu)
      } else {
        convolution2D(memory.read(x, as: Float.self), memory.read(w), memory.write(y), shape, bias: bias, relu: relu)
      }
    }
  }
}

/// Brings kept weights up to date with w; its output, of no elements, makes the convolution wait for it.
struct KeepWeights: Lowerable {
  let kept: KeptWeights
  let shape: ConvolutionShape
  var name: String { "keep_weights" }
  func infer(_ inputs: [TensorType]) throws -> [TensorType] { [TensorType(.uint8, [0])] }

  func lower(_ c: Lowering) throws -> Step {
    let (w, kept, shape) = (c.x, kept, shape)
    return { kept.update($0.read(w), shape) }
  }
}
