import Kernels
import Testing

/// Keras' formulas, one weight at a time in Double.
private struct Reference {
  var w: [Double]
  let g: [Double]
  /// Velocity, first moment and so on, by the kernel's names.
  var slots: [String: [Double]]

  mutating func sgd(lr: Double, momentum: Double, nesterov: Bool) {
    for i in w.indices {
      guard slots["velocity"] != nil else {
        w[i] -= lr * g[i]
        continue
      }
      let v = momentum * slots["velocity"]![i] - lr * g[i]
      slots["velocity"]![i] = v
      w[i] += nesterov ? momentum * v - lr * g[i] : v
    }
  }

  mutating func adam(alpha: Double, beta1: Double, beta2: Double, epsilon: Double, decay: Double) {
    for i in w.indices {
      w[i] -= w[i] * decay
      slots["m"]![i] += (g[i] - slots["m"]![i]) * (1 - beta1)
      slots["v"]![i] += (g[i] * g[i] - slots["v"]![i]) * (1 - beta2)
      var v = slots["v"]![i]
      if slots["vHat"] != nil {
        v = max(v, slots["vHat"]![i])
        slots["vHat"]![i] = v
      }
      w[i] -= slots["m"]![i] * alpha / (v.squareRoot() + epsilon)
    }
  }

  mutating func rmsprop(lr: Double, rho: Double, momentum: Double, epsilon: Double) {
    for i in w.indices {
      slots["velocity"]![i] = rho * slots["velocity"]![i] + (1 - rho) * g[i] * g[i]
      var denominator = slots["velocity"]![i] + epsilon
      if slots["average"] != nil {
        slots["average"]![i] = rho * slots["average"]![i] + (1 - rho) * g[i]
        denominator -= slots["average"]![i] * slots["average"]![i]
      }
      var increment = lr * g[i] / denominator.squareRoot()
      if slots["momentum"] != nil {
        increment += momentum * slots["momentum"]![i]
        slots["momentum"]![i] = increment
      }
      w[i] -= increment
    }
  }
}

struct OptimizerTests {
  private let memory = GuardedMemory()

  /// Runs the kernel on several weights, into fresh outputs and in place; both must give the reference's weights and
  /// slots. `slots` have the kernel's order.
  private func check<T: KernelScalar>(
    _ type: T.Type, _ counts: [Int], _ slots: [(String, ClosedRange<Double>)], _ what: String,
    _ kernel: (UnsafePointer<UnsafeMutableRawPointer>, WeightCut) -> Void, _ reference: (inout Reference) -> Void
  ) {
    var random = Seeded(UInt64(counts[0]) + 1)
    let weights: [(w: [T], g: [T], slots: [[T]])] = counts.map { n in
      (random.array(n), random.array(n, in: -2...2), slots.map { random.array(n, in: $0.1) })
    }
    let expected = weights.map { weight in
      var result = Reference(
        w: weight.w.map(Double.init), g: weight.g.map(Double.init),
        slots: Dictionary(
          uniqueKeysWithValues: zip(slots, weight.slots).map { slot, values in (slot.0, values.map { Double($0) }) }))
      reference(&result)
      return result
    }
    for inPlace in [false, true] {
      let inputs: [[GuardedArray<T>]] = weights.map { weight in
        [memory(weight.w), memory(weight.g)] + weight.slots.map { memory($0) }
      }
      let outputs: [[GuardedArray<T>]] = inputs.map { input in
        ([input[0]] + input.dropFirst(2)).map { inPlace ? $0 : memory($0.count) }
      }
      let pointers = zip(inputs, outputs).flatMap { ($0 + $1).map { UnsafeMutableRawPointer($0.p) } }
      pointers.withUnsafeBufferPointer { kernel($0.baseAddress!, WeightCut(counts: counts)) }
      let tolerance = 32 * Double(T.ulpOfOne)
      for (index, output) in outputs.enumerated() {
        let name = "\(what), weight \(index), in place \(inPlace)"
        expectClose(output[0].values, expected[index].w, tolerance: tolerance, "w of \(name)")
        for (slot, values) in zip(slots, output.dropFirst()) {
          expectClose(values.values, expected[index].slots[slot.0]!, tolerance: tolerance, "\(slot.0) of \(name)")
        }
        #expect(inputs[index][1].values == weights[index].g)
      }
    }
  }

  private func forBothTypes(_ body: (any KernelScalar.Type) -> Void) {
    body(Float.self)
    body(Double.self)
  }

  /// Sizes of the weights of one call: n, and others whose ends fall into and onto its chunks.
  private func sizes(_ n: Int) -> [Int] { [n, 1, 0, 16_384 - n % 500, 70, n, n % 2 == 0 ? 0 : 120_000] }

  @Test(arguments: edgeSizes + [16_385, 40_000])
  func gradientDescent(n: Int) {
    func run<T: KernelScalar>(_ type: T.Type) {
      for (hasMomentum, nesterov) in [(false, false), (true, false), (true, true)] {
        check(type, sizes(n), hasMomentum ? [("velocity", -1...1)] : [], "sgd \(hasMomentum) \(nesterov)") {
          sgdUpdate(type, $0, $1, lr: 0.05, momentum: hasMomentum ? 0.9 : nil, nesterov: nesterov)
        } _: {
          $0.sgd(lr: 0.05, momentum: 0.9, nesterov: nesterov)
        }
      }
    }
    forBothTypes { run($0) }
  }

