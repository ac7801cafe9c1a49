import Kernels
import Parallel
import Testing

/// Shapes and axes that reach every pattern of kept (K) and reduced (R) axes and every way to split the work.
private let cases: [([Int], [Int])] = [
  ([], []), ([1], [0]), ([7], []), ([7], [0]), ([2_049], [0]), ([100_003], [0]), ([300_000], [0]),
  ([5, 7], [1]), ([5, 7], [0]), ([5, 7], [0, 1]), ([3, 4, 5], [1]), ([3, 4, 5], [0, 2]), ([3, 4, 5], [0, 1]),
  ([700, 3], [0]), ([700, 3], [1]), ([1_000, 10], [0]), ([1_000, 17], [0]), ([40_000, 10], [0]),
  ([30, 2_100], [0]), ([3_000, 129], [0]), ([2, 90_000], [1]), ([20, 5_000], [1]), ([9, 2_049], [1]),
  ([4, 9, 9, 8], [1, 2]), ([4, 9, 9, 8], [0, 1, 2]), ([4, 8, 9, 9], [0, 2, 3]), ([4, 8, 81, 33], [0, 2]),
  ([3, 70_000, 2], [1]), ([2, 3, 2, 3, 2, 3, 2, 3], [0, 2, 4, 6]), ([2, 3, 2, 3, 2, 3, 2, 3], [1, 3, 5, 7]),
  ([1, 6, 1, 5], [0, 3]), ([2, 40_000, 3, 2], [1, 3]), ([20, 300, 70], [1]), ([64, 1_000, 5], [1]),
]

/// The elements of each output, in row-major order.
private func groups<T>(_ x: [T], _ shape: [Int], _ axes: [Int]) -> [[T]] {
  let keptShape = shape.indices.map { axes.contains($0) ? 1 : shape[$0] }
  var groups = [[T]](repeating: [], count: keptShape.reduce(1, *))
  let positions = Array(groups.indices)
  for index in x.indices { groups[broadcastElement(positions, keptShape, at: index, of: shape)].append(x[index]) }
  return groups
}

/// Neumaier's compensated sum: exact to one rounding here, also as a reference for Double.
private func accurateSum(_ values: [Double]) -> Double {
  var (sum, lost) = (0.0, 0.0)
  for value in values {
    let next = sum + value
    lost += abs(sum) >= abs(value) ? (sum - next) + value : (value - next) + sum
    sum = next
  }
  return sum + lost
}

private func reference<T: BinaryFloatingPoint>(_ op: ReductionOperation, _ values: [T]) -> Double {
  let doubles = values.map { Double($0) }
  switch op {
  case .sum: return accurateSum(doubles)
  case .mean: return accurateSum(doubles) / Double(doubles.count)
  case .product: return doubles.reduce(1, *)
  case .max: return doubles.contains { $0.isNaN } ? .nan : doubles.max()!
  case .min: return doubles.contains { $0.isNaN } ? .nan : doubles.min()!
  }
}

struct ReductionTests {
  @Test(arguments: ReductionOperation.allCases) func matchesReference(_ op: ReductionOperation) {
    check(op, Float.self)
    check(op, Double.self)
  }

