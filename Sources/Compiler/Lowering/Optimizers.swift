import Glibc
import Graph
import Kernels
import Tensor

extension OptimizerStep: Lowerable {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] {
    updatedInputs.enumerated().map { ($0.element, $0.offset) }
  }

  func lower(_ c: Lowering) throws -> Step {
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      switch rule {
      case .sgd(let momentum, let nesterov):
        return sgd(c, T.self, momentum: momentum, nesterov: nesterov)
      case .adam(let beta1, let beta2, let epsilon, let weightDecay, let amsgrad):
        return adam(
          c, T.self, beta1: beta1, beta2: beta2, epsilon: epsilon, weightDecay: weightDecay, amsgrad: amsgrad)
      case .rmsprop(let rho, let momentum, let epsilon, let centered):
        return rmsprop(c, T.self, rho: rho, momentum: momentum, epsilon: epsilon, centered: centered)
      }
    }
    return try c.forFloat(c.x) { make($0) }
  }

  private func sgd<T: KernelScalar>(_ c: Lowering, _: T.Type, momentum: Double, nesterov: Bool) -> Step {
    let (w, g, lr, count) = (c.inputs[0], c.inputs[1], c.inputs[2], c.x.count)
    let velocity = momentum != 0 ? (c.inputs[3], c.outputs[1]) : nil
    let out = c.outputs[0]
    return { memory in
      sgdUpdate(
        memory.read(w, as: T.self), memory.read(g), velocity: velocity.map { memory.read($0.0) },
        wOut: memory.write(out), velocityOut: velocity.map { memory.write($0.1) }, count,
        lr: Double(memory.read(lr, as: T.self).pointee), momentum: momentum, nesterov: nesterov)
    }
  }

  private func adam<T: KernelScalar>(
    _ c: Lowering, _: T.Type, beta1: Double, beta2: Double, epsilon: Double, weightDecay: Double, amsgrad: Bool
  ) -> Step {
    let (w, g, m, v, lr, step) = (c.inputs[0], c.inputs[1], c.inputs[2], c.inputs[3], c.inputs[4], c.inputs[5])
    let (wOut, mOut, vOut) = (c.outputs[0], c.outputs[1], c.outputs[2])
    let largest = amsgrad ? (c.inputs[6], c.outputs[3]) : nil
    let count = w.count
    return { memory in
      let rate = Double(memory.read(lr, as: T.self).pointee)
      let t = Double(memory.read(step, as: T.self).pointee)
      let alpha = rate * (1 - pow(beta2, t)).squareRoot() / (1 - pow(beta1, t))
      adamUpdate(
        memory.read(w, as: T.self), memory.read(g), m: memory.read(m), v: memory.read(v),
        vHat: largest.map { memory.read($0.0) }, wOut: memory.write(wOut), mOut: memory.write(mOut),
        vOut: memory.write(vOut), vHatOut: largest.map { memory.write($0.1) }, count, alpha: alpha, beta1: beta1,
        beta2: beta2, epsilon: epsilon, decay: rate * weightDecay)
    }
  }

  private func rmsprop<T: KernelScalar>(
    _ c: Lowering, _: T.Type, rho: Double, momentum: Double, epsilon: Double, centered: Bool
  ) -> Step {
    let (w, g, velocity, lr, count) = (c.inputs[0], c.inputs[1], c.inputs[2], c.inputs[3], c.x.count)
    var next = 4
    var output = 2
    func slot(_ isPresent: Bool) -> (Operand, Operand)? {
      guard isPresent else { return nil }
      defer {
        next += 1
        output += 1
      }
      return (c.inputs[next], c.outputs[output])
    }
    let moment = slot(momentum > 0)
    let average = slot(centered)
    let (wOut, velocityOut) = (c.outputs[0], c.outputs[1])
    return { memory in
      rmspropUpdate(
        memory.read(w, as: T.self), memory.read(g), velocity: memory.read(velocity),
        momentum: moment.map { memory.read($0.0) }, average: average.map { memory.read($0.0) },
        wOut: memory.write(wOut), velocityOut: memory.write(velocityOut),
        momentumOut: moment.map { memory.write($0.1) }, averageOut: average.map { memory.write($0.1) }, count,
        lr: Double(memory.read(lr, as: T.self).pointee), rho: rho, momentumFactor: momentum, epsilon: epsilon)
    }
  }
}
