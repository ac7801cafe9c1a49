import Glibc
import Kernels
import Testing

/// Shapes that meet: same, scalar, bias rows, columns, middle axes, both repeated, short and long rows, empty.
let broadcastCases: [([Int], [Int], [Int])] = [
  ([], [], []), ([1], [1], [1]), ([5], [5], [5]), ([4_097], [4_097], [4_097]), ([33], [], [33]), ([], [33], [33]),
  ([6, 7], [7], [6, 7]), ([7], [6, 7], [6, 7]), ([6, 7], [6, 1], [6, 7]), ([6, 1], [6, 7], [6, 7]),
  ([700, 3], [3], [700, 3]), ([700, 3], [700, 1], [700, 3]), ([1, 3], [700, 1], [700, 3]),
  ([5, 129], [129], [5, 129]), ([5, 129], [5, 1], [5, 129]), ([5, 1], [1, 129], [5, 129]),
  ([2, 3, 4, 5], [3, 1, 5], [2, 3, 4, 5]), ([2, 1, 4, 1], [1, 3, 1, 5], [2, 3, 4, 5]),
  ([2, 3, 4, 70], [2, 1, 1, 70], [2, 3, 4, 70]), ([2, 3, 4, 70], [1, 3, 4, 1], [2, 3, 4, 70]),
  ([2, 1, 2, 1, 2, 1, 2, 3], [1, 3, 1, 2, 1, 2, 1, 3], [2, 3, 2, 2, 2, 2, 2, 3]),
  ([3], [1], [4, 3]), ([1], [1], [4, 80]), ([0, 3], [3], [0, 3]), ([2, 1], [2, 0], [2, 0]),
  ([90_001], [90_001], [90_001]), ([2, 50_000], [50_000], [2, 50_000]), ([40_000, 5], [5], [40_000, 5]),
]

/// The element of `x` that NumPy's rules put at output element `index`.
func broadcastElement<T>(_ x: [T], _ shape: [Int], at index: Int, of outShape: [Int]) -> T {
  var (rest, offset, stride) = (index, 0, 1)
  for axis in outShape.indices.reversed() {
    let coordinate = rest % outShape[axis]
    rest /= outShape[axis]
    let own = axis - (outShape.count - shape.count)
    if own >= 0 {
      if shape[own] != 1 { offset += coordinate * stride }
      stride *= shape[own]
    }
  }
  return x[offset]
}

struct ElementwiseBinaryTests {
  private func reference(_ op: BinaryOperation, _ a: Double, _ b: Double) -> Double {
    switch op {
    case .add: a + b
    case .subtract: a - b
    case .multiply: a * b
    case .divide: a / b
    case .power: pow(a, b)
    case .maximum: a.isNaN || b.isNaN ? .nan : Swift.max(a, b)
    case .minimum: a.isNaN || b.isNaN ? .nan : Swift.min(a, b)
    case .floorDivide:
      if a.isInfinite && b != 0 {
        .nan
      } else if b.isInfinite && a != 0 && !a.isNaN {
        (a < 0) == (b < 0) ? 0 : -1
      } else {
        (a / b).rounded(.down)
      }
    case .remainder:
      if b.isInfinite && a.isFinite {
        a == 0 || (a < 0) == (b < 0) ? a : b
      } else {
        a - b * (a / b).rounded(.down)
      }
    }
  }

  @Test(arguments: BinaryOperation.allCases) func matchesReference(_ op: BinaryOperation) {
    check(op, Float.self)
    check(op, Double.self)
  }

