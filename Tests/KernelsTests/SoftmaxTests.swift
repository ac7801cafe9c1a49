import Glibc
import Kernels
import Testing

/// Row lengths around the edges of vectors and of the runs of sums.
private let lengths = [0, 1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 65, 1_000, 1_024, 1_041, 3_000]

private func softmax(_ x: [Double], _ n: Int) -> [Double] {
  var y: [Double] = []
  for row in rowsOf(x, n) {
    let m = row.max() ?? 0
    let e = row.map { exp($0 - m) }
    let sum = e.reduce(0, +)
    y += e.map { $0 / sum }
  }
  return y
}

private func logSoftmax(_ x: [Double], _ n: Int) -> [Double] {
  rowsOf(x, n).flatMap { row in
    let m = row.max() ?? 0
    let logSum = log(row.reduce(0) { $0 + exp($1 - m) })
    return row.map { $0 - m - logSum }
  }
}

private func rowsOf(_ x: [Double], _ n: Int) -> [ArraySlice<Double>] {
  stride(from: 0, to: x.count, by: max(1, n)).map { x[$0..<$0 + n] }
}

private func doubles<T: KernelScalar>(_ x: [T]) -> [Double] { x.map(Double.init) }

struct SoftmaxTests {
  private let memory = GuardedMemory()

  @Test(arguments: lengths)
  func forwardAndBackward(n: Int) {
    func check<T: KernelScalar>(_ type: T.Type) {
      var random = Seeded(UInt64(n))
      for (rows, range) in [(1, 3.0), (3, 30), (5, 600)] {
        let x: [T] = random.array(rows * n, in: -range...range)
        let dy: [T] = random.array(rows * n)
        let eps = Double(T.ulpOfOne)
        let y: GuardedArray<T> = memory(rows * n)
        let z: GuardedArray<T> = memory(rows * n)
        let dx: GuardedArray<T> = memory(rows * n)
        softmax(memory(x).p, y.p, rows: rows, n: n)
        // Each e^(x - m) has the error of x - m; the sum adds that of a few hundred additions at most.
        expectClose(y.values, softmax(doubles(x), n), tolerance: (range + 16) * eps, "softmax")
        logSoftmax(memory(x).p, z.p, rows: rows, n: n)
        expectClose(z.values, logSoftmax(doubles(x), n), tolerance: 16 * eps, "log softmax")

        softmaxBackward(memory(dy).p, y.p, dx.p, rows: rows, n: n)
        let yd = doubles(y.values)
        let expected = zip(rowsOf(doubles(dy), n), rowsOf(yd, n)).flatMap { dy, y in
          let dot = zip(dy, y).reduce(0) { $0 + $1.0 * $1.1 }
          return zip(dy, y).map { ($0 - dot) * $1 }
        }
        expectClose(dx.values, expected, tolerance: 32 * eps, "softmax backward")

        // In place.
        let same = memory(x)
        softmax(same.p, same.p, rows: rows, n: n)
        #expect(same.values == y.values)
        let sameLog = memory(x)
        logSoftmax(sameLog.p, sameLog.p, rows: rows, n: n)
        #expect(sameLog.values == z.values)
      }
    }
    check(Float.self)
    check(Double.self)
  }

