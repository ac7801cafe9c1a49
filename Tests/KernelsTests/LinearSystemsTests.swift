import Kernels
import Testing

/// Cholesky, LU and QR factors and substitution: what they multiply to, in Double.
struct LinearSystemsTests {
  static let orders = [0, 1, 2, 3, 7, 16, 17, 31, 32, 33, 65, 100]
  static let shapes = [(0, 3), (3, 0), (1, 1), (1, 5), (5, 1), (4, 3), (3, 4), (33, 33), (70, 40), (40, 70), (16, 100)]

  /// Symmetric matrices with eigenvalues from 1 on.
  static func definite<T: KernelScalar>(batch: Int, n: Int, _: T.Type) -> [T] {
    var random = Seeded(UInt64(n + 1))
    return (0..<batch).flatMap { _ -> [T] in
      let a = PlainMatrix(n, n, random.array(n * n) as [Double])
      return (a * a.transposed).values.enumerated().map { T($0.element + ($0.offset % (n + 1) == 0 ? 1 : 0)) }
    }
  }

  static func general<T: KernelScalar>(batch: Int, _ m: Int, _ n: Int, _: T.Type) -> [T] {
    var random = Seeded(UInt64(m * 1_000 + n))
    return random.array(batch * m * n)
  }

  @Test func choleskyFactors() {
    func check<T: KernelScalar>(_ type: T.Type) {
      let memory = GuardedMemory()
      for n in Self.orders {
        var x = Self.definite(batch: 3, n: n, type)
        let expected = (0..<3).map { PlainMatrix(n, n, x, matrix: $0) }
        // What is above the diagonal is not read.
        for index in x.indices where index % (n * n) / n < index % n { x[index] = .nan }
        let (input, output) = (memory(x), memory(x.count) as GuardedArray<T>)
        cholesky(input.p, output.p, batch: 3, n: n)
        let inPlace = memory(x)
        cholesky(inPlace.p, inPlace.p, batch: 3, n: n)
        #expect(inPlace.values == output.values, "\(n) in place")
        for matrix in 0..<3 {
          let l = PlainMatrix(n, n, output.values, matrix: matrix)
          let a = expected[matrix]
          expectEqual(l * l.transposed, a, scale: max(a.size, 1), as: type, "order \(n)")
          let isTriangular = (0..<n).allSatisfy { i in (i + 1..<max(n, i + 1)).allSatisfy { l[i, $0] == 0 } }
          #expect(isTriangular)
        }
      }
    }
    check(Float.self)
    check(Double.self)
  }

  @Test func choleskyOfWhatIsNotDefiniteIsNaN() {
    let x: [Double] = [4, 0, 2, 5, 1, 0, 2, 1, 0, 0, 0, 0, 1, 0, .nan, 1, 9, 0, 3, 2]
    var y = [Double](repeating: 7, count: 20)
    cholesky(x, &y, batch: 5, n: 2)
    #expect(Array(y[0..<4]) == [2, 0, 1, 2] && Array(y[16..<20]) == [3, 0, 1, 1])
    for first in [4, 8, 12] {
      #expect(y[first].isNaN && y[first + 1] == 0 && y[first + 2].isNaN && y[first + 3].isNaN)
    }
  }

  @Test func luFactors() {
    func check<T: KernelScalar>(_ type: T.Type) {
      let memory = GuardedMemory()
      for (m, n) in Self.shapes {
        let (batch, k) = (3, min(m, n))
        let x = Self.general(batch: batch, m, n, type)
        let (input, output) = (memory(x), memory(x.count) as GuardedArray<T>)
        var pivots = [Int32](repeating: -1, count: batch * k)
        var permutation = [Int64](repeating: -1, count: batch * m)
        luFactor(input.p, output.p, &pivots, &permutation, batch: batch, m: m, n: n)
        for matrix in 0..<batch {
          let (a, lu) = (PlainMatrix(m, n, x, matrix: matrix), PlainMatrix(m, n, output.values, matrix: matrix))
          let l = PlainMatrix(m, k) { $0 == $1 ? 1 : $0 > $1 ? lu[$0, $1] : 0 }
          let u = PlainMatrix(k, n) { $0 <= $1 ? lu[$0, $1] : 0 }
          let rows = permutation[matrix * m..<(matrix + 1) * m].map { Int($0) }
          #expect(rows.sorted() == Array(0..<m))
          expectEqual(l * u, PlainMatrix(m, n) { a[rows[$0], $1] }, scale: 1 + u.size, as: type, "\((m, n))")
          #expect(k == 0 || l.size <= 1, "the largest element of a column is its pivot")
          var order = Array(0..<m)
          for i in 0..<k { order.swapAt(i, Int(pivots[matrix * k + i])) }
          #expect(order == rows)
        }
      }
    }
    check(Float.self)
    check(Double.self)
  }