  @Test(arguments: edgeSizes + [16_385, 40_000])
  func adam(n: Int) {
    func run<T: KernelScalar>(_ type: T.Type) {
      for (amsgrad, decay) in [(false, 0.0), (false, 0.01), (true, 0.0), (true, 0.01)] {
        var slots: [(String, ClosedRange<Double>)] = [("m", -1...1), ("v", 0.1...1)]
        if amsgrad { slots.append(("vHat", 0.1...1)) }
        check(type, sizes(n), slots, "adam \(amsgrad) \(decay)") {
          adamUpdate(
            type, $0, $1, amsgrad: amsgrad, alpha: 0.03, beta1: 0.9, beta2: 0.75, epsilon: 1e-3, decay: decay)
        } _: {
          $0.adam(alpha: 0.03, beta1: 0.9, beta2: 0.75, epsilon: 1e-3, decay: decay)
        }
      }
    }
    forBothTypes { run($0) }
  }

  @Test(arguments: edgeSizes + [16_385, 40_000])
  func rmsprop(n: Int) {
    func run<T: KernelScalar>(_ type: T.Type) {
      for (hasMomentum, isCentered) in [(false, false), (true, false), (false, true), (true, true)] {
        // The velocity stays above the square of the average, as in training: nothing cancels under the root.
        var slots: [(String, ClosedRange<Double>)] = [("velocity", 2...3)]
        if hasMomentum { slots.append(("momentum", -1...1)) }
        if isCentered { slots.append(("average", -0.5...0.5)) }
        check(type, sizes(n), slots, "rmsprop \(hasMomentum) \(isCentered)") {
          rmspropUpdate(
            type, $0, $1, lr: 0.05, rho: 0.9, momentumFactor: hasMomentum ? 0.8 : nil, epsilon: 1e-3,
            centered: isCentered)
        } _: {
          $0.rmsprop(lr: 0.05, rho: 0.9, momentum: 0.8, epsilon: 1e-3)
        }
      }
    }
    forBothTypes { run($0) }
  }

  /// A gradient that is not a number must show in the weights, and AMSGrad must not hide it.
  @Test func notANumberStays() {
    let (w, g, zero): (GuardedArray<Float>, GuardedArray<Float>, GuardedArray<Float>) = (
      memory([1, 1]), memory([.nan, 1]), memory([0, 0])
    )
    let out: [GuardedArray<Float>] = (0..<4).map { _ in memory(2) }
    let pointers = ([w, g, zero, zero, zero] + out).map { UnsafeMutableRawPointer($0.p) }
    adamUpdate(
      Float.self, pointers, WeightCut(counts: [2]), amsgrad: true, alpha: 0.1, beta1: 0.9, beta2: 0.9, epsilon: 1e-7,
      decay: 0)
    for slot in out { #expect(slot.values[0].isNaN && slot.values[1].isFinite) }
  }

  @Test func sameForAllThreadCountsAndNeighbours() {
    var random = Seeded(2)
    let counts = [140_003, 17, 300, 20_000]
    func arrays(_ range: ClosedRange<Double>) -> [GuardedArray<Float>] {
      counts.map { memory(random.array($0, in: range)) }
    }
    let (w, g, v) = (arrays(-1...1), arrays(-1...1), arrays(0.1...1))
    let outputs = counts.map { n in (0..<3).map { _ in memory(n) as GuardedArray<Float> } }
    func update(_ weights: Range<Int>) -> [Float] {
      let pointers = weights.flatMap { i in
        ([w[i], g[i], w[i], v[i]] + outputs[i]).map { UnsafeMutableRawPointer($0.p) }
      }
      adamUpdate(
        Float.self, pointers, WeightCut(counts: Array(counts[weights])), amsgrad: false, alpha: 0.01, beta1: 0.9,
        beta2: 0.999, epsilon: 1e-7, decay: 0.01)
      return weights.flatMap { outputs[$0].flatMap(\.values) }
    }
    expectSameForAllThreadCounts("adam") { update(0..<4) }
    let alone = counts.indices.flatMap { update($0..<($0 + 1)) }
    #expect(update(0..<4).map(\.bitPattern) == alone.map(\.bitPattern))
  }

  @Test(arguments: [[], [0], [1], [16_384], [16_385, 3], [5, 140_000, 0, 1, 1], Array(repeating: 10, count: 20_000)])
  func everyElementIsCutOnce(counts: [Int]) {
    let cut = WeightCut(counts: counts)
    var next = counts.map { _ in 0 }
    for run in cut.runs {
      #expect(run.begin == next[run.weight] && run.end > run.begin && run.begin % 64 == 0)
      next[run.weight] = run.end
    }
    #expect(next == counts)
    #expect(cut.bounds.first == 0 && cut.bounds.last == cut.runs.count)
    for (begin, end) in zip(cut.bounds, cut.bounds.dropFirst()) {
      #expect(begin < end)
      let elements = cut.runs[begin..<end].reduce(0) { $0 + $1.end - $1.begin }
      #expect(elements <= 16_384 || counts.reduce(0, +) == elements)
    }
  }
}