  private func check<T: KernelScalar>(_ op: BinaryOperation, _: T.Type) {
    var random = Seeded(5)
    for (aShape, bShape, outShape) in broadcastCases {
      let range = op == .power ? 0.1...3.0 : -2.0...2.0
      let a: [T] = random.array(aShape.reduce(1, *), in: range)
      let b: [T] = random.array(bShape.reduce(1, *), in: range)
      let n = outShape.reduce(1, *)
      let plan = Broadcast(aShape: aShape, bShape: bShape, outShape: outShape)!
      #expect(plan.count == n)
      let expected = (0..<n).map {
        reference(
          op, Double(broadcastElement(a, aShape, at: $0, of: outShape)),
          Double(broadcastElement(b, bShape, at: $0, of: outShape)))
      }
      let what = "\(op) \(T.self) \(aShape) \(bShape)"
      let out = runGuarded([a, b], count: n) { binary(op, $0[0], $0[1], $1, plan) }
      expectClose(out, expected, tolerance: roundoff(T.self), what)
      if aShape == outShape && n > 0 {
        var inPlace = a
        inPlace.withUnsafeMutableBufferPointer { binary(op, UnsafePointer($0.baseAddress!), b, $0.baseAddress!, plan) }
        #expect(inPlace == out, "\(what) in place of a")
      }
      if bShape == outShape && n > 0 {
        var inPlace = b
        inPlace.withUnsafeMutableBufferPointer { binary(op, a, UnsafePointer($0.baseAddress!), $0.baseAddress!, plan) }
        #expect(inPlace == out, "\(what) in place of b")
      }
      if n > 30_000 {
        expectSameForAllThreadCounts(what) { runGuarded([a, b], count: n) { binary(op, $0[0], $0[1], $1, plan) } }
      }
    }
  }

  @Test func rejectsShapesThatDoNotFit() {
    #expect(Broadcast(aShape: [2], bShape: [3], outShape: [3]) == nil)
    #expect(Broadcast(aShape: [2, 3], bShape: [3], outShape: [3]) == nil)
    let alternating = (0..<9).map { $0 % 2 == 0 ? 1 : 2 }
    let full = [Int](repeating: 2, count: 9)
    #expect(Broadcast(aShape: alternating, bShape: full, outShape: full) == nil)
  }

  @Test func edgeValues() {
    let values: [Double] = [0, -0.0, 1, -1, 2, -2, 0.5, .infinity, -.infinity, .nan]
    let (aShape, bShape) = ([10, 1], [10])
    let plan = Broadcast(aShape: aShape, bShape: bShape, outShape: [10, 10])!
    for op in BinaryOperation.allCases {
      let expected = (0..<100).map { reference(op, values[$0 / 10], values[$0 % 10]) }
      let out = runGuarded([values, values], count: 100) { binary(op, $0[0], $0[1], $1, plan) }
      expectClose(out, expected, tolerance: 0, "\(op)")
      let float = runGuarded([values.map(Float.init), values.map(Float.init)], count: 100) {
        binary(op, $0[0], $0[1], $1, plan)
      }
      expectClose(float, expected, tolerance: roundoff(Float.self), "\(op) Float")
    }
  }

  @Test func scalarExponents() {
    var random = Seeded(9)
    let x: [Double] = random.array(1_000, in: 0.1...4)
    let plan = Broadcast(aShape: [1_000], bShape: [], outShape: [1_000])!
    for exponent in [0.5, 1, 2, 3, -1, 0, 2.5] {
      let y = runGuarded([x, [exponent]], count: 1_000) { binary(.power, $0[0], $0[1], $1, plan) }
      expectClose(y, x.map { pow($0, exponent) }, tolerance: 4 * roundoff(Double.self), "power \(exponent)")
    }
  }

  @Test func comparisons() {
    for (aShape, bShape, outShape) in broadcastCases {
      var random = Seeded(13)
      let n = outShape.reduce(1, *)
      func values(_ shape: [Int]) -> [Float] {
        let values: [Float] = random.array(shape.reduce(1, *), in: -2...2)
        return values.map { $0 > 1.9 ? .nan : $0.rounded() }
      }
      let (a, b) = (values(aShape), values(bShape))
      let plan = Broadcast(aShape: aShape, bShape: bShape, outShape: outShape)!
      let pairs = (0..<n).map {
        (broadcastElement(a, aShape, at: $0, of: outShape), broadcastElement(b, bShape, at: $0, of: outShape))
      }
      func integer<I: FixedWidthInteger>(_ x: [Float], _: I.Type) -> [I] { x.map { $0.isNaN ? 0 : I($0 + 2) } }
      func check(_ op: ComparisonOperation, _ truth: (Float, Float) -> Bool) {
        var out = [UInt8](repeating: 7, count: n)
        compare(op, a, b, &out, plan)
        #expect(out == pairs.map { truth($0.0, $0.1) ? 1 : 0 }, "\(op) \(aShape) \(bShape)")
        let clean = pairs.map { ($0.0.isNaN ? -2 : $0.0, $0.1.isNaN ? -2 : $0.1) }
        let expected = clean.map { truth($0.0, $0.1) ? UInt8(1) : 0 }
        out = [UInt8](repeating: 7, count: n)
        compare(op, integer(a, Int32.self), integer(b, Int32.self), &out, plan)
        #expect(out == expected, "\(op) Int32 \(aShape) \(bShape)")
        out = [UInt8](repeating: 7, count: n)
        compare(op, integer(a, Int64.self), integer(b, Int64.self), &out, plan)
        #expect(out == expected, "\(op) Int64 \(aShape) \(bShape)")
      }
      check(.equal) { $0 == $1 }
      check(.notEqual) { $0 != $1 }
      check(.less) { $0 < $1 }
      check(.lessEqual) { $0 <= $1 }
      check(.greater) { $0 > $1 }
      check(.greaterEqual) { $0 >= $1 }
    }
  }

