import Foundation
import Kernels
import Testing

/// Eigenvalues and singular values: what the factors multiply to, orthonormal vectors, order, known values.
struct SpectralTests {
  private func eigen<T: KernelScalar>(_ x: [T], batch: Int, n: Int) -> (w: [T], v: [T]) {
    let memory = GuardedMemory()
    let (w, v) = (memory(batch * n) as GuardedArray<T>, memory(batch * n * n) as GuardedArray<T>)
    symmetricEigen(memory(x).p, w.p, v.p, batch: batch, n: n)
    return (w.values, v.values)
  }

  private func singular<T: KernelScalar>(_ x: [T], batch: Int, _ m: Int, _ n: Int, full: Bool = false) -> (
    u: [T], s: [T], vt: [T]
  ) {
    let (memory, k) = (GuardedMemory(), min(m, n))
    let u: GuardedArray<T> = memory(batch * m * (full ? m : k))
    let (s, vt) = (memory(batch * k) as GuardedArray<T>, memory(batch * n * (full ? n : k)) as GuardedArray<T>)
    singularValues(memory(x).p, u: u.p, s: s.p, vt: vt.p, batch: batch, m: m, n: n, full: full)
    return (u.values, s.values, vt.values)
  }

  @Test func eigenvaluesAndVectors() {
    func check<T: KernelScalar>(_ type: T.Type) {
      for n in LinearSystemsTests.orders {
        // The second matrix is indefinite; what is above the diagonal is not read.
        var x = LinearSystemsTests.definite(batch: 3, n: n, type)
        let general = LinearSystemsTests.general(batch: 1, n, n, type)
        for index in 0..<n * n { x[n * n + index] = general[index] }
        let (w, v) = eigen(x, batch: 3, n: n)
        for matrix in 0..<3 {
          let plain = PlainMatrix(n, n, x, matrix: matrix)
          let a = PlainMatrix(n, n) { $0 >= $1 ? plain[$0, $1] : plain[$1, $0] }
          let values = w[matrix * n..<(matrix + 1) * n].map { Double($0) }
          #expect(values == values.sorted(), "\(n): ascending")
          let vectors = PlainMatrix(n, n, v, matrix: matrix)
          let product = PlainMatrix(n, n) { vectors[$0, $1] * values[$1] }
          expectEqual(a * vectors, product, scale: 1 + a.size, as: type, "\(n): A·V = V·W")
          expectEqual(vectors.transposed * vectors, .identity(n), scale: 1, as: type, "\(n): orthonormal")
        }
      }
    }
    check(Float.self)
    check(Double.self)
  }

  @Test func knownEigenvalues() {
    // Second differences have the eigenvalues 2 - 2·cos(k·π / (n + 1)).
    for n in [1, 2, 3, 10, 101] {
      let a = PlainMatrix(n, n) { abs($0 - $1) == 1 ? -1 : $0 == $1 ? 2 : 0 }
      let expected = (1...n).map { 2 - 2 * cos(Double($0) * .pi / Double(n + 1)) }
      expectClose(eigen(a.values, batch: 1, n: n).w, expected, tolerance: 1e-13)
      expectClose(eigen(a.values.map { Float($0) }, batch: 1, n: n).w, expected, tolerance: 6e-8)
    }
    // A multiple eigenvalue, and matrices near both ends of the range.
    for scale in [1, 1e300, 1e-300, 5e-324 * 1024] {
      let a = PlainMatrix(4, 4) { scale * ($0 == $1 ? 3 : 1) }
      let (w, v) = eigen(a.values, batch: 1, n: 4)
      expectClose(w.map { $0 / scale }, [2, 2, 2, 6], tolerance: 1e-14, "scale \(scale)")
      let vectors = PlainMatrix(4, 4, v)
      expectEqual(vectors.transposed * vectors, .identity(4), scale: 1, as: Double.self, "scale \(scale)")
    }
    let zero = eigen([Float](repeating: 0, count: 9), batch: 1, n: 3)
    #expect(zero.w == [0, 0, 0] && zero.v == [1, 0, 0, 0, 1, 0, 0, 0, 1])
  }

