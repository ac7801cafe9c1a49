import Glibc
import Kernels
import Testing

/// Words of a stream in the order of `Philox.fill`, by single blocks.
private func words(_ key: UInt64, _ stream: UInt64, _ count: Int) -> [UInt32] {
  let philox = Philox(key: key, stream: stream)
  return (0..<count).map { i in
    let (group, place) = (i / 32, i % 32)
    return philox.words(block: UInt64(group * 8 + place % 16 / 2))[place / 16 * 2 + place % 2]
  }
}

private func uniform<T: KernelScalar>(_ n: Int, key: UInt64 = 1, stream: UInt64 = 2, _ low: T, _ high: T) -> [T] {
  array(n) { randomUniform($0, n, key: key, stream: stream, low: low, high: high) }
}
private func normal<T: KernelScalar>(_ n: Int, key: UInt64 = 1, stream: UInt64 = 2, _ mean: T, _ std: T) -> [T] {
  array(n) { randomNormal($0, n, key: key, stream: stream, mean: mean, std: std) }
}
private func truncated<T: KernelScalar>(_ n: Int, key: UInt64 = 1, stream: UInt64 = 2, _ mean: T, _ std: T) -> [T] {
  array(n) { truncatedNormal($0, n, key: key, stream: stream, mean: mean, std: std) }
}
private func permutation(_ n: Int, key: UInt64 = 1, stream: UInt64 = 2) -> [Int] {
  var out = [Int64](repeating: -1, count: n + 1)
  out.withUnsafeMutableBufferPointer { randomPermutation($0.baseAddress!, n, key: key, stream: stream) }
  #expect(out[n] == -1)
  return out.dropLast().map(Int.init)
}
private func bernoulli(_ n: Int, _ probability: Double, key: UInt64 = 1, stream: UInt64 = 2) -> [UInt8] {
  var mask = [UInt8](repeating: 7, count: n + 1)
  mask.withUnsafeMutableBufferPointer {
    randomBernoulli(mask: $0.baseAddress!, n, probability: probability, key: key, stream: stream)
  }
  #expect(mask[n] == 7)
  return Array(mask.dropLast())
}

/// What the body writes to memory that starts one element past its allocation.
private func array<T: KernelScalar>(_ n: Int, _ body: (UnsafeMutablePointer<T>) -> Void) -> [T] {
  var out = [T](repeating: .nan, count: n + 2)
  out.withUnsafeMutableBufferPointer { body($0.baseAddress! + 1) }
  #expect(out[0].isNaN && out[n + 1].isNaN, "wrote outside")
  return Array(out[1..<n + 1])
}

/// `#expect` of two long arrays would describe every difference between them.
private func expectEqual<T: Equatable>(_ a: [T], _ b: [T], sourceLocation: SourceLocation = #_sourceLocation) {
  let isEqual = a == b
  #expect(isEqual, sourceLocation: sourceLocation)
}

/// Kolmogorov and Smirnov's distance times √n: above 1.95 once in a thousand.
private func distance<T: KernelScalar>(_ x: [T], _ distribution: (Double) -> Double) -> Double {
  let n = Double(x.count)
  let worst = x.sorted().enumerated().reduce(0.0) { worst, element in
    let f = distribution(Double(element.element))
    return max(worst, abs(f - Double(element.offset) / n), abs(Double(element.offset + 1) / n - f))
  }
  return worst * n.squareRoot()
}

private func moments<T: KernelScalar>(_ x: [T]) -> (mean: Double, variance: Double) {
  let mean = x.reduce(0) { $0 + Double($1) } / Double(x.count)
  return (mean, x.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(x.count))
}

private func cumulativeNormal(_ z: Double) -> Double { 0.5 * erfc(-z / 2.0.squareRoot()) }

