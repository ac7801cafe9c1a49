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

  /// Runs the kernel into fresh outputs and in place; both must give the reference's weights and slots.
  private func check<T: KernelScalar>(
    _ type: T.Type, _ n: Int, _ slots: [String: ClosedRange<Double>], _ what: String,
    _ kernel: (
      _ w: GuardedArray<T>, _ g: GuardedArray<T>, _ slots: [String: GuardedArray<T>], _ wOut: GuardedArray<T>,
      _ slotsOut: [String: GuardedArray<T>]
    ) -> Void,
    _ reference: (inout Reference) -> Void
  ) {
    var random = Seeded(UInt64(n) + 1)
    let (w, g): ([T], [T]) = (random.array(n), random.array(n, in: -2...2))
    var values: [String: [T]] = [:]
    for name in slots.keys.sorted() { values[name] = random.array(n, in: slots[name]!) }
    var expected = Reference(
      w: w.map(Double.init), g: g.map(Double.init), slots: values.mapValues { $0.map(Double.init) })
    reference(&expected)

    for inPlace in [false, true] {
      let inputs = (memory(w), memory(g), values.mapValues { memory($0) })
      let wOut = inPlace ? inputs.0 : memory(n)
      let slotsOut = inPlace ? inputs.2 : values.mapValues { memory($0.count) }
      kernel(inputs.0, inputs.1, inputs.2, wOut, slotsOut)
      let tolerance = 32 * Double(T.ulpOfOne)
      expectClose(wOut.values, expected.w, tolerance: tolerance, "\(what) w, in place \(inPlace)")
      for (name, slot) in slotsOut {
        expectClose(slot.values, expected.slots[name]!, tolerance: tolerance, "\(what) \(name), in place \(inPlace)")
      }
      #expect(inputs.1.values == g)
    }
  }

  private func forBothTypes(_ body: (any KernelScalar.Type) -> Void) {
    body(Float.self)
    body(Double.self)
  }

  @Test(arguments: edgeSizes + [16_385, 40_000])
  func gradientDescent(n: Int) {
    func run<T: KernelScalar>(_ type: T.Type) {
      for (hasMomentum, nesterov) in [(false, false), (true, false), (true, true)] {
        check(type, n, hasMomentum ? ["velocity": -1...1] : [:], "sgd \(hasMomentum) \(nesterov)") {
          w, g, s, wOut, sOut in
          sgdUpdate(
            w.p, g.p, velocity: s["velocity"].map { UnsafePointer($0.p) }, wOut: wOut.p,
            velocityOut: sOut["velocity"]?.p, n, lr: 0.05, momentum: 0.9, nesterov: nesterov)
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
        var slots: [String: ClosedRange<Double>] = ["m": -1...1, "v": 0.1...1]
        if amsgrad { slots["vHat"] = 0.1...1 }
        check(type, n, slots, "adam \(amsgrad) \(decay)") { w, g, s, wOut, sOut in
          adamUpdate(
            w.p, g.p, m: s["m"]!.p, v: s["v"]!.p, vHat: s["vHat"].map { UnsafePointer($0.p) }, wOut: wOut.p,
            mOut: sOut["m"]!.p, vOut: sOut["v"]!.p, vHatOut: sOut["vHat"]?.p, n, alpha: 0.03, beta1: 0.9,
            beta2: 0.75, epsilon: 1e-3, decay: decay)
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
        var slots: [String: ClosedRange<Double>] = ["velocity": 2...3]
        if hasMomentum { slots["momentum"] = -1...1 }
        if isCentered { slots["average"] = -0.5...0.5 }
        check(type, n, slots, "rmsprop \(hasMomentum) \(isCentered)") { w, g, s, wOut, sOut in
          rmspropUpdate(
            w.p, g.p, velocity: s["velocity"]!.p, momentum: s["momentum"].map { UnsafePointer($0.p) },
            average: s["average"].map { UnsafePointer($0.p) }, wOut: wOut.p, velocityOut: sOut["velocity"]!.p,
            momentumOut: sOut["momentum"]?.p, averageOut: sOut["average"]?.p, n, lr: 0.05, rho: 0.9,
            momentumFactor: 0.8, epsilon: 1e-3)
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
    adamUpdate(
      w.p, g.p, m: zero.p, v: zero.p, vHat: UnsafePointer(zero.p), wOut: out[0].p, mOut: out[1].p, vOut: out[2].p,
      vHatOut: out[3].p, 2, alpha: 0.1, beta1: 0.9, beta2: 0.9, epsilon: 1e-7, decay: 0)
    for slot in out { #expect(slot.values[0].isNaN && slot.values[1].isFinite) }
  }

  @Test func sameForAllThreadCounts() {
    var random = Seeded(2)
    let n = 100_003
    let (w, g): (GuardedArray<Float>, GuardedArray<Float>) = (memory(random.array(n)), memory(random.array(n)))
    let v: GuardedArray<Float> = memory(random.array(n, in: 0.1...1))
    let (mOut, vOut, wOut): (GuardedArray<Float>, GuardedArray<Float>, GuardedArray<Float>) = (
      memory(n), memory(n), memory(n)
    )
    expectSameForAllThreadCounts("adam") {
      adamUpdate(
        w.p, g.p, m: w.p, v: v.p, vHat: nil, wOut: wOut.p, mOut: mOut.p, vOut: vOut.p, vHatOut: nil, n, alpha: 0.01,
        beta1: 0.9, beta2: 0.999, epsilon: 1e-7, decay: 0.01)
      return wOut.values + mOut.values + vOut.values
    }
  }
}