  @Test(arguments: lengths.filter { $0 > 0 })
  func crossEntropies(n: Int) {
    func check<T: KernelScalar>(_ type: T.Type) {
      var random = Seeded(UInt64(n) + 99)
      let rows = 4
      let eps = Double(T.ulpOfOne)
      let x: [T] = random.array(rows * n, in: -40...40)
      let labels = (0..<rows).map { _ in Int32.random(in: 0..<Int32(n), using: &random) }
      let dloss: [T] = random.array(rows)
      let targets: [T] = random.array(rows * n, in: 0...(2 / Double(n)))
      let (p, logp) = (softmax(doubles(x), n), logSoftmax(doubles(x), n))
      let loss: GuardedArray<T> = memory(rows)
      let probabilities: GuardedArray<T> = memory(rows * n)
      let dx: GuardedArray<T> = memory(rows * n)

      sparseSoftmaxCrossEntropy(
        memory(x).p, labels: labels, loss: loss.p, probabilities: probabilities.p, rows: rows, n: n)
      expectClose(loss.values, (0..<rows).map { -logp[$0 * n + Int(labels[$0])] }, tolerance: 8 * eps, "sparse")
      expectClose(probabilities.values, p, tolerance: 60 * eps, "probabilities")
      sparseSoftmaxCrossEntropyBackward(
        memory(dloss).p, probabilities: probabilities.p, labels: labels, dlogits: dx.p, rows: rows, n: n)
      let expected = (0..<rows * n).map { i in
        Double(dloss[i / n]) * (p[i] - (i % n == Int(labels[i / n]) ? 1 : 0))
      }
      expectClose(dx.values, expected, tolerance: 60 * eps, "sparse backward")
      // In place.
      let kept = dx.values
      sparseSoftmaxCrossEntropyBackward(
        memory(dloss).p, probabilities: probabilities.p, labels: labels, dlogits: probabilities.p, rows: rows, n: n)
      #expect(probabilities.values == kept)

      softmaxCrossEntropy(
        memory(x).p, targets: memory(targets).p, loss: loss.p, probabilities: probabilities.p, rows: rows, n: n)
      let t = doubles(targets)
      expectClose(
        loss.values, (0..<rows).map { r in (r * n..<(r + 1) * n).reduce(0) { $0 - t[$1] * logp[$1] } },
        tolerance: 64 * eps, "soft")
      expectClose(probabilities.values, p, tolerance: 60 * eps, "probabilities")
      softmaxCrossEntropyBackward(
        memory(dloss).p, probabilities: probabilities.p, targets: memory(targets).p, dlogits: dx.p, rows: rows, n: n)
      let masses = rowsOf(t, n).map { $0.reduce(0, +) }
      expectClose(
        dx.values, (0..<rows * n).map { Double(dloss[$0 / n]) * (p[$0] * masses[$0 / n] - t[$0]) },
        tolerance: 100 * eps, "soft backward")
    }
    check(Float.self)
    check(Double.self)
  }

  /// Σ g · f by central differences, for every kernel with a gradient.
  @Test(arguments: [1, 5, 17])
  func gradientsMatchDifferences(n: Int) {
    var random = Seeded(4)
    let rows = 3
    let x: [Double] = random.array(rows * n, in: -2...2)
    let g: [Double] = random.array(rows * n)
    let t: [Double] = random.array(rows * n, in: 0...1)
    let labels = (0..<rows).map { Int32($0 * 2 % n) }
    func differences(_ at: [Double], _ f: ([Double]) -> [Double]) -> [Double] {
      at.indices.map { i in
        let step = 1e-5
        var (above, below) = (at, at)
        above[i] += step
        below[i] -= step
        return zip(g, zip(f(above), f(below))).reduce(0) { $0 + $1.0 * ($1.1.0 - $1.1.1) } / (2 * step)
      }
    }
    func mapped(_ count: Int, _ body: (UnsafeMutablePointer<Double>) -> Void) -> [Double] {
      let buffer: GuardedArray<Double> = memory(count)
      body(buffer.p)
      return buffer.values
    }
    let y = mapped(x.count) { softmax(x, $0, rows: rows, n: n) }
    expectClose(
      mapped(x.count) { softmaxBackward(g, y, $0, rows: rows, n: n) },
      differences(x) { x in mapped(x.count) { softmax(x, $0, rows: rows, n: n) } }, tolerance: 1e-9)
    let scratch: GuardedArray<Double> = memory(x.count)
    expectClose(
      mapped(x.count) {
        sparseSoftmaxCrossEntropyBackward(g, probabilities: y, labels: labels, dlogits: $0, rows: rows, n: n)
      },
      differences(x) { x in
        mapped(rows) {
          sparseSoftmaxCrossEntropy(x, labels: labels, loss: $0, probabilities: scratch.p, rows: rows, n: n)
        }
      },
      tolerance: 1e-9)
    expectClose(
      mapped(x.count) { softmaxCrossEntropyBackward(g, probabilities: y, targets: t, dlogits: $0, rows: rows, n: n) },
      differences(x) { x in
        mapped(rows) { softmaxCrossEntropy(x, targets: t, loss: $0, probabilities: scratch.p, rows: rows, n: n) }
      }, tolerance: 1e-9)
  }

