import Kernels
import Testing

/// Sorting, searching, cumulative sums and scattering against plain loops.
struct SortingTests {
  private static let shapes = [
    (1, 0, 1), (1, 1, 1), (3, 2, 1), (2, 16, 3), (1, 17, 1), (4, 33, 2), (1, 40_001, 1), (3, 65, 300),
  ]

  private func values<T: BinaryFloatingPoint>(_ count: Int, _: T.Type) -> [T] {
    var random = Seeded(17)
    // Few different values, so that there are ties, and some NaN.
    return (0..<count).map { _ in
      let value = Int.random(in: -9...9, using: &random)
      return value == 9 ? .nan : T(value)
    }
  }

  /// Ascending with NaN last, or descending with NaN first; ties by index.
  private func isOrdered(_ a: Double, _ b: Double, descending: Bool) -> Bool {
    if a.isNaN || b.isNaN { return descending ? a.isNaN : b.isNaN }
    return descending ? a >= b : a <= b
  }

  @Test(arguments: [false, true])
  func argSortIsStable(descending: Bool) {
    func check<T: BinaryFloatingPoint & KernelScalar>(_ type: T.Type) {
      for (outer, n, inner) in Self.shapes {
        let x = values(outer * n * inner, T.self)
        var y = [Int64](repeating: -1, count: x.count)
        argSort(x, &y, outer: outer, n: n, inner: inner, descending: descending)
        for o in 0..<outer {
          for i in 0..<inner {
            let order = (0..<n).map { Int(y[(o * n + $0) * inner + i]) }
            #expect(order.sorted() == Array(0..<n), "\((outer, n, inner)): a permutation")
            let run = order.map { Double(x[(o * n + $0) * inner + i]) }
            let isSorted = zip(order, order.dropFirst()).enumerated().allSatisfy { position, pair in
              let (a, b) = (run[position], run[position + 1])
              let isTie = a == b || (a.isNaN && b.isNaN)
              return isTie ? pair.0 < pair.1 : isOrdered(a, b, descending: descending)
            }
            #expect(isSorted, "\((outer, n, inner)) at \((o, i))")
          }
        }
      }
    }
    check(Float.self)
    check(Double.self)
  }

  @Test func argSortOfIntegers() {
    let x: [Int32] = [.max, 0, .min, 5, 0]
    var y = [Int64](repeating: -1, count: 5)
    argSort(x, &y, outer: 1, n: 5, inner: 1, descending: false)
    #expect(y == [2, 1, 4, 3, 0])
    argSort(x, &y, outer: 1, n: 5, inner: 1, descending: true)
    #expect(y == [0, 3, 1, 4, 2])
  }

  @Test(arguments: [false, true])
  func searchSortedFindsBothSides(right: Bool) {
    for m in [0, 1, 2, 7, 64, 1_000] {
      let sorted = values(m, Double.self).filter { !$0.isNaN }.sorted() + (m > 2 ? [.nan, .nan] : [])
      let wanted: [Double] = (-20...20).map { Double($0) / 2 } + [.infinity, -.infinity, .nan]
      var y = [Int64](repeating: -1, count: wanted.count)
      searchSorted(sorted, sorted.count, wanted, &y, wanted.count, right: right)
      for (value, position) in zip(wanted, y) {
        let before = sorted.filter {
          value.isNaN ? right || !$0.isNaN : $0 < value || (right && $0 == value)
        }
        #expect(Int(position) == before.count, "\(value) among \(m)")
      }
    }
  }

  @Test(arguments: [false, true])
  func cumulativeSums(reversed: Bool) {
    func check<T: KernelScalar>(_ type: T.Type, tolerance: Double) {
      for (outer, n, inner) in Self.shapes {
        var random = Seeded(3)
        let x: [T] = random.array(outer * n * inner)
        var expected = x.map { Double($0) }
        for o in 0..<outer {
          for step in stride(from: 1, to: n, by: 1) {
            let k = reversed ? n - 1 - step : step
            for i in 0..<inner {
              expected[(o * n + k) * inner + i] += expected[(o * n + (reversed ? k + 1 : k - 1)) * inner + i]
            }
          }
        }
        var y = [T](repeating: 7, count: x.count)
        cumulativeSum(x, &y, outer: outer, n: n, inner: inner, reversed: reversed)
        expectClose(y, expected, tolerance: tolerance * Double(max(n, 1)), "\((outer, n, inner))")
        var inPlace = x
        inPlace.withUnsafeMutableBufferPointer {
          guard let base = $0.baseAddress else { return }
          cumulativeSum(UnsafePointer(base), base, outer: outer, n: n, inner: inner, reversed: reversed)
        }
        #expect(inPlace == y, "\((outer, n, inner)) in place")
      }
    }
    check(Float.self, tolerance: 1.2e-7)
    check(Double.self, tolerance: 2.3e-16)
  }