  @Test(arguments: [false, true])
  func singularValuesAndVectors(full: Bool) {
    func check<T: KernelScalar>(_ type: T.Type) {
      for (m, n) in LinearSystemsTests.shapes + [(2, 2), (7, 3), (100, 100)] {
        let k = min(m, n)
        var x = LinearSystemsTests.general(batch: 3, m, n, type)
        // The second matrix is 0, the third has rank 1.
        for index in 0..<m * n {
          x[m * n + index] = 0
          x[2 * m * n + index] = T(index / n + 1) * T(index % n - 2)
        }
        let (u, s, vt) = singular(x, batch: 3, m, n, full: full)
        for matrix in 0..<3 {
          let a = PlainMatrix(m, n, x, matrix: matrix)
          let values = s[matrix * k..<(matrix + 1) * k].map { Double($0) }
          let isOrdered = zip(values, values.dropFirst()).allSatisfy { $0 >= $1 } && values.allSatisfy { $0 >= 0 }
          #expect(isOrdered, "\((m, n)): descending")
          let left = PlainMatrix(m, full ? m : k, u, matrix: matrix)
          let right = PlainMatrix(full ? n : k, n, vt, matrix: matrix)
          let scaled = PlainMatrix(m, full ? n : k) { $1 < k ? left[$0, $1] * values[$1] : 0 }
          expectEqual(scaled * right, a, scale: 1 + (values.first ?? 0), as: type, "\((m, n)): U·S·Vᵀ")
          expectEqual(left.transposed * left, .identity(left.columns), scale: 1, as: type, "\((m, n)): U")
          expectEqual(right * right.transposed, .identity(right.rows), scale: 1, as: type, "\((m, n)): V")
        }
        var alone = [T](repeating: -1, count: 3 * k)
        singularValues(x, u: nil, s: &alone, vt: nil, batch: 3, m: m, n: n, full: false)
        #expect(alone == s, "\((m, n)): without vectors")
      }
    }
    check(Float.self)
    check(Double.self)
  }

  @Test func knownSingularValues() {
    // Bidiagonal matrices with a 0 at the end, before it and at the beginning of the diagonal.
    let cases: [(diagonal: [Double], beside: [Double], expected: [Double])] = [
      ([3, 4, 0], [0, 4], [4 * Double(2).squareRoot(), 3, 0]), ([1, 0, 3], [0, 4], [5, 1, 0]),
      ([0, 4, 3], [3, 0], [5, 3, 0]), ([-2, 0, 1], [1, 0], [Double(5).squareRoot(), 1, 0]),
    ]
    for (diagonal, beside, expected) in cases {
      // Also near both ends of the range.
      for scale in [1, 1e300, 1e-300] {
        let a = PlainMatrix(3, 3) { scale * ($0 == $1 ? diagonal[$0] : $0 + 1 == $1 ? beside[$0] : 0) }
        let (u, s, vt) = singular(a.values, batch: 1, 3, 3)
        expectClose(s.map { $0 / scale }, expected, tolerance: 1e-15, "\(diagonal) \(scale)")
        let product = PlainMatrix(3, 3, u) * PlainMatrix(3, 3) { $0 == $1 ? s[$0] / scale : 0 } * PlainMatrix(3, 3, vt)
        let wanted = PlainMatrix(3, 3, a.values.map { $0 / scale })
        expectEqual(product, wanted, scale: 5, as: Double.self, "\(diagonal) \(scale)")
      }
    }
    // Jordan blocks are all upper diagonal: one singular value is 0, the others 1.
    for n in [2, 3, 17] {
      let a = PlainMatrix(n, n) { $0 + 1 == $1 ? 1 : 0 }
      let expected = [Double](repeating: 1, count: n - 1) + [0]
      expectClose(singular(a.values, batch: 1, n, n).s, expected, tolerance: 1e-15)
      expectClose(singular(a.transposed.values, batch: 1, n, n).s, expected, tolerance: 1e-15)
    }
  }

  @Test func whatIsNotFiniteGivesNaN() {
    for bad in [Float.nan, .infinity, -.infinity] {
      let x: [Float] = [2, 0, 0, 1] + [1, 0, bad, 1] + [3, 0, 0, 4]
      let (w, v) = eigen(x, batch: 3, n: 2)
      #expect(Array(w[0..<2]) == [1, 2] && Array(w[4..<6]) == [3, 4])
      let areNaN = w[2..<4].allSatisfy(\.isNaN) && v[4..<8].allSatisfy(\.isNaN)
      #expect(areNaN && !v[0].isNaN && !v[8].isNaN)
      let (u, s, vt) = singular(x, batch: 3, 2, 2)
      #expect(Array(s[0..<2]) == [2, 1] && Array(s[4..<6]) == [4, 3])
      let haveNoValues = (u[4..<8] + s[2..<4] + vt[4..<8]).allSatisfy(\.isNaN)
      #expect(haveNoValues)
    }
  }

  @Test func resultsDoNotDependOnThreads() {
    let (a, x) = (
      LinearSystemsTests.definite(batch: 20, n: 24, Float.self),
      LinearSystemsTests.general(batch: 20, 30, 20, Float.self)
    )
    expectSameForAllThreadCounts("eigenvalues and singular values") {
      let (w, v) = eigen(a, batch: 20, n: 24)
      let (u, s, vt) = singular(x, batch: 20, 30, 20)
      return w + v + u + s + vt
    }
  }
}