struct RandomTests {
  /// Known answers of the Random123 distribution.
  @Test func philox() {
    #expect(Philox.rounds([0, 0, 0, 0], [0, 0]) == [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8])
    let ones = UInt32.max
    #expect(
      Philox.rounds([ones, ones, ones, ones], [ones, ones]) == [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd])
    #expect(
      Philox.rounds([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0])
        == [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1])
    let philox = Philox(key: 0x299f_31d0_a409_3822, stream: 0x0370_7344_1319_8a2e)
    #expect(philox.words(block: 0x85a3_08d3_243f_6a88) == [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1])
  }

  /// Each element comes from its own word, whatever the vectors, pieces and chunks.
  @Test(arguments: edgeSizes + [511, 512, 513, 16_385, 50_000])
  func wordsInTheirPlaces(n: Int) {
    let (key, stream): (UInt64, UInt64) = (0xfedc_ba98_7654_3210, 0x0123_4567_89ab_cdef)
    let w = words(key, stream, 2 * n)
    let single: [Float] = uniform(n, key: key, stream: stream, 0, 1)
    expectEqual(single, (0..<n).map { Float(w[$0] >> 8) * 0x1p-24 })
    let double: [Double] = uniform(n, key: key, stream: stream, 0, 1)
    expectEqual(double, (0..<n).map { Double((UInt64(w[2 * $0]) | UInt64(w[2 * $0 + 1]) << 32) >> 12) * 0x1p-52 })
    let mask = bernoulli(n, 0.25, key: key, stream: stream)
    expectEqual(mask, (0..<n).map { w[$0] < 0x4000_0000 ? 1 : 0 })
  }

  @Test func uniformStaysInRange() {
    func check<T: KernelScalar>(_ type: T.Type) {
      let n = 200_000
      for (low, high): (T, T) in [(0, 1), (-3, 5), (1, T(1).nextUp), (-1, -1 + T.ulpOfOne), (1e6, 1e6 + 1)] {
        let x = uniform(n, low, high)
        #expect(x.allSatisfy { $0 >= low && $0 < high }, "\(low) ..< \(high)")
      }
      #expect(uniform(100, 2 as T, 2).allSatisfy { $0 == 2 })
      let x = uniform(n, -3 as T, 5)
      #expect(distance(x) { ($0 + 3) / 8 } < 1.95)
      let (mean, variance) = moments(x)
      // Three standard errors.
      #expect(abs(mean - 1) < 3 * 8 / (12 * Double(n)).squareRoot())
      #expect(abs(variance - 64.0 / 12) < 3 * 64.0 / 12 * (0.8 / Double(n)).squareRoot())
    }
    check(Float.self)
    check(Double.self)
  }

  @Test func normalDistributions() {
    func check<T: KernelScalar>(_ type: T.Type) {
      let n = 200_000
      let x = normal(n, 2 as T, 0.5)
      #expect(distance(x) { cumulativeNormal(($0 - 2) / 0.5) } < 1.95)
      let (mean, variance) = moments(x)
      #expect(abs(mean - 2) < 3 * 0.5 / Double(n).squareRoot())
      #expect(abs(variance - 0.25) < 3 * 0.25 * (2 / Double(n)).squareRoot())
      #expect(x.max()! > 2 + 0.5 * 4 && x.min()! < 2 - 0.5 * 4)

      let t = truncated(n, -1 as T, 3)
      #expect(t.allSatisfy { $0 >= -7 && $0 <= 5 })
      let tail = cumulativeNormal(-2)
      #expect(distance(t) { (cumulativeNormal(($0 + 1) / 3) - tail) / (1 - 2 * tail) } < 1.95)
      // The variance of the standard normal distribution within two standard deviations.
      let expected = 9 * 0.774_113_1
      #expect(abs(moments(t).variance - expected) < 3 * expected * (1.2 / Double(n)).squareRoot())
      #expect(t.max()! > 4.9 && t.min()! < -6.9)
    }
    check(Float.self)
    check(Double.self)
  }

  /// Φ of the result gives back the uniform number that it was made from.
  @Test func normalInvertsItsProbability() {
    let n = 100_000
    let w = words(1, 2, 2 * n)
    let z: [Double] = normal(n, 0, 1)
    for i in 0..<n {
      let p = (Double((UInt64(w[2 * i]) | UInt64(w[2 * i + 1]) << 32) >> 12) + 0.5) * 0x1p-52
      // By the nearer tail, where Φ is accurate relative to its size.
      let expected = min(p, 1 - p)
      let observed = cumulativeNormal(p < 0.5 ? z[i] : -z[i])
      guard abs(observed - expected) > 2e-14 * expected + 1e-16 else { continue }
      Issue.record("Φ(\(z[i])) = \(observed), expected \(expected)")
      return
    }
    let single: [Float] = normal(n, 0, 1)
    for i in 0..<n {
      let p = (Double(w[i]) + 0.5) * 0x1p-32
      let observed = cumulativeNormal(Double(single[i]))
      guard abs(observed - p) > 1e-7 else { continue }
      Issue.record("Φ(\(single[i])) = \(observed), expected \(p)")
      return
    }
  }

  /// Bits that every instruction-set level must reproduce (computed at v4; v2 and v3 run the same test).
  @Test func sameAtEveryLevel() {
    func digest<T: KernelScalar>(_ x: [T]) -> UInt64 {
      x.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ Double($1).bitPattern) &* 0x100_0000_01b3 }
    }
    let observed = [
      digest(normal(9_999, 0.5 as Float, 2)), digest(normal(9_999, 0.5 as Double, 2)),
      digest(truncated(9_999, 0.5 as Float, 2)), digest(truncated(9_999, 0.5 as Double, 2)),
      digest(uniform(9_999, -0.1 as Float, 0.3)), digest(uniform(9_999, -0.1 as Double, 0.3)),
      digest(permutation(9_999).map(Double.init)),
    ]
    let expected: [UInt64] = [
      7_327_038_953_931_491_719, 14_315_130_640_399_441_579, 3_897_946_893_837_748_615, 6_511_131_474_340_466_952,
      2_741_379_912_794_982_791, 7_916_983_333_642_672_005, 8_788_531_498_619_324_807,
    ]
    #expect(observed == expected)
  }

  @Test func streamsAndKeysDiffer() {
    let x: [Double] = uniform(1_000, -1, 1)
    let others: [[Double]] = [
      uniform(1_000, key: 2, stream: 2, -1, 1), uniform(1_000, key: 1, stream: 3, -1, 1),
      uniform(1_000, key: 1 << 32 | 1, stream: 2, -1, 1), uniform(1_000, key: 1, stream: 1 << 32 | 2, -1, 1),
    ]
    for y in others {
      let correlation = zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } / 1_000 * 3
      #expect(abs(correlation) < 0.12)
    }
  }

  @Test func bernoulliAndDropout() {
    let n = 100_000
    #expect(bernoulli(n, 0).allSatisfy { $0 == 0 })
    #expect(bernoulli(n, 1).allSatisfy { $0 == 1 })
    let ones = bernoulli(n, 0.3).reduce(0) { $0 + Int($1) }
    #expect(abs(Double(ones) - 0.3 * Double(n)) < 3 * (0.21 * Double(n)).squareRoot())

    func check<T: KernelScalar>(_ type: T.Type) {
      var random = Seeded(1)
      for n in edgeSizes + [40_000] {
        for rate in [0, 0.25, 1] {
          var x: [T] = random.array(n)
          if n > 2 { (x[0], x[1]) = (.nan, .infinity) }
          var mask = [UInt8](repeating: 7, count: n)
          let y = array(n) { dropoutForward(x, $0, mask: &mask, n, rate: rate, key: 5, stream: 6) }
          expectEqual(mask, bernoulli(n, 1 - rate, key: 5, stream: 6))
          let expected = (0..<n).map { mask[$0] == 1 ? Double(x[$0]) / (1 - rate) : 0 }
          expectClose(y, expected, tolerance: 4 * Double(T.ulpOfOne), "dropout \(rate)")
          let dx = array(n) { dropoutBackward(x, mask: mask, $0, n, rate: rate) }
          expectClose(dx, expected, tolerance: 4 * Double(T.ulpOfOne), "dropout backward \(rate)")
          let inPlace: [T] = array(n) { p in
            for i in 0..<n { p[i] = x[i] }
            dropoutForward(p, p, mask: &mask, n, rate: rate, key: 5, stream: 6)
          }
          expectClose(inPlace, y.map(Double.init), tolerance: 0, "in place \(rate)")
        }
      }
    }
    check(Float.self)
    check(Double.self)
  }

  @Test func permutations() {
    for n in [0, 1, 2, 3, 100, 5_000] {
      #expect(permutation(n).sorted() == Array(0..<n))
    }
    #expect(permutation(5_000) != permutation(5_000, stream: 3))
    // All orders of four equally often: chi-square with 23 degrees of freedom, 49.7 once in a thousand.
    var counts: [[Int]: Double] = [:]
    let draws = 24_000
    for stream in 0..<draws { counts[permutation(4, stream: UInt64(stream)), default: 0] += 1 }
    let expected = Double(draws) / 24
    #expect(counts.count == 24)
    #expect(counts.values.reduce(0) { $0 + ($1 - expected) * ($1 - expected) / expected } < 49.7)
  }

  @Test func sameForAllThreadCounts() {
    let n = 70_001
    expectSameForAllThreadCounts("uniform") { uniform(n, 0 as Float, 1) }
    expectSameForAllThreadCounts("normal") { normal(n, 0 as Double, 1) }
    expectSameForAllThreadCounts("truncated") { truncated(n, 0 as Float, 1) }
    expectSameForAllThreadCounts("dropout") {
      let x = [Float](repeating: 1, count: n)
      var mask = [UInt8](repeating: 0, count: n)
      return array(n) { dropoutForward(x, $0, mask: &mask, n, rate: 0.4, key: 1, stream: 1) }
    }
  }
}
