import Kernels
import Testing

/// c = op(a) op(b) + bias in Double.
private func reference(
  _ a: [Double], _ b: [Double], m: Int, n: Int, k: Int, transposeA: Bool, transposeB: Bool, bias: [Double]?,
  start: [Double]?, relu: Bool
) -> [Double] {
  var c = [Double](repeating: 0, count: m * n)
  for i in 0..<m {
    for j in 0..<n {
      var sum = (bias?[j] ?? 0) + (start?[i * n + j] ?? 0)
      for l in 0..<k {
        sum += (transposeA ? a[l * m + i] : a[i * k + l]) * (transposeB ? b[j * k + l] : b[l * n + j])
      }
      c[i * n + j] = relu && !(sum > 0) && !sum.isNaN ? 0 : sum
    }
  }
  return c
}

struct MatrixMultiplyTests {
  /// Around the tiles' rows (up to 14) and panels (two vectors: 4 to 32 columns), and around blocks of the depth.
  static let sizes: [(m: Int, n: Int, k: Int)] = [
    (1, 1, 1), (1, 1, 0), (3, 4, 0), (1, 33, 7), (2, 31, 5), (5, 32, 16), (6, 64, 17), (7, 65, 31), (8, 15, 33),
    (11, 16, 64), (12, 17, 3), (13, 63, 9), (14, 2, 100), (15, 3, 2), (28, 48, 50), (29, 47, 51), (100, 10, 257),
    (64, 128, 520), (3, 300, 1_030), (257, 7, 129), (1, 1_000, 40), (300, 1, 40), (1, 1, 3_000), (40, 129, 513),
    // Chunks of few rows and of twice as many.
    (158, 289, 5), (313, 2_050, 3), (470, 1_100, 2),
    // Few rows and whole vectors of columns: B is read where it lies.
    (1, 128, 1_600), (2, 176, 300), (6, 48, 700), (4, 16, 520), (5, 112, 257), (3, 2_048, 64),
    (1, 400, 520), (1, 144, 1_000),
    // Whose blocks of the depth threads share: 4 and more.
    (1, 176, 768), (1, 176, 769), (2, 128, 1_024), (6, 48, 3_000), (4, 144, 1_281),
    // Many rows.
    (9_984, 3, 2), (10_299, 33, 5),
    // Whose rows are fetched ahead, by pairs of panels.
    (7_000, 70, 48),
  ]

  @Test(arguments: [(false, false), (true, false), (false, true), (true, true)])
  func matchesReference(_ transposed: (a: Bool, b: Bool)) {
    check(Float.self, transposed.a, transposed.b)
    check(Double.self, transposed.a, transposed.b)
  }

