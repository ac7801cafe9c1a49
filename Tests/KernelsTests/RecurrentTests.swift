import Glibc
import Kernels
import Testing

/// The recurrent kernels step by step against plain Double, at sizes around blocks of rows, vectors and panels.
struct RecurrentTests {
  struct Sizes: Sendable { let batch, steps, units: Int }
  static let sizes = [
    Sizes(batch: 0, steps: 2, units: 3), Sizes(batch: 1, steps: 1, units: 1), Sizes(batch: 3, steps: 4, units: 5),
    Sizes(batch: 15, steps: 2, units: 7), Sizes(batch: 16, steps: 3, units: 8), Sizes(batch: 17, steps: 2, units: 16),
    Sizes(batch: 33, steps: 3, units: 33), Sizes(batch: 2, steps: 5, units: 65), Sizes(batch: 50, steps: 2, units: 2),
    Sizes(batch: 35, steps: 2, units: 257),
    // Few samples, a large recurrent kernel: its columns are cut.
    Sizes(batch: 2, steps: 2, units: 225), Sizes(batch: 1, steps: 2, units: 370),
  ]

  /// Inputs of one run, in Double; kernels get them converted.
  struct Inputs {
    let shape: RecurrentShape
    let blocks: Int
    var projected, kernel, bias, state, cell: [Double]
    var mask: [UInt8]

    init(_ sizes: Sizes, blocks: Int, isReversed: Bool) {
      var random = Seeded(UInt64(sizes.batch &* 31 &+ sizes.units))
      let (n, t, u) = (sizes.batch, sizes.steps, sizes.units)
      shape = RecurrentShape(batch: n, steps: t, units: u, isReversed: isReversed)
      self.blocks = blocks
      func values(_ count: Int) -> [Double] { (random.array(count) as [Float]).map(Double.init) }
      projected = values(n * t * blocks * u)
      kernel = values(u * blocks * u).map { $0 / Double(u).squareRoot() }
      (bias, state, cell) = (values(blocks * u), values(n * u), values(n * u))
      mask = (0..<n * t).map { _ in random.next() % 4 == 0 ? 0 : 1 }
    }

    /// h·U of columns `range` for one sample.
    func product(_ h: [Double], _ range: Range<Int>) -> [Double] {
      let width = blocks * shape.units
      return range.map { column in h.indices.reduce(0) { $0 + h[$1] * kernel[$1 * width + column] } }
    }

    /// States of all steps by `step(sample, x, h, c) -> (h, c)`, with the mask.
    func run(_ step: ([Double], [Double], [Double]) -> ([Double], [Double])) -> [Double] {
      let (u, width) = (shape.units, blocks * shape.units)
      var all: [Double] = []
      for n in 0..<shape.batch {
        var h = Array(state[n * u..<(n + 1) * u])
        var c = Array(cell[n * u..<(n + 1) * u])
        for s in 0..<shape.steps {
          let time = shape.isReversed ? shape.steps - 1 - s : s
          let first = (n * shape.steps + time) * width
          if mask[n * shape.steps + time] != 0 { (h, c) = step(Array(projected[first..<first + width]), h, c) }
          all += h
        }
      }
      return all
    }
  }

  private static func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
  private static let activations = RecurrentActivations(output: .tanh, gate: .sigmoid)
  private static func tolerance<T: KernelScalar>(_: T.Type) -> Double { T.self == Float.self ? 2e-5 : 1e-12 }

  /// Runs a kernel on buffers that end where their memory ends, and gives the states.
  private func states<T: KernelScalar>(
    _ inputs: Inputs, _: T.Type, _ body: ([UnsafePointer<T>], RecurrentStart<T>, UnsafeMutablePointer<T>) -> Void
  ) -> [T] {
    let arrays = [inputs.projected, inputs.kernel, inputs.bias, inputs.state, inputs.cell].map { $0.map { T($0) } }
    let count = inputs.shape.batch * inputs.shape.steps * inputs.shape.units
    return runGuarded(arrays, count: count) { pointers, out in
      inputs.mask.withUnsafeBufferPointer { mask in
        let start = RecurrentStart(state: pointers[3], cell: pointers[4], mask: mask.baseAddress)
        body(pointers, start, out)
      }
    }
  }

