import Kernels
import Testing

struct ElementwiseConvertTests {
  /// What NumPy gives where it defines the result; outside the range the nearest bound, NaN as 0.
  private func reference<D: FixedWidthInteger>(_ x: Double, _: D.Type) -> D {
    if x.isNaN { return 0 }
    let whole = x.rounded(.towardZero)
    if whole <= Double(D.min) { return .min }
    return whole >= Double(D.max) ? .max : D(whole)
  }

  private func fromFloat<S: ConvertibleElement & BinaryFloatingPoint>(_: S.Type) {
    let base: [S] = [
      0, -0.0, 1, -1, 0.9, -0.9, 2.5, 127, 255, 255.9, 256, -128, 2_147_483_520, 2_147_483_648, -2_147_483_648,
      4_294_967_040, 4_294_967_296, 9_223_371_487_098_961_920, 9_223_372_036_854_775_808, -9_223_372_036_854_775_808,
      1e30, -1e30, .infinity, -.infinity, .nan,
    ]
    let x = (0..<4).flatMap { _ in base }
    let n = x.count
    func check<D: ConvertibleElement & FixedWidthInteger>(_: D.Type) {
      var y = [D](repeating: 99, count: n)
      convert(x, &y, n)
      #expect(y == x.map { reference(Double($0), D.self) }, "\(S.self) to \(D.self)")
    }
    check(Int32.self)
    check(Int64.self)
    check(UInt8.self)
    check(UInt32.self)
    var float = [Float](repeating: 99, count: n)
    convert(x, &float, n)
    expectClose(float, x.map { Double(Float($0)) }, tolerance: 0)
    var double = [Double](repeating: 99, count: n)
    convert(x, &double, n)
    expectClose(double, x.map { Double($0) }, tolerance: 0)
    var truth = [UInt8](repeating: 99, count: n)
    convertToBool(x, &truth, n)
    #expect(truth == x.map { $0 == 0 ? 0 : 1 })
  }

  private func fromInteger<S: ConvertibleElement & FixedWidthInteger>(_: S.Type) {
    let base: [S] = [0, 1, 2, 3, 100, 127, .max, .min, .max / 2, .max - 1]
    let x = (0..<13).flatMap { _ in base }
    let n = x.count
    func check<D: ConvertibleElement & FixedWidthInteger>(_: D.Type) {
      var y = [D](repeating: 99, count: n)
      convert(x, &y, n)
      #expect(y == x.map { D(truncatingIfNeeded: $0) }, "\(S.self) to \(D.self)")
    }
    check(Int32.self)
    check(Int64.self)
    check(UInt8.self)
    check(UInt32.self)
    var float = [Float](repeating: 99, count: n)
    convert(x, &float, n)
    #expect(float == x.map { Float($0) }, "\(S.self) to Float")
    var double = [Double](repeating: 99, count: n)
    convert(x, &double, n)
    #expect(double == x.map { Double($0) }, "\(S.self) to Double")
    var truth = [UInt8](repeating: 99, count: n)
    convertToBool(x, &truth, n)
    #expect(truth == x.map { $0 == 0 ? 0 : 1 })
  }

  @Test func everyPair() {
    fromFloat(Float.self)
    fromFloat(Double.self)
    fromInteger(Int32.self)
    fromInteger(Int64.self)
    fromInteger(UInt8.self)
    fromInteger(UInt32.self)
  }

  @Test func convertsOnThreads() {
    let x = (0..<200_003).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    expectSameForAllThreadCounts("uint8 to float") {
      var y = [Float](repeating: -1, count: x.count)
      convert(x, &y, x.count)
      #expect(y == x.map(Float.init))
      return y
    }
  }

  @Test func gathers() {
    for (rows, width) in [(0, 3), (1, 1), (7, 5), (1_000, 33), (70, 784), (3, 40_000)] {
      var random = Seeded(21)
      let count = 50
      let source: [Float] = random.array(count * width, in: -300...300)
      let indices = (0..<rows).map { _ in Int64.random(in: 0..<Int64(count), using: &random) }
      let expected = indices.flatMap { source[Int($0) * width..<(Int($0) + 1) * width] }
      var out = [Float](repeating: 7, count: rows * width)
      gatherRows(source, indices, &out, rows: rows, rowBytes: width * 4)
      #expect(out == expected)
      var bytes = [UInt8](repeating: 7, count: rows * width)
      gatherRowsConverting(source, indices, &bytes, rows: rows, rowElements: width)
      #expect(bytes == expected.map { UInt8(min(max($0, 0), 255)) })
      let consecutive = min(rows, count)
      var doubles = [Double](repeating: 7, count: consecutive * width)
      gatherRowsConverting(source, nil, &doubles, rows: consecutive, rowElements: width)
      #expect(doubles == source.prefix(consecutive * width).map(Double.init))
    }
  }

  @Test func indicesOutOfRange() {
    #expect(firstIndexOutOfRange([], 0, limit: 0) == -1)
    #expect(firstIndexOutOfRange([0, 4, 2], 3, limit: 5) == -1)
    #expect(firstIndexOutOfRange([0, 5, -1], 3, limit: 5) == 1)
    #expect(firstIndexOutOfRange([0, 4, -1], 3, limit: 5) == 2)
  }

  @Test func fills() {
    for n in edgeSizes + [100_001] {
      var y = [Float](repeating: 1, count: n + 1)
      fill(&y, n, 2.5)
      #expect(y == [Float](repeating: 2.5, count: n) + [1])
    }
  }
}