  @Test func logical() {
    let a: [UInt8] = [0, 1, 0, 1, 5, 0]
    let b: [UInt8] = [0, 0, 1, 1, 2, 8]
    let plan = Broadcast(aShape: [6], bShape: [6], outShape: [6])!
    var out = [UInt8](repeating: 9, count: 6)
    logicalAnd(a, b, &out, plan)
    #expect(out == [0, 0, 0, 1, 1, 0])
    logicalOr(a, b, &out, plan)
    #expect(out == [0, 1, 1, 1, 1, 1])
    logicalNot(a, &out, 6)
    #expect(out == [1, 0, 1, 0, 0, 1])
  }

  @Test func integers() {
    integers(Int32.self)
    integers(Int64.self)
  }

  private func integers<I: FixedWidthInteger & BitwiseCopyable>(_: I.Type) {
    let values: [I] = [0, 1, -1, 2, -2, 3, 7, -7, 10, -10, .max, .min]
    let n = values.count
    let plan = Broadcast(aShape: [n, 1], bShape: [n], outShape: [n, n])!
    func floorDivide(_ a: I, _ b: I) -> I {
      if b == 0 { return 0 }
      // In a wider type, where nothing overflows; wrapped back as NumPy does.
      let (x, y) = (Int128(a), Int128(b))
      var quotient = x / y
      if quotient * y != x && (x < 0) != (y < 0) { quotient -= 1 }
      return I(truncatingIfNeeded: quotient)
    }
    for op in IntegerOperation.allCases {
      var out = [I](repeating: 77, count: n * n)
      binaryInteger(op, values, values, &out, plan)
      let expected: [I] = (0..<n * n).map {
        let (a, b) = (values[$0 / n], values[$0 % n])
        switch op {
        case .add: return a &+ b
        case .subtract: return a &- b
        case .multiply: return a &* b
        case .floorDivide: return floorDivide(a, b)
        case .remainder: return b == 0 ? 0 : a &- floorDivide(a, b) &* b
        case .maximum: return Swift.max(a, b)
        case .minimum: return Swift.min(a, b)
        case .and: return a & b
        case .or: return a | b
        case .xor: return a ^ b
        case .leftShift: return b < 0 || b >= I.bitWidth ? 0 : a << b
        case .rightShift: return b < 0 || b >= I.bitWidth ? (a < 0 ? 0 &- 1 : 0) : a >> b
        }
      }
      #expect(out == expected, "\(op) \(I.self)")
    }
  }

  @Test func whereSelects() {
    for (aShape, bShape, outShape) in broadcastCases {
      for conditionShape in [aShape, bShape, outShape, []] {
        var random = Seeded(17)
        let n = outShape.reduce(1, *)
        let a: [Float] = random.array(aShape.reduce(1, *))
        let b: [Float] = random.array(bShape.reduce(1, *))
        let draws: [Float] = random.array(conditionShape.reduce(1, *))
        let condition = draws.map { $0 > 0 ? UInt8(2) : 0 }
        let plan = TernaryBroadcast(
          conditionShape: conditionShape, aShape: aShape, bShape: bShape, outShape: outShape)!
        let expected = (0..<n).map { index in
          Double(
            broadcastElement(condition, conditionShape, at: index, of: outShape) != 0
              ? broadcastElement(a, aShape, at: index, of: outShape)
              : broadcastElement(b, bShape, at: index, of: outShape))
        }
        let out = runGuarded([a, b], count: n) { selectWhere(condition, $0[0], $0[1], $1, plan) }
        expectClose(out, expected, tolerance: 0, "\(conditionShape) \(aShape) \(bShape)")
      }
    }
  }
}