  private func scratch<T>(_ count: Int, _: T.Type) -> UnsafeMutablePointer<T> {
    UnsafeMutablePointer<T>.allocate(capacity: max(count, 1))
  }

  private func lstm<T: KernelScalar>(_ inputs: Inputs, _ t: T.Type) -> [T] {
    let shape = inputs.shape
    let (rows, u) = (shape.batch * shape.steps, shape.units)
    return states(inputs, t) { pointers, start, out in
      let memory = [
        scratch(rows * 4 * u, t), scratch(rows * u, t), scratch(shape.batch * u, t), scratch(shape.batch * u, t),
        scratch(packedMatrixCount(t, depth: u, columns: 4 * u), t),
      ]
      defer { for block in memory { block.deallocate() } }
      lstmForward(
        LSTMBuffers(
          projected: pointers[0], recurrentKernel: pointers[1], start: start, gates: memory[0], cells: memory[1],
          states: out, lastState: memory[2], lastCell: memory[3], packed: memory[4]), shape: shape,
        activations: Self.activations)
    }
  }

  private func gru<T: KernelScalar>(_ inputs: Inputs, _ t: T.Type, resetsAfter: Bool) -> [T] {
    let shape = inputs.shape
    let (rows, u) = (shape.batch * shape.steps, shape.units)
    return states(inputs, t) { pointers, start, out in
      let memory = [
        scratch(rows * 3 * u, t), scratch(rows * u, t), scratch(shape.batch * u, t),
        scratch(gruPackedCount(t, units: u), t),
      ]
      defer { for block in memory { block.deallocate() } }
      gruForward(
        GRUBuffers(
          projected: pointers[0], recurrentKernel: pointers[1], recurrentBias: resetsAfter ? pointers[2] : nil,
          start: start, gates: memory[0], states: out, inner: memory[1], lastState: memory[2], packed: memory[3]),
        shape: shape, activations: Self.activations, resetsAfter: resetsAfter)
    }
  }

  private func simple<T: KernelScalar>(_ inputs: Inputs, _ t: T.Type) -> [T] {
    let (shape, u) = (inputs.shape, inputs.shape.units)
    return states(inputs, t) { pointers, start, out in
      let last = scratch(shape.batch * u, t)
      let packed = scratch(packedMatrixCount(t, depth: u, columns: u), t)
      defer {
        last.deallocate()
        packed.deallocate()
      }
      simpleRNNForward(
        projected: pointers[0], recurrentKernel: pointers[1], start: start, states: out, lastState: last,
        packed: packed, shape: shape, activation: .tanh)
    }
  }

  @Test(arguments: [false, true])
  func lstmMatchesReference(isReversed: Bool) {
    for sizes in Self.sizes {
      let inputs = Inputs(sizes, blocks: 4, isReversed: isReversed)
      let u = sizes.units
      let expected = inputs.run { x, h, c in
        let z = zip(x, inputs.product(h, 0..<4 * u)).map { $0 + $1 }
        let cell = (0..<u).map { Self.sigmoid(z[u + $0]) * c[$0] + Self.sigmoid(z[$0]) * tanh(z[2 * u + $0]) }
        return ((0..<u).map { Self.sigmoid(z[3 * u + $0]) * tanh(cell[$0]) }, cell)
      }
      expectClose(lstm(inputs, Float.self), expected, tolerance: Self.tolerance(Float.self), "Float \(sizes)")
      expectClose(lstm(inputs, Double.self), expected, tolerance: Self.tolerance(Double.self), "Double \(sizes)")
      expectSameForAllThreadCounts("lstm \(sizes)") { lstm(inputs, Float.self) }
    }
  }

