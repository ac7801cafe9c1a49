import Kernels
import Testing

/// Ghost batches against each group as a batch of its own, bit by bit.
struct GhostBatchesTests {
  private struct Results<T: KernelScalar>: Equatable {
    var y, mean, variance, inverseStd, dx, dgamma, dbeta: [T]
    var all: [T] { y + mean + variance + inverseStd + dx + dgamma + dbeta }
  }

  private struct Case<T: KernelScalar> {
    let x, dy, gamma, beta: [T]
    init(_ shape: NormalizationShape, center: Double) {
      var random = Seeded(UInt64(shape.valueCount &+ 11))
      x = random.array(shape.valueCount, in: center - 2...center + 2)
      dy = random.array(shape.valueCount)
      gamma = random.array(shape.channels, in: -2...2)
      beta = random.array(shape.channels)
    }
  }

  private func grouped<T: KernelScalar>(_ c: Case<T>, _ groups: NormalizationGroups, relu: Bool) -> Results<T> {
    let (memory, channels) = (GuardedMemory(), groups.shape.channels)
    let (x, dy, gamma, beta) = (memory(c.x), memory(c.dy), memory(c.gamma), memory(c.beta))
    let (y, dx) = (memory(c.x.count) as GuardedArray<T>, memory(c.x.count) as GuardedArray<T>)
    let statistics = (0..<3).map { _ in memory(groups.count * channels) as GuardedArray<T> }
    let (dgamma, dbeta) = (memory(channels) as GuardedArray<T>, memory(channels) as GuardedArray<T>)
    let partials: GuardedArray<T> = memory(2 * groups.count * channels)
    ghostBatchNormForward(
      x: x.p, gamma: gamma.p, beta: beta.p, y: y.p, mean: statistics[0].p, variance: statistics[1].p,
      inverseStd: statistics[2].p, groups: groups, epsilon: 1e-3, relu: relu)
    ghostBatchNormBackward(
      dy: dy.p, x: x.p, gamma: gamma.p, mean: statistics[0].p, inverseStd: statistics[2].p, dx: dx.p,
      dgamma: dgamma.p, dbeta: dbeta.p, partials: partials.p, groups: groups)
    _ = partials.values
    return Results(
      y: y.values, mean: statistics[0].values, variance: statistics[1].values, inverseStd: statistics[2].values,
      dx: dx.values, dgamma: dgamma.values, dbeta: dbeta.values)
  }

  private func alone<T: KernelScalar>(_ c: Case<T>, _ groups: NormalizationGroups, relu: Bool) -> Results<T> {
    let (shape, channels) = (groups.shape, groups.shape.channels)
    let zeros = [T](repeating: 0, count: channels)
    var all = Results<T>(y: [], mean: [], variance: [], inverseStd: [], dx: [], dgamma: zeros, dbeta: zeros)
    for first in stride(from: 0, to: shape.outer, by: groups.outer) {
      var part = shape
      part.outer = min(groups.outer, shape.outer - first)
      let range = first * channels * shape.inner..<(first + part.outer) * channels * shape.inner
      let forward = runForward(Array(c.x[range]), c.gamma, c.beta, part, relu: relu)
      let backward = runBackward(
        Array(c.dy[range]), Array(c.x[range]), c.gamma, c.beta, part, mask: .none, dx: .own)
      all.y += forward.y
      all.mean += forward.mean
      all.variance += forward.variance
      all.inverseStd += forward.inverseStd
      all.dx += backward.dx
      for k in 0..<channels {
        all.dgamma[k] += backward.dgamma[k]
        all.dbeta[k] += backward.dbeta[k]
      }
    }
    return all
  }

  /// Outer extent, channels, inner extent, outer extent of a group: many small groups, whole chunks of them, many and few
  /// that are shared in themselves, rows and planes, with and without a ragged last one.
  static let cases = [
    (7, 3, 1, 2), (7, 3, 1, 7), (7, 3, 1, 9), (1, 5, 4, 1), (0, 3, 1, 2), (2_000, 128, 1, 32), (4_099, 64, 1, 17),
    (64, 24, 100, 5), (40, 8, 676, 3), (20_000, 256, 1, 1_024), (21, 64, 2_500, 2), (30, 4, 9_000, 13),
    (9_001, 64, 1, 4_000), (5, 3, 300_000, 2),
  ]

  @Test(arguments: cases)
  func groupsAreBatchesOfTheirOwn(_ c: (Int, Int, Int, Int)) {
    let shape = NormalizationShape(outer: c.0, channels: c.1, inner: c.2)
    let groups = NormalizationGroups(shape, outer: c.3)
    #expect(groups.count == (c.0 + c.3 - 1) / c.3)
    for (center, relu) in [(0.5, false), (300.0, true)] {
      let floats = Case<Float>(shape, center: center)
      #expect(grouped(floats, groups, relu: relu) == alone(floats, groups, relu: relu), "\(c) at \(center)")
    }
    if shape.valueCount < 1 << 20 {
      let doubles = Case<Double>(shape, center: 0.5)
      #expect(grouped(doubles, groups, relu: false) == alone(doubles, groups, relu: false), "\(c) in Double")
    }
  }

  @Test func sameForAllThreadCounts() {
    for (outer, channels, inner, size) in Self.cases where outer * channels * inner >= 1 << 17 {
      let groups = NormalizationGroups(
        NormalizationShape(outer: outer, channels: channels, inner: inner), outer: size)
      let c = Case<Float>(groups.shape, center: 2)
      expectSameForAllThreadCounts("\(outer) \(channels) \(inner) by \(size)") {
        grouped(c, groups, relu: false).all
      }
    }
  }
}