  private func check<T: KernelScalar>(_ op: ReductionOperation, _: T.Type) {
    for (shape, axes) in cases {
      var random = Seeded(31)
      let x: [T] = random.array(shape.reduce(1, *), in: op == .product ? 0.9...1.1 : -1...1)
      let plan = ReductionPlan(shape: shape, axes: Set(axes))!
      let expectedGroups = groups(x, shape, axes)
      #expect(plan.keptCount == expectedGroups.count && plan.reducedCount == expectedGroups[0].count)
      let y = runGuarded([x], count: plan.keptCount) { reduce(op, $0[0], $1, plan) }
      let what = "\(op) \(T.self) \(shape) over \(axes)"
      // A sum of n elements of size 1 is itself of size √n. Rounding: in T a few units of that, in Double, where
      // partial results of that size are added one after the other, √n times as much at most.
      let size = Double(plan.reducedCount).squareRoot()
      let sum = 8 * roundoff(T.self) * max(1, size) + roundoff(Double.self) * size * size
      let tolerance: Double =
        switch op {
        case .sum: sum
        case .mean: sum / max(1, size * size)
        case .product: 4 * roundoff(T.self) + 4e-16 * size
        case .max, .min: 0
        }
      let expected = expectedGroups.map { reference(op, $0) }
      for (index, (observed, value)) in zip(y, expected).enumerated() {
        let error = abs(Double(observed) - value)
        let bound = op == .mean ? tolerance + roundoff(T.self) * abs(value) : tolerance * max(1, abs(value))
        if !(error <= bound) { Issue.record("\(what)[\(index)]: \(observed), expected \(value)"); return }
      }
      if x.count > 30_000 {
        expectSameForAllThreadCounts(what) { runGuarded([x], count: plan.keptCount) { reduce(op, $0[0], $1, plan) } }
      }
    }
  }

  /// A float sum in one accumulator would be off by 1e-3 here.
  @Test func sumsStayAccurate() {
    for (shape, axes) in [([1 << 21], [0]), ([1 << 18, 8], [0]), ([1 << 14, 128], [0]), ([2, 1 << 20], [1])] {
      let n = shape.reduce(1, *)
      var random = Seeded(33)
      let x: [Float] = random.array(n, in: 1_000...1_001)
      let plan = ReductionPlan(shape: shape, axes: Set(axes))!
      let y = runGuarded([x], count: plan.keptCount) { reduce(.mean, $0[0], $1, plan) }
      let expected = groups(x, shape, axes).map { reference(.mean, $0) }
      for (observed, value) in zip(y, expected) {
        #expect(abs(Double(observed) - value) <= 2 * roundoff(Float.self) * value, "\(shape)")
      }
    }
  }

  @Test func extremesPropagateNaN() {
    for (shape, axes) in cases where shape.reduce(1, *) > 20 && !axes.isEmpty {
      var random = Seeded(35)
      var x: [Float] = random.array(shape.reduce(1, *))
      for position in [0, x.count / 2, x.count - 1] { x[position] = .nan }
      x[x.count / 3] = .infinity
      x[x.count / 4] = -.infinity
      let plan = ReductionPlan(shape: shape, axes: Set(axes))!
      let expectedGroups = groups(x, shape, axes)
      for op in [ReductionOperation.max, .min] {
        let y = runGuarded([x], count: plan.keptCount) { reduce(op, $0[0], $1, plan) }
        expectClose(y, expectedGroups.map { reference(op, $0) }, tolerance: 0, "\(op) \(shape) over \(axes)")
      }
    }
  }

  @Test func empty() {
    let plan = ReductionPlan(shape: [3, 0], axes: [1])!
    let x: [Float] = [1]
    #expect(runGuarded([x], count: 3) { reduce(.sum, $0[0], $1, plan) } == [0, 0, 0])
    #expect(runGuarded([x], count: 3) { reduce(.product, $0[0], $1, plan) } == [1, 1, 1])
    let means = runGuarded([x], count: 3) { reduce(.mean, $0[0], $1, plan) }
    expectClose(means, [.nan, .nan, .nan], tolerance: 0)
    let nothing = ReductionPlan(shape: [3, 0], axes: [0])!
    #expect(runGuarded([x], count: 0) { reduce(.sum, $0[0], $1, nothing) } == [])
    #expect(ReductionPlan(shape: [3], axes: [1]) == nil)
    #expect(ReductionPlan(shape: [3], axes: [-1]) == nil)
  }

