import Kernels
import Testing

/// Results of 12 MB and more are stored past the caches, all but a part at each end of a run: the same bits from an
/// aligned and an odd address.
struct NormalizationStreamingTests {
  private func check(_ shape: NormalizationShape) {
    let count = shape.valueCount
    let memory = (0..<2).map { _ in
      UnsafeMutableRawPointer.allocate(byteCount: (count + 16) * 4, alignment: 64).assumingMemoryBound(to: Float.self)
    }
    defer { memory.forEach { $0.deallocate() } }
    var random = Seeded(2)
    // A period that is no multiple of anything in the shapes.
    let pattern: [Float] = random.array(10_007, in: 1...3)
    let x = UnsafeMutablePointer<Float>.allocate(capacity: count)
    defer { x.deallocate() }
    for i in 0..<count { x[i] = pattern[i % 10_007] }
    let numbers = UnsafeMutablePointer<Float>.allocate(capacity: 5 * shape.channels)
    defer { numbers.deallocate() }
    numbers.initialize(repeating: 1.5, count: 5 * shape.channels)
    let (mean, inverseStd) = (numbers, numbers + shape.channels)
    let (dgamma, dbeta) = (numbers + 2 * shape.channels, numbers + 3 * shape.channels)
    let ones = numbers + 4 * shape.channels
    let passes: [(String, (UnsafeMutablePointer<Float>) -> Void)] = [
      (
        "inference",
        { y in
          batchNormInference(
            x: x, gamma: ones, beta: ones, movingMean: ones, movingVariance: ones, y: y, shape: shape, epsilon: 1e-3,
            relu: true)
        }
      ),
      (
        "forward",
        { y in
          batchNormForward(
            x: x, gamma: ones, beta: nil, y: y, mean: mean, variance: nil, inverseStd: inverseStd, shape: shape,
            epsilon: 1e-3, relu: false)
        }
      ),
      (
        "backward",
        { dx in
          batchNormBackward(
            dy: x, x: x, gamma: ones, mean: mean, inverseStd: inverseStd, dx: dx, dgamma: dgamma, dbeta: dbeta,
            shape: shape)
        }
      ),
    ]
    for (name, pass) in passes {
      let (aligned, odd) = (memory[0], memory[1] + 1)
      aligned.initialize(repeating: -1, count: count + 15)
      odd.initialize(repeating: -2, count: count + 15)
      pass(aligned)
      pass(odd)
      #expect((0..<count).allSatisfy { aligned[$0] == odd[$0] }, "\(name) \(shape)")
      #expect((count..<count + 15).allSatisfy { aligned[$0] == -1 && odd[$0] == -2 }, "\(name) \(shape): guards")
    }
  }

  @Test func streamedResultsAreTheSame() {
    check(NormalizationShape(outer: 140_003, channels: 64, inner: 1))
    check(NormalizationShape(outer: 8_200, channels: 1_024, inner: 1))
    check(NormalizationShape(outer: 41, channels: 64, inner: 3_200))
    check(NormalizationShape(outer: 41, channels: 64, inner: 2_501))
    check(NormalizationShape(outer: 71_000, channels: 96, inner: 1))
    check(NormalizationShape(outer: 7_001, channels: 1_003, inner: 1))
    check(NormalizationShape(outer: 3, channels: 3, inner: 1_000_000))
  }
}