  @Test(arguments: [false, true])
  func gruMatchesReference(resetsAfter: Bool) {
    for sizes in Self.sizes {
      let inputs = Inputs(sizes, blocks: 3, isReversed: sizes.units % 2 == 0)
      let u = sizes.units
      let expected = inputs.run { x, h, c in
        let bias = resetsAfter ? inputs.bias : [Double](repeating: 0, count: 3 * u)
        let gates = zip(inputs.product(h, 0..<2 * u), 0..<2 * u).map { Self.sigmoid(x[$1] + $0 + bias[$1]) }
        let candidate: [Double]
        if resetsAfter {
          let inner = inputs.product(h, 2 * u..<3 * u)
          candidate = (0..<u).map { tanh(x[2 * u + $0] + gates[u + $0] * (inner[$0] + bias[2 * u + $0])) }
        } else {
          let inner = inputs.product((0..<u).map { gates[u + $0] * h[$0] }, 2 * u..<3 * u)
          candidate = (0..<u).map { tanh(x[2 * u + $0] + inner[$0]) }
        }
        return ((0..<u).map { gates[$0] * h[$0] + (1 - gates[$0]) * candidate[$0] }, c)
      }
      func run<T: KernelScalar>(_ t: T.Type) -> [T] { gru(inputs, t, resetsAfter: resetsAfter) }
      expectClose(run(Float.self), expected, tolerance: Self.tolerance(Float.self), "Float \(sizes)")
      expectClose(run(Double.self), expected, tolerance: Self.tolerance(Double.self), "Double \(sizes)")
      expectSameForAllThreadCounts("gru \(sizes)") { run(Float.self) }
    }
  }

  @Test func simpleRNNMatchesReference() {
    for sizes in Self.sizes {
      let inputs = Inputs(sizes, blocks: 1, isReversed: sizes.batch % 2 == 0)
      let expected = inputs.run { x, h, c in
        (zip(x, inputs.product(h, 0..<sizes.units)).map { tanh($0 + $1) }, c)
      }
      expectClose(simple(inputs, Float.self), expected, tolerance: Self.tolerance(Float.self), "Float \(sizes)")
      expectClose(simple(inputs, Double.self), expected, tolerance: Self.tolerance(Double.self), "Double \(sizes)")
      expectSameForAllThreadCounts("simple \(sizes)") { simple(inputs, Float.self) }
    }
  }

  /// Backward in one run for all threads; its numbers are checked in RuntimeTests.
  @Test(arguments: [Sizes(batch: 40, steps: 3, units: 9), Sizes(batch: 2, steps: 3, units: 225)])
  func gradientIsTheSameForAllThreadCounts(sizes: Sizes) {
    let inputs = Inputs(sizes, blocks: 4, isReversed: false)
    let (shape, u) = (inputs.shape, sizes.units)
    let rows = sizes.batch * sizes.steps
    expectSameForAllThreadCounts("lstm gradient") {
      states(inputs, Float.self) { pointers, start, out in
        let counts = [
          rows * 4 * u, rows * u, rows * u, rows * u, sizes.batch * u, sizes.batch * u, 8 * u * (4 * u + 64),
        ]
        let memory = counts.map { scratch($0, Float.self) }
        defer { for block in memory { block.deallocate() } }
        lstmForward(
          LSTMBuffers(
            projected: pointers[0], recurrentKernel: pointers[1], start: start, gates: memory[0], cells: memory[1],
            states: memory[2], lastState: memory[4], lastCell: memory[5], packed: memory[6]), shape: shape,
          activations: Self.activations)
        lstmBackward(
          LSTMGradientBuffers(
            dStates: UnsafePointer(memory[2]), dLastState: nil, dLastCell: nil, gates: UnsafePointer(memory[0]),
            cells: UnsafePointer(memory[1]), states: UnsafePointer(memory[2]), recurrentKernel: pointers[1],
            start: start, dProjected: memory[0], previous: memory[3], dState: memory[4], dCell: memory[5],
            packed: memory[6]), shape: shape, activations: Self.activations)
        // One number of each kind of gradient per element of the result.
        for i in 0..<rows * u { out[i] = memory[0][4 * i] + memory[0][4 * i + 3] + memory[4][i % (sizes.batch * u)] }
      }
    }
  }
}
