import Kernels
import Testing

/// Conversions of the 16-bit formats against their definition: sign, exponent with a bias, fraction.
struct HalfPrecisionTests {
  /// The number that 16 bits stand for.
  private func decoded(_ bits: UInt16, exponentBits: Int) -> Double {
    let fractionBits = 15 - exponentBits
    let (largest, bias) = (1 << exponentBits - 1, 1 << (exponentBits - 1) - 1)
    let (exponent, fraction) = (Int(bits & 0x7fff) >> fractionBits, Int(bits) & (1 << fractionBits - 1))
    let sign: Double = bits >= 0x8000 ? -1 : 1
    if exponent == largest { return fraction == 0 ? sign * .infinity : .nan }
    let (whole, power) = exponent == 0 ? (fraction, 1) : (fraction + 1 << fractionBits, exponent)
    return sign * Double(sign: .plus, exponent: power - bias - fractionBits, significand: Double(whole))
  }

  private func check<H: HalfPrecisionElement>(
    _: H.Type, exponentBits: Int, _ make: (UInt16) -> H, _ bits: (H) -> UInt16
  ) {
    let all = (0...UInt16.max).map(make)
    let values = (0...UInt16.max).map { decoded($0, exponentBits: exponentBits) }
    var single = [Float](repeating: 0, count: all.count)
    convert(all, &single, all.count)
    var double = [Double](repeating: 0, count: all.count)
    convert(all, &double, all.count)
    for index in all.indices {
      #expect(values[index].isNaN ? double[index].isNaN : double[index] == values[index])
      #expect(values[index].isNaN ? single[index].isNaN : Double(single[index]) == values[index])
    }

    // Every number, and what lies halfway to the next and just beside that: to nearest, ties to the even bits.
    let largest = Int(1 << 15 - 1 << (15 - exponentBits))
    var (x, expected): ([Double], [UInt16]) = ([], [])
    for index in 0..<largest {
      let here = values[index]
      let next = index + 1 < largest ? values[index + 1] : here + (here - values[index - 1])
      let half = (here + next) / 2
      x += [here, half.nextDown, half, half.nextUp, -half]
      let (low, high) = (UInt16(index), UInt16(index + 1))
      let even = index % 2 == 0 ? low : high
      expected += [low, low, even, high, even | 0x8000]
    }
    x += [1e300, -.infinity, 1e-320]
    expected += [UInt16(largest), UInt16(largest) | 0x8000, 0]
    var result = [H](repeating: make(0), count: x.count)
    convert(x, &result, x.count)
    #expect(result.map(bits) == expected)

    var nan = [make(0)]
    convert([Double.nan], &nan, 1)
    #expect(nan[0].value.isNaN)
    convert([Int64(3)], &nan, 1)
    #expect(nan[0].value == 3)
    var truth: [UInt8] = [9, 9, 9]
    convertToBool([make(0x8000), make(1), make(0x7fff)], &truth, 3)
    #expect(truth == [0, 1, 1])
  }

  @Test func binary16() {
    check(
      Half.self, exponentBits: 5, { unsafeBitCast($0, to: Half.self) }, { $0.bits })
  }

  @Test func brainFloat() {
    check(
      Brain.self, exponentBits: 8, { unsafeBitCast($0, to: Brain.self) }, { $0.bits })
  }
}