  @Test func luOfSingularMatricesAndOfNaN() {
    var (lu, pivots, permutation) = ([Double](repeating: 7, count: 9), [Int32](repeating: -1, count: 3), [Int64](0..<3))
    luFactor([0, 1, 2, 0, 3, 4, 0, 3, 4], &lu, &pivots, &permutation, batch: 1, m: 3, n: 3)
    #expect(lu[0] == 0 && lu[4] == 3 && lu[8] == 0)
    #expect(pivots == [0, 1, 2] && permutation == [0, 1, 2])
    luFactor([1, 2, 3, 4, 5, 6, .nan, 8, 10], &lu, &pivots, &permutation, batch: 1, m: 3, n: 3)
    #expect(lu[0].isNaN && lu[4].isNaN && lu[8].isNaN)
  }

  @Test(arguments: [false, true], [false, true])
  func triangularSystems(upper: Bool, transposed: Bool) {
    func check<T: KernelScalar>(_ type: T.Type) {
      let memory = GuardedMemory()
      for n in Self.orders {
        for (columns, unitDiagonal) in [(0, false), (1, false), (3, true), (64, false), (65, true), (130, false)] {
          var t = Self.general(batch: 2, n, n, type)
          for index in t.indices {
            let (i, j) = (index % (n * n) / n, index % n)
            let isRead = i == j ? !unitDiagonal : (j > i) == upper
            t[index] = isRead ? (i == j ? 2 + t[index] : t[index] / T(n)) : .nan
          }
          let b = Self.general(batch: 2, n, columns, type)
          let x: GuardedArray<T> = memory(b.count)
          triangularSolve(
            memory(t).p, memory(b).p, x.p, BatchPairs(count: 2, left: nil, right: nil), n: n, columns: columns,
            upper: upper, transposed: transposed, unitDiagonal: unitDiagonal)
          for matrix in 0..<2 {
            let plain = PlainMatrix(n, n, t, matrix: matrix)
            let triangle = PlainMatrix(n, n) { $0 == $1 && unitDiagonal ? 1 : plain[$0, $1].isNaN ? 0 : plain[$0, $1] }
            let solution = PlainMatrix(n, columns, x.values, matrix: matrix)
            expectEqual(
              (transposed ? triangle.transposed : triangle) * solution, PlainMatrix(n, columns, b, matrix: matrix),
              scale: 3, as: type, "\((n, columns, unitDiagonal))")
          }
        }
      }
    }
    check(Float.self)
    check(Double.self)
  }

  @Test(arguments: [false, true])
  func solutionsByLU(transposed: Bool) {
    func check<T: KernelScalar>(_ type: T.Type) {
      let memory = GuardedMemory()
      for n in Self.orders {
        for columns in [1, 5, 70] {
          let (a, b) = (Self.definite(batch: 2, n: n, type), Self.general(batch: 3, n, columns, type))
          var (lu, pivots, permutation) = (a, [Int32](repeating: 0, count: 2 * n), [Int64](repeating: 0, count: 2 * n))
          luFactor(a, &lu, &pivots, &permutation, batch: 2, m: n, n: n)
          let (left, right) = ([0, 1, 0, 1], [2, 0, 1, 1])
          let x: GuardedArray<T> = memory(4 * n * columns)
          withBatchPairs(left: left, right: right) {
            luSolve(
              memory(lu).p, permutation, memory(b).p, x.p, $0, n: n, columns: columns, transposed: transposed)
          }
          for matrix in 0..<4 {
            let plain = PlainMatrix(n, n, a, matrix: left[matrix])
            expectEqual(
              (transposed ? plain.transposed : plain) * PlainMatrix(n, columns, x.values, matrix: matrix),
              PlainMatrix(n, columns, b, matrix: right[matrix]), scale: Double(n) + 3, as: type, "\((n, columns))")
          }
        }
      }
    }
    check(Float.self)
    check(Double.self)
  }