  @Test func truth() {
    for (shape, axes) in cases where shape.reduce(1, *) < 50_000 {
      var random = Seeded(37)
      let n = shape.reduce(1, *)
      let plan = ReductionPlan(shape: shape, axes: Set(axes))!
      for density in [0.0, 0.02, 0.98, 1.0] {
        let draws: [Double] = random.array(n, in: 0...1)
        let x = draws.map { $0 < density ? UInt8(3) : 0 }
        let expected = groups(x, shape, axes)
        let (anyTrue, allTrue) = (
          expected.map { $0.contains(3) ? UInt8(1) : 0 }, expected.map { $0.contains(0) ? UInt8(0) : 1 }
        )
        var y = [UInt8](repeating: 9, count: plan.keptCount)
        reduceAny(x, &y, plan)
        #expect(y == anyTrue, "any \(shape) \(axes)")
        reduceAll(x, &y, plan)
        #expect(y == allTrue, "all \(shape) \(axes)")
      }
    }
  }

  @Test func argExtrema() {
    argExtrema(Float.self)
    argExtrema(Double.self)
  }

  private func argExtrema<T: KernelScalar>(_: T.Type) {
    for (outer, n, inner) in [(1, 1, 1), (5, 10, 1), (3, 64, 1), (7, 1_001, 1), (4, 9, 3), (2, 50, 33), (0, 3, 2)] {
      for nans in [false, true] {
        var random = Seeded(41)
        // Few distinct values, so that ties happen.
        let draws: [T] = random.array(outer * n * inner, in: -4...4)
        let x = draws.map { nans && $0 > 3 ? T.nan : $0.rounded() }
        var expected: [[Int64]] = [[], []]
        for o in 0..<outer {
          for i in 0..<inner {
            let column = (0..<n).map { x[(o * n + $0) * inner + i] }
            let firstNaN = column.firstIndex { $0.isNaN }
            expected[0].append(Int64(firstNaN ?? column.firstIndex(of: column.max()!)!))
            expected[1].append(Int64(firstNaN ?? column.firstIndex(of: column.min()!)!))
          }
        }
        var y = [Int64](repeating: -1, count: outer * inner)
        argMax(x, &y, outer: outer, n: n, inner: inner)
        #expect(y == expected[0], "argMax \(T.self) \((outer, n, inner)) \(nans)")
        argMin(x, &y, outer: outer, n: n, inner: inner)
        #expect(y == expected[1], "argMin \(T.self) \((outer, n, inner)) \(nans)")
      }
    }
  }
}

struct ReductionBackwardTests {
  @Test func broadcastIsTheAdjoint() {
    for (shape, axes) in cases {
      var random = Seeded(43)
      let plan = ReductionPlan(shape: shape, axes: Set(axes))!
      let g: [Double] = random.array(plan.keptCount)
      let keptShape = shape.indices.map { axes.contains($0) ? 1 : shape[$0] }
      let n = shape.reduce(1, *)
      let out = runGuarded([g], count: n) { broadcastTo($0[0], $1, plan, scale: 0.5) }
      let expected = (0..<n).map { 0.5 * broadcastElement(g, keptShape, at: $0, of: shape) }
      #expect(out == expected, "\(shape) over \(axes)")
      let float = runGuarded([g.map(Float.init)], count: n) { broadcastTo($0[0], $1, plan, scale: 0.5) }
      #expect(float == expected.map(Float.init), "Float \(shape) over \(axes)")
    }
  }

  @Test func centralDifferences() {
    var random = Seeded(47)
    let (shape, axes) = ([4, 5, 6], [1])
    let x: [Double] = random.array(120)
    let plan = ReductionPlan(shape: shape, axes: Set(axes))!
    let dy: [Double] = random.array(plan.keptCount)
    let mean = runGuarded([dy], count: 120) { broadcastTo($0[0], $1, plan, scale: 0.2) }
    let h = 1e-6
    for index in 0..<120 {
      func value(_ step: Double) -> Double {
        var moved = x
        moved[index] += step
        let y = runGuarded([moved], count: plan.keptCount) { reduce(.mean, $0[0], $1, plan) }
        return zip(y, dy).reduce(0) { $0 + $1.0 * $1.1 }
      }
      #expect(abs((value(h) - value(-h)) / (2 * h) - mean[index]) < 1e-8, "\(index)")
    }
  }
}
