import Graph
import Kernels
import Tensor

extension Recurrent.Activation {
  var kernel: RecurrentActivation {
    switch self {
    case .linear: .linear
    case .tanh: .tanh
    case .sigmoid: .sigmoid
    case .relu: .relu
    case .hardSigmoid: .hardSigmoid
    }
  }
}

extension Recurrent {
  var activations: RecurrentActivations {
    RecurrentActivations(output: activation.kernel, gate: gateActivation.kernel)
  }

  func kernelShape(_ states: Shape) -> RecurrentShape {
    RecurrentShape(batch: states[0], steps: states[1], units: states[2], isReversed: isReversed)
  }

  /// Bytes of the recurrent kernel as the kernels pack it.
  func packedBytes(_ states: TensorType) -> Int {
    func bytes<T: KernelScalar>(_ t: T.Type) -> Int {
      let units = states.shape[2]
      if case .gru = kind { return gruPackedCount(t, units: units) * MemoryLayout<T>.stride }
      let forward = packedMatrixCount(t, depth: units, columns: blocks * units)
      return max(forward, packedMatrixCount(t, depth: blocks * units, columns: units)) * MemoryLayout<T>.stride
    }
    return states.dtype == .float64 ? bytes(Double.self) : bytes(Float.self)
  }

  /// First states and mask, for the operation's inputs from position `skipped` on.
  func start<T>(_ inputs: [Operand], skipping skipped: Int, _ memory: Memory, as _: T.Type) -> RecurrentStart<T> {
    RecurrentStart(
      state: stateIndex.map { memory.read(inputs[skipped + $0]) },
      cell: cellIndex.map { memory.read(inputs[skipped + $0]) },
      mask: maskIndex.map { memory.read(inputs[skipped + $0]) })
  }
}

extension Recurrent: Lowerable {
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] {
    gatesOutput.map { [(0, $0)] } ?? []
  }

  func temporaryBytes(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { packedBytes(outputs[0]) }

  func lower(_ c: Lowering) throws -> Step {
    let (inputs, outputs, temporary) = (c.inputs, c.outputs, c.temporary)
    let (operation, shape, activations) = (self, kernelShape(outputs[0].shape), activations)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { memory in
        let start = operation.start(inputs, skipping: 0, memory, as: t)
        switch operation.kind {
        case .simple:
          simpleRNNForward(
            projected: memory.read(inputs[0], as: t), recurrentKernel: memory.read(inputs[1]), start: start,
            states: memory.write(outputs[0]), lastState: memory.write(outputs[1]), packed: memory.write(temporary),
            shape: shape, activation: activations.output)
        case .lstm:
          let buffers = LSTMBuffers<T>(
            projected: memory.read(inputs[0]), recurrentKernel: memory.read(inputs[1]), start: start,
            gates: memory.write(outputs[4]), cells: memory.write(outputs[3]), states: memory.write(outputs[0]),
            lastState: memory.write(outputs[1]), lastCell: memory.write(outputs[2]), packed: memory.write(temporary))
          lstmForward(buffers, shape: shape, activations: activations)
        case .gru(let resetsAfter):
          let buffers = GRUBuffers<T>(
            projected: memory.read(inputs[0]), recurrentKernel: memory.read(inputs[1]),
            recurrentBias: operation.biasIndex.map { memory.read(inputs[$0]) }, start: start,
            gates: memory.write(outputs[2]), states: memory.write(outputs[0]), inner: memory.write(outputs[3]),
            lastState: memory.write(outputs[1]), packed: memory.write(temporary))
          gruForward(buffers, shape: shape, activations: activations, resetsAfter: resetsAfter)
        }
      }
    }
    return try c.forFloat(c.x) { make($0) }
  }
}

extension RecurrentGradient: Lowerable {
  /// The gates' gradients take the place of the gates.
  func inPlacePairs(_ inputs: [TensorType], _ outputs: [TensorType]) -> [(input: Int, output: Int)] {
    forward.kind == .simple ? [] : [(gatesIndex, 0)]
  }

  func temporaryBytes(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int { forward.packedBytes(outputs[1]) }

  /// Where the gates are among the inputs: an LSTM kept states, cells, gates, a GRU states, gates, inner products.
  private var gatesIndex: Int { savedIndex + (forward.kind == .lstm ? 2 : 1) }

  func lower(_ c: Lowering) throws -> Step {
    let (inputs, outputs, temporary, operation) = (c.inputs, c.outputs, c.temporary, self)
    let (shape, activations) = (forward.kernelShape(outputs[1].shape), forward.activations)
    let (saved, first, gates) = (savedIndex, inputsIndex, gatesIndex)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { memory in
        func gradient(_ index: Int) -> UnsafePointer<T>? {
          operation.gradientIndex(index).map { memory.read(inputs[$0]) }
        }
        let start = operation.forward.start(inputs, skipping: first, memory, as: t)
        switch operation.forward.kind {
        case .simple:
          simpleRNNBackward(
            dStates: gradient(0), dLastState: gradient(1), states: memory.read(inputs[saved]),
            recurrentKernel: memory.read(inputs[first + 1]), start: start, dProjected: memory.write(outputs[0]),
            previous: memory.write(outputs[1]), dState: memory.write(outputs[2]), packed: memory.write(temporary),
            shape: shape, activation: activations.output)
        case .lstm:
          let buffers = LSTMGradientBuffers<T>(
            dStates: gradient(0), dLastState: gradient(1), dLastCell: gradient(2), gates: memory.read(inputs[gates]),
            cells: memory.read(inputs[saved + 1]), states: memory.read(inputs[saved]),
            recurrentKernel: memory.read(inputs[first + 1]), start: start, dProjected: memory.write(outputs[0]),
            previous: memory.write(outputs[1]), dState: memory.write(outputs[2]), dCell: memory.write(outputs[3]),
            packed: memory.write(temporary))
          lstmBackward(buffers, shape: shape, activations: activations)
        case .gru:
          let buffers = GRUGradientBuffers<T>(
            dStates: gradient(0), dLastState: gradient(1), gates: memory.read(inputs[gates]),
            inner: memory.read(inputs[saved + 2]), states: memory.read(inputs[saved]),
            recurrentKernel: memory.read(inputs[first + 1]), start: start, dProjected: memory.write(outputs[0]),
            dProduct: operation.productOutput.map { memory.write(outputs[$0]) }, previous: memory.write(outputs[1]),
            dState: memory.write(outputs[2]), packed: memory.write(temporary))
          gruBackward(buffers, shape: shape, activations: activations)
        }
      }
    }
    return try c.forFloat(c.outputs[1]) { make($0) }
  }
}