  @Test(arguments: ScatterOperation.allCases)
  func scatterCombinesInOrder(operation: ScatterOperation) {
    for (rows, n, inner) in [(1, 0, 1), (1, 5, 1), (4, 3, 1), (7, 20, 3), (50, 9_000, 5), (1_000, 3, 70)] {
      var random = Seeded(5)
      let (x, updates): ([Double], [Double]) = (random.array(rows * inner), random.array(n * inner))
      let indices = (0..<n).map { _ in Int64.random(in: 0..<Int64(rows), using: &random) }
      var expected = x
      for i in 0..<n {
        for j in 0..<inner {
          let (at, update) = (Int(indices[i]) * inner + j, updates[i * inner + j])
          switch operation {
          case .set: expected[at] = update
          case .add: expected[at] += update
          case .multiply: expected[at] *= update
          case .max: expected[at] = max(expected[at], update)
          case .min: expected[at] = min(expected[at], update)
          }
        }
      }
      expectSameForAllThreadCounts("\(operation) \((rows, n, inner))") {
        var y = [Double](repeating: .nan, count: x.count)
        scatter(operation, x, indices, updates, &y, rows: rows, n: n, inner: inner)
        #expect(y == expected, "\(operation) \((rows, n, inner))")
        return y
      }
    }
  }

  @Test func scatterKeepsNaNAndWrapsIntegers() {
    for operation in [ScatterOperation.max, .min] {
      var y: [Float] = [0, 0, 0]
      scatter(operation, [.nan, 1, 2], [0, 1, 2, 2], [5, .nan, .nan, 3], &y, rows: 3, n: 4, inner: 1)
      let areNaN = y.map(\.isNaN)
      #expect(areNaN == [true, true, true])
    }
    var y: [Int32] = [0, 0]
    scatter(.add, [.max, 1], [0], [1], &y, rows: 2, n: 1, inner: 1)
    #expect(y == [.min, 1])
    scatter(.multiply, [.max, 3], [0], [2], &y, rows: 2, n: 1, inner: 1)
    #expect(y == [-2, 3])
  }

  @Test func takeAlongAndItsAdjoint() {
    for (outer, axis, n, inner) in [(1, 1, 1, 1), (2, 3, 0, 2), (3, 5, 4, 1), (2, 4, 9, 33), (200, 7, 11, 3)] {
      var random = Seeded(8)
      let (x, dy): ([Double], [Double]) = (random.array(outer * axis * inner), random.array(outer * n * inner))
      let indices = dy.map { _ in Int64.random(in: 0..<Int64(axis), using: &random) }
      var (expected, adjoint) = (dy, x.map { _ in 0.0 })
      for o in 0..<outer {
        for k in 0..<n {
          for i in 0..<inner {
            let to = (o * n + k) * inner + i
            let from = (o * axis + Int(indices[to])) * inner + i
            expected[to] = x[from]
            adjoint[from] += dy[to]
          }
        }
      }
      var y = [Double](repeating: 7, count: dy.count)
      x.withUnsafeBytes { x in
        y.withUnsafeMutableBytes { y in
          takeAlong(
            x.baseAddress!.assumingMemoryBound(to: Int64.self), indices,
            (y.baseAddress ?? UnsafeMutableRawPointer(mutating: x.baseAddress!)).assumingMemoryBound(to: Int64.self),
            outer: outer, axis: axis, n: n, inner: inner)
        }
      }
      #expect(y == expected)
      var dx = [Double](repeating: 7, count: x.count)
      takeAlongBackward(dy, indices, &dx, outer: outer, axis: axis, n: n, inner: inner)
      #expect(dx == adjoint)
    }
  }

  @Test func bitsOfIntegers() throws {
    let (a, b): ([Int32], [Int32]) = ([12, -7, 1, -1, -8, 5], [10, 3, 31, 32, 40, -1])
    let broadcast = try #require(Broadcast(aShape: [6], bShape: [6], outShape: [6]))
    let cases: [(IntegerOperation, [Int32])] = [
      (.and, [8, 1, 1, 32, 40, 5]), (.or, [14, -5, 31, -1, -8, -1]), (.xor, [6, -6, 30, -33, -48, -6]),
      (.leftShift, [12288, -56, .min, 0, 0, 0]), (.rightShift, [0, -1, 0, -1, -1, 0]),
    ]
    for (operation, expected) in cases {
      var y = [Int32](repeating: 99, count: 6)
      binaryInteger(operation, a, b, &y, broadcast)
      #expect(y == expected, "\(operation)")
    }
  }
}
