import Glibc
import Graph
import Kernels
import Tensor

extension OptimizerStep: Lowerable {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] {
    updatedInputs.enumerated().map { ($0.element, $0.offset) }
  }

  func temporaryBytes(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { pointerBytes(weights: 1) }

  func lower(_ c: Lowering) throws -> Step {
    try step(c, scalars: scalarInputs.map { c.inputs[$0] }, weights: [tensorInputs.map { c.inputs[$0] } + c.outputs])
  }

  /// Bytes of the pointers of some weights and their slots, which a step puts into its scratch memory.
  func pointerBytes(weights: Int) -> Int {
    weights * (tensorInputs.count + updatedInputs.count) * MemoryLayout<UnsafeMutableRawPointer>.stride
  }

  /// - Parameter weights: for each the tensors read and written, in the order of `tensorInputs`, then of the outputs.
  func step(_ c: Lowering, scalars: [Operand], weights: [[Operand]]) throws -> Step {
    let (values, temporary) = (weights.flatMap { $0.map(\.value) }, c.temporary)
    let cut = WeightCut(counts: weights.map { $0[0].count })
    func pointers(_ memory: Memory) -> UnsafePointer<UnsafeMutableRawPointer> {
      let pointers = memory.write(temporary, as: UnsafeMutableRawPointer.self)
      for (position, value) in values.enumerated() { pointers[position] = memory.table[value] }
      return UnsafePointer(pointers)
    }
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      func number(_ memory: Memory, _ index: Int) -> Double { Double(memory.read(scalars[index], as: T.self).pointee) }
      switch rule {
      case .sgd(let momentum, let nesterov):
        return { memory in
          sgdUpdate(
            T.self, pointers(memory), cut, lr: number(memory, 0), momentum: momentum != 0 ? momentum : nil,
            nesterov: nesterov)
        }
      case .adam(let beta1, let beta2, let epsilon, let weightDecay, let amsgrad):
        return { memory in
          let (rate, t) = (number(memory, 0), number(memory, 1))
          let alpha = rate * (1 - pow(beta2, t)).squareRoot() / (1 - pow(beta1, t))
          adamUpdate(
            T.self, pointers(memory), cut, amsgrad: amsgrad, alpha: alpha, beta1: beta1, beta2: beta2,
            epsilon: epsilon, decay: rate * weightDecay)
        }
      case .rmsprop(let rho, let momentum, let epsilon, let centered):
        return { memory in
          rmspropUpdate(
            T.self, pointers(memory), cut, lr: number(memory, 0), rho: rho,
            momentumFactor: momentum > 0 ? momentum : nil, epsilon: epsilon, centered: centered)
        }
      }
    }
    return try c.forFloat(weights[0][0]) { make($0) }
  }
}
