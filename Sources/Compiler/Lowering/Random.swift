import Graph
import Kernels
import Tensor

extension Memory {
  /// Seed and counter of a random state.
  fileprivate func state(_ operand: Operand) -> (key: UInt64, stream: UInt64) {
    let words: UnsafePointer<UInt32> = read(operand)
    return (UInt64(words[0]), UInt64(words[1]))
  }
}

extension RandomFill: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (state, y, distribution) = (c.x, c.y, distribution)
    if distribution == .permutation {
      return {
        let (key, stream) = $0.state(state)
        randomPermutation($0.write(y), y.count, key: key, stream: stream)
      }
    }
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { memory in
        let (key, stream) = memory.state(state)
        let out: UnsafeMutablePointer<T> = memory.write(y)
        switch distribution {
        case .uniform(let low, let high):
          randomUniform(out, y.count, key: key, stream: stream, low: T(low), high: T(high))
        case .normal(let mean, let deviation):
          randomNormal(out, y.count, key: key, stream: stream, mean: T(mean), std: T(deviation))
        case .truncatedNormal(let mean, let deviation):
          truncatedNormal(out, y.count, key: key, stream: stream, mean: T(mean), std: T(deviation))
        case .permutation: break
        }
      }
    }
    return try c.forFloat(y) { make($0) }
  }
}

extension Dropout: Lowerable {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] { [(0, 0)] }

  func lower(_ c: Lowering) throws -> Step {
    let (x, state, y, mask, rate) = (c.inputs[0], c.inputs[1], c.outputs[0], c.outputs[1], rate)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      {
        let (key, stream) = $0.state(state)
        dropoutForward(
          $0.read(x, as: T.self), $0.write(y), mask: $0.write(mask), x.count, rate: rate, key: key, stream: stream)
      }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension DropoutGradient: Lowerable {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] { [(0, 0)] }

  func lower(_ c: Lowering) throws -> Step {
    let (dy, mask, dx, rate) = (c.inputs[0], c.inputs[1], c.y, rate)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { dropoutBackward($0.read(dy, as: T.self), mask: $0.read(mask), $0.write(dx), dy.count, rate: rate) }
    }
    return try c.forFloat(dy) { make($0) }
  }
}