  /// A row of the result is the same however many rows there are, where threads share columns and where blocks.
  @Test(arguments: [600, 1_100])
  func rowsDoNotDependOnEachOther(k: Int) {
    let n = 176
    var random = Seeded(8)
    let (a, b, bias): ([Float], [Float], [Float]) = (random.array(20 * k), random.array(k * n), random.array(n))
    func product(_ m: Int) -> [Float] {
      var c = [Float](repeating: 0, count: m * n)
      matrixMultiply(
        a, b, &c, m: m, n: n, k: k, transposeA: false, transposeB: false, bias: bias, activation: .relu,
        accumulate: false)
      return c
    }
    let many = product(20)
    for m in 1...8 { #expect(product(m) == Array(many.prefix(m * n)), "\(m) rows") }
  }

  private func check<T: KernelScalar>(_: T.Type, _ transposeA: Bool, _ transposeB: Bool) {
    var random = Seeded(3)
    for (m, n, k) in Self.sizes {
      let a: [T] = random.array(m * k)
      let b: [T] = random.array(k * n)
      let (bias, start): ([T], [T]) = (random.array(n), random.array(m * n))
      for (hasBias, relu, accumulates) in [
        (false, false, false), (true, false, false), (true, true, false), (false, true, false), (false, false, true),
      ] {
        let expected = reference(
          a.map(Double.init), b.map(Double.init), m: m, n: n, k: k, transposeA: transposeA, transposeB: transposeB,
          bias: hasBias ? bias.map(Double.init) : nil, start: accumulates ? start.map(Double.init) : nil, relu: relu)
        let what = "\(T.self) \(m)×\(k)×\(n) transposed \(transposeA) \(transposeB) bias \(hasBias) relu \(relu)"
        func multiply() -> [T] {
          runGuarded([a, b, bias], count: m * n) { inputs, c in
            if accumulates { for (i, value) in start.enumerated() { c[i] = value } }
            matrixMultiply(
              inputs[0], inputs[1], c, m: m, n: n, k: k, transposeA: transposeA, transposeB: transposeB,
              bias: hasBias ? inputs[2] : nil, activation: relu ? .relu : .none, accumulate: accumulates)
          }
        }
        // Sums of k products of numbers below 1.
        expectClose(multiply(), expected, tolerance: roundoff(T.self) * Double(k + 2), what)
        if m * n * k > 30_000 { expectSameForAllThreadCounts(what, multiply) }
      }
    }
  }

  @Test func emptyMatricesAreLeftAlone() {
    for (m, n) in [(0, 5), (5, 0), (0, 0)] {
      let c: [Float] = runGuarded([[1, 2], [3, 4]], count: 0) {
        matrixMultiply(
          $0[0], $0[1], $1, m: m, n: n, k: 2, transposeA: false, transposeB: false, bias: nil, activation: .none,
          accumulate: false)
      }
      #expect(c.isEmpty)
    }
  }

  /// NaN and infinity reach exactly the elements that they are part of; ReLU keeps NaN.
  @Test func nonfiniteElementsStayInTheirRowAndColumn() {
    let (m, n, k) = (17, 37, 19)
    var random = Seeded(4)
    for value in [Float.nan, .infinity] {
      for relu in [false, true] {
        var a: [Float] = random.array(m * k, in: 0.5...1)
        var b: [Float] = random.array(k * n, in: 0.5...1)
        a[5 * k + 18] = value
        b[3 * n + 36] = value
        let c = runGuarded([a, b], count: m * n) {
          matrixMultiply(
            $0[0], $0[1], $1, m: m, n: n, k: k, transposeA: false, transposeB: false, bias: nil,
            activation: relu ? .relu : .none, accumulate: false)
        }
        for i in 0..<m {
          for j in 0..<n {
            let isReached = i == 5 || j == 36
            #expect(c[i * n + j].isFinite != isReached && c[i * n + j].isNaN == (isReached && value.isNaN))
          }
        }
      }
    }
  }

  @Test func reluBackwardWithColumnSums() {
    func check<T: KernelScalar>(_: T.Type) {
      var random = Seeded(6)
      for (rows, n) in [
        (0, 3), (1, 1), (7, 1), (5, 3), (1, 64), (33, 10), (64, 32), (100, 33), (9, 129), (4_000, 7), (3_000, 128),
      ] {
        let (dy, y): ([T], [T]) = (random.array(rows * n), random.array(rows * n))
        let expected = zip(dy, y).map { $1 > 0 ? Double($0) : 0 }
        let sums = (0..<n).map { j in (0..<rows).reduce(0.0) { $0 + expected[$1 * n + j] } }
        for inPlace in [false, true] {
          var db: [T] = []
          func run() -> [T] {
            runGuarded([dy, y], count: rows * n) { inputs, dx in
              db = runGuarded([[T]](), count: n) { _, db in
                if inPlace { for i in 0..<(rows * n) { dx[i] = inputs[0][i] } }
                reluBackwardColumnSums(
                  inPlace ? UnsafePointer(dx) : inputs[0], inputs[1], dx, db, rows: rows, n: n)
              }
            }
          }
          expectClose(run(), expected, tolerance: 0, "dx of \(rows)×\(n)")
          expectClose(db, sums, tolerance: roundoff(T.self) * Double(rows + 1), "db of \(rows)×\(n)")
          if rows * n > 30_000 {
            expectSameForAllThreadCounts("dx and db of \(rows)×\(n)") { run() + db }
          }
        }
      }
    }
    check(Float.self)
    check(Double.self)
  }
}