  @Test func extremes() {
    func check<T: KernelScalar>(_ type: T.Type) {
      let inf = T.infinity
      let y: GuardedArray<T> = memory(3)
      softmax([1e4, 1e4, -1e4] as [T], y.p, rows: 1, n: 3)
      #expect(y.values == [0.5, 0.5, 0])
      softmax([-inf, 2, -inf] as [T], y.p, rows: 1, n: 3)
      #expect(y.values == [0, 1, 0])
      for bad in [[.nan, 1, 2], [1, inf, 2], [-inf, -inf, -inf]] as [[T]] {
        softmax(bad, y.p, rows: 1, n: 3)
        #expect(y.values.allSatisfy { $0.isNaN }, "\(bad)")
        logSoftmax(bad, y.p, rows: 1, n: 3)
        #expect(y.values.allSatisfy { $0.isNaN }, "\(bad)")
      }
      // The probability underflows; the loss does not.
      let loss: GuardedArray<T> = memory(1)
      sparseSoftmaxCrossEntropy([0, 5_000, 0] as [T], labels: [2], loss: loss.p, probabilities: y.p, rows: 1, n: 3)
      #expect(loss.values == [5_000] && y.values[2] == 0)
      // A logit of -∞ with a target of 1.
      softmaxCrossEntropy(
        [-inf, 0, 0] as [T], targets: [1, 0, 0] as [T], loss: loss.p, probabilities: y.p, rows: 1, n: 3)
      #expect(loss.values == [inf])
    }
    check(Float.self)
    check(Double.self)
  }

  @Test func labelsOutOfRange() {
    let loss: GuardedArray<Float> = memory(3)
    let (p, dx): (GuardedArray<Float>, GuardedArray<Float>) = (memory(6), memory(6))
    sparseSoftmaxCrossEntropy(
      [0, 0, 0, 0, 0, 0], labels: [.min, 1, .max], loss: loss.p, probabilities: p.p, rows: 3, n: 2)
    #expect(loss.values[0].isNaN && loss.values[1] == Float(log(2.0)) && loss.values[2].isNaN)
    sparseSoftmaxCrossEntropyBackward([1, 1, 1], probabilities: p.p, labels: [-1, 1, 2], dlogits: dx.p, rows: 3, n: 2)
    #expect(dx.values[0...1].allSatisfy { $0.isNaN } && dx.values[4...5].allSatisfy { $0.isNaN })
    #expect(dx.values[2...3] == [0.5, -0.5])
  }

  @Test(arguments: [(5_000, 10), (40, 3_001)])
  func sameForAllThreadCounts(rows: Int, n: Int) {
    var random = Seeded(8)
    let x: [Float] = random.array(rows * n, in: -9...9)
    let t: [Float] = random.array(rows * n)
    let labels = (0..<rows).map { Int32($0 % n) }
    func run(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) -> [Float] {
      let buffer: GuardedArray<Float> = memory(count)
      body(buffer.p)
      return buffer.values
    }
    let p: GuardedArray<Float> = memory(rows * n)
    expectSameForAllThreadCounts("softmax") { run(x.count) { softmax(x, $0, rows: rows, n: n) } }
    expectSameForAllThreadCounts("log softmax") { run(x.count) { logSoftmax(x, $0, rows: rows, n: n) } }
    expectSameForAllThreadCounts("softmax backward") { run(x.count) { softmaxBackward(t, x, $0, rows: rows, n: n) } }
    expectSameForAllThreadCounts("sparse") {
      run(rows) { sparseSoftmaxCrossEntropy(x, labels: labels, loss: $0, probabilities: p.p, rows: rows, n: n) }
    }
    expectSameForAllThreadCounts("soft") {
      run(rows) { softmaxCrossEntropy(x, targets: t, loss: $0, probabilities: p.p, rows: rows, n: n) }
    }
    expectSameForAllThreadCounts("sparse backward") {
      run(x.count) {
        sparseSoftmaxCrossEntropyBackward(t, probabilities: x, labels: labels, dlogits: $0, rows: rows, n: n)
      }
    }
    expectSameForAllThreadCounts("soft backward") {
      run(x.count) { softmaxCrossEntropyBackward(t, probabilities: x, targets: p.p, dlogits: $0, rows: rows, n: n) }
    }
  }
}