  @Test func solutionsOfSingularSystemsAreNaN() {
    let (lu, b): ([Double], [Double]) = ([1, 2, 0.5, 0, 1, 2, 0.5, 4], [1, 2])
    var x = [Double](repeating: 7, count: 4)
    withBatchPairs(left: [0, 1], right: [0, 0]) {
      luSolve(lu, [0, 1, 1, 0], b, &x, $0, n: 2, columns: 1, transposed: false)
    }
    #expect(x[0].isNaN && x[1].isNaN)
    #expect(Array(x[2...]) == [2, 0])
    var y = [Float](repeating: 7, count: 2)
    triangularSolve(
      [0, 9, 3, 1], [1, 2], &y, BatchPairs(count: 1, left: nil, right: nil), n: 2, columns: 1, upper: false,
      transposed: false, unitDiagonal: false)
    #expect(y[0].isNaN && y[1].isNaN)
  }

  @Test(arguments: [false, true])
  func qrFactors(complete: Bool) {
    func check<T: KernelScalar>(_ type: T.Type) {
      let memory = GuardedMemory()
      for (m, n) in Self.shapes {
        let (batch, size) = (3, complete ? m : min(m, n))
        var x = Self.general(batch: batch, m, n, type)
        // A matrix of zeros, and one that is triangular already.
        for index in 0..<m * n { x[index] = 0 }
        for index in m * n..<2 * m * n where index % (m * n) / n > index % n { x[index] = 0 }
        let (q, r) = (memory(batch * m * size) as GuardedArray<T>, memory(batch * size * n) as GuardedArray<T>)
        qrFactor(memory(x).p, q.p, r.p, batch: batch, m: m, n: n, size: size)
        for matrix in 0..<batch {
          let (left, right) = (
            PlainMatrix(m, size, q.values, matrix: matrix), PlainMatrix(size, n, r.values, matrix: matrix)
          )
          expectEqual(
            left * right, PlainMatrix(m, n, x, matrix: matrix), scale: 1 + right.size, as: type, "\((m, n))")
          expectEqual(left.transposed * left, .identity(size), scale: 1, as: type, "\((m, n)): orthonormal")
          let isTriangular = (0..<size).allSatisfy { i in (0..<min(i, n)).allSatisfy { right[i, $0] == 0 } }
          #expect(isTriangular)
          if matrix == 1 && m > 0 && n > 0 { #expect(right[0, 0] == Double(x[m * n]), "no reflection is needed") }
        }
      }
    }
    check(Float.self)
    check(Double.self)
  }

  @Test func trianglesOfMatrices() {
    for (m, n) in Self.shapes {
      let x = Self.general(batch: 2, m, n, Float.self)
      for (upper, diagonal) in [(false, 0), (true, 0), (false, -1), (true, 2), (false, 200), (true, 200), (true, -200)]
      {
        let expected = x.indices.map { index -> Float in
          let distance = index % n - index % (m * n) / n
          return (upper ? distance >= diagonal : distance <= diagonal) ? x[index] : 0
        }
        let y: GuardedArray<Float> = GuardedMemory()(x.count)
        matrixTriangle(x, y.p, batch: 2, rows: m, columns: n, upper: upper, diagonal: diagonal)
        #expect(y.values == expected)
      }
    }
  }

  @Test func resultsDoNotDependOnThreads() {
    let (n, columns) = (40, 200)
    let (a, b) = (Self.definite(batch: 9, n: n, Float.self), Self.general(batch: 9, n, columns, Float.self))
    let pairs = BatchPairs(count: 9, left: nil, right: nil)
    expectSameForAllThreadCounts("factors and solutions") {
      var (l, lu, x, q, r) = (a, a, b, a, a)
      var (pivots, permutation) = ([Int32](repeating: 0, count: 9 * n), [Int64](repeating: 0, count: 9 * n))
      cholesky(a, &l, batch: 9, n: n)
      luFactor(a, &lu, &pivots, &permutation, batch: 9, m: n, n: n)
      luSolve(lu, permutation, b, &x, pairs, n: n, columns: columns, transposed: false)
      qrFactor(a, &q, &r, batch: 9, m: n, n: n, size: n)
      return l + lu + x + q + r
    }
  }
}
