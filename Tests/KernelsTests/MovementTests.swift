import Kernels
import Parallel
import Testing

/// Row-major strides.
private func strides(_ shape: [Int]) -> [Int] {
  shape.indices.map { shape[($0 + 1)...].reduce(1, *) }
}

/// The index along every axis of the element at row-major position `index`.
private func coordinates(_ index: Int, _ shape: [Int]) -> [Int] {
  let steps = strides(shape)
  return shape.indices.map { index / steps[$0] % shape[$0] }
}

/// Copies of 1, 4 and 8 bytes per element give the expected elements, on any number of threads, inside the output only.
private func expectCopies(
  _ plan: StridedCopy, from count: Int, to expected: [Int], _ what: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(plan.sourceCount == count && plan.destinationCount == expected.count, sourceLocation: sourceLocation)
  let before = threadCount
  defer { threadCount = before }
  for threads in count > 30_000 ? [1, 2, 4] : [1] {
    threadCount = threads
    let float = runGuarded([(0..<count).map { Float($0 + 1) }], count: expected.count) {
      copyStridedOverZeros($0[0], $1, plan, elementBytes: 4)
    }
    let double = runGuarded([(0..<count).map { Double($0 + 1) }], count: expected.count) {
      copyStridedOverZeros($0[0], $1, plan, elementBytes: 8)
    }
    #expect(float == expected.map { Float($0 + 1) }, "\(what), 4 bytes", sourceLocation: sourceLocation)
    #expect(double == expected.map { Double($0 + 1) }, "\(what), 8 bytes", sourceLocation: sourceLocation)
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 1) }
    var out = [UInt8](repeating: 77, count: expected.count + 1)
    copyStridedOverZeros(bytes, &out, plan, elementBytes: 1)
    #expect(out == expected.map { $0 < 0 ? 0 : bytes[$0] } + [77], "\(what), 1 byte", sourceLocation: sourceLocation)
  }
}

struct MovementTests {
  @Test func transposes() {
    let cases: [([Int], [Int])] = [
      ([], []), ([5], [0]), ([1, 1], [1, 0]), ([3, 5], [1, 0]), ([8, 8], [1, 0]), ([64, 64], [1, 0]),
      ([65, 67], [1, 0]), ([129, 200], [1, 0]), ([7, 1_000], [1, 0]), ([1_000, 3], [1, 0]),
      ([2, 3, 4], [0, 1, 2]), ([2, 3, 4], [2, 1, 0]), ([2, 3, 4], [1, 0, 2]), ([2, 3, 4], [1, 2, 0]),
      ([2, 9, 11, 20], [0, 3, 1, 2]), ([2, 20, 9, 11], [0, 2, 3, 1]), ([2, 9, 11, 3], [0, 3, 1, 2]),
      ([3, 17, 5, 33], [3, 1, 2, 0]), ([3, 17, 5, 33], [2, 0, 3, 1]), ([0, 3], [1, 0]),
      ([40, 3, 300, 2], [2, 0, 1, 3]),
      ([2, 3, 2, 3, 2, 3, 2, 3], [7, 6, 5, 4, 3, 2, 1, 0]), ([2, 3, 2, 3, 2, 3, 2, 3], [1, 0, 3, 2, 5, 4, 7, 6]),
      ([4, 130, 130, 16], [0, 3, 1, 2]),
    ]
    for (shape, permutation) in cases {
      let n = shape.reduce(1, *)
      let outShape = permutation.map { shape[$0] }
      let steps = strides(shape)
      let expected = (0..<n).map { index in
        zip(coordinates(index, outShape), permutation).reduce(0) { $0 + $1.0 * steps[$1.1] }
      }
      let plan = StridedCopy(transposing: shape, permutation: permutation)!
      expectCopies(plan, from: n, to: expected, "\(shape) by \(permutation)")
      var inverse = [Int](repeating: 0, count: n)
      for (index, source) in expected.enumerated() { inverse[source] = index }
      expectCopies(plan.adjoint, from: n, to: inverse, "adjoint of \(shape) by \(permutation)")
    }
    #expect(StridedCopy(transposing: [2, 3], permutation: [0, 0]) == nil)
    #expect(StridedCopy(transposing: [2, 3], permutation: [0]) == nil)
  }

  @Test func broadcasts() {
    let cases: [([Int], [Int])] = [
      ([], []), ([], [7]), ([5], [5]), ([5], [3, 5]), ([5, 1], [5, 9]), ([1, 9], [5, 9]), ([3, 1, 4], [2, 3, 5, 4]),
      ([2, 1, 3, 1], [2, 40, 3, 50]), ([1], [0]), ([0, 1], [0, 4]), ([1, 64], [1_000, 64]), ([1_000, 1], [1_000, 64]),
    ]
    for (shape, outShape) in cases {
      let steps = strides(shape)
      let expected = (0..<outShape.reduce(1, *)).map { index in
        let own = coordinates(index, outShape).suffix(shape.count)
        return zip(zip(own, shape), steps).reduce(0) { $0 + ($1.0.1 == 1 ? 0 : $1.0.0) * $1.1 }
      }
      let plan = StridedCopy(broadcasting: shape, to: outShape)!
      expectCopies(plan, from: shape.reduce(1, *), to: expected, "\(shape) to \(outShape)")
    }
    #expect(StridedCopy(broadcasting: [2], to: [3]) == nil)
    #expect(StridedCopy(broadcasting: [2, 3], to: [3]) == nil)
  }

  @Test func slices() {
    let cases: [([Int], [Int], [Int], [Int])] = [
      ([10], [2], [5], [1]), ([10], [9], [10], [-1]), ([10], [1], [3], [3]), ([10], [9], [4], [-3]),
      ([10], [3], [0], [1]),
      ([6, 7], [1, 2], [3, 4], [1, 1]), ([6, 7], [5, 6], [6, 7], [-1, -1]), ([6, 7], [0, 6], [6, 7], [1, -1]),
      ([6, 7], [5, 0], [3, 7], [-2, 1]), ([4, 5, 6, 7], [0, 1, 2, 3], [4, 3, 2, 4], [1, 1, 2, 1]),
      ([4, 5, 6, 7], [3, 4, 0, 0], [2, 5, 3, 7], [-2, -1, 2, 1]), ([300, 200], [10, 0], [250, 200], [1, 1]),
      ([300, 200], [0, 1], [300, 100], [1, 2]), ([], [], [], []), ([3, 4], [2, 3], [1, 1], [1, 1]),
    ]
    for (shape, begin, size, steps) in cases {
      let (n, dense) = (shape.reduce(1, *), strides(shape))
      let expected = (0..<size.reduce(1, *)).map { index in
        let at = coordinates(index, size)
        return shape.indices.reduce(0) { $0 + (begin[$1] + at[$1] * steps[$1]) * dense[$1] }
      }
      let plan = StridedCopy(slicing: shape, begin: begin, size: size, strides: steps)!
      expectCopies(plan, from: n, to: expected, "\(shape) \(begin) \(size) \(steps)")
      var scattered = [Int](repeating: -1, count: n)
      for (index, source) in expected.enumerated() { scattered[source] = index }
      expectCopies(plan.adjoint, from: expected.count, to: scattered, "adjoint \(shape) \(begin) \(size) \(steps)")
    }
    #expect(StridedCopy(slicing: [5], begin: [2], size: [4], strides: [1]) == nil)
    #expect(StridedCopy(slicing: [5], begin: [1], size: [3], strides: [-1]) == nil)
    #expect(StridedCopy(slicing: [5], begin: [-1], size: [1], strides: [1]) == nil)
    #expect(StridedCopy(slicing: [5], begin: [0], size: [2], strides: [0]) == nil)
  }

  @Test func pads() {
    for (shape, before, after) in [
      ([4], [1], [2]), ([2, 3], [0, 0], [0, 0]), ([2, 3], [1, 0], [0, 2]),
      ([2, 5, 6, 3], [0, 1, 1, 0], [0, 1, 2, 0]),
      ([0, 3], [1, 1], [1, 1]), ([100, 300, 2], [1, 2, 0], [2, 1, 0]),
    ] {
      let outShape = shape.indices.map { shape[$0] + before[$0] + after[$0] }
      let (n, dense) = (shape.reduce(1, *), strides(shape))
      let sources = (0..<outShape.reduce(1, *)).map { index -> Int in
        let at = coordinates(index, outShape)
        let inside = shape.indices.allSatisfy { at[$0] >= before[$0] && at[$0] < before[$0] + shape[$0] }
        return inside ? shape.indices.reduce(0) { $0 + (at[$1] - before[$1]) * dense[$1] } : -1
      }
      let plan = StridedCopy(padding: shape, before: before, after: after)!
      expectCopies(plan, from: n, to: sources, "pad \(shape)")
      let x = (0..<n).map { Float($0) }
      let y = runGuarded([x], count: sources.count) { padConstant($0[0], $1, plan, value: -7) }
      #expect(y == sources.map { $0 < 0 ? -7 : Float($0) }, "pad \(shape) with a value")
      // Its adjoint is the slice that takes x out again.
      let back = runGuarded([y], count: n) { copyStrided($0[0], $1, plan.adjoint, elementBytes: 4) }
      #expect(back == x)
    }
    #expect(StridedCopy(padding: [2], before: [-1], after: [0]) == nil)
  }

  @Test func concatenatesAndSplits() {
    for (outer, extents, inner) in [
      (1, [3, 4], 1), (5, [1, 2, 3], 7), (300, [60, 70], 3), (2, [30_000, 5], 2), (0, [2], 2),
    ] {
      let axis = extents.reduce(0, +)
      var whole = [Float](repeating: -1, count: outer * axis * inner)
      let parts = extents.enumerated().map { part, extent in
        (0..<outer * extent * inner).map { Float(part * 1_000_000 + $0) }
      }
      var offset = 0
      for (part, extent) in zip(parts, extents) {
        whole.withUnsafeMutableBytes { buffer in
          guard let base = buffer.baseAddress else { return }
          copyRows(
            part, sourcePitch: extent * inner * 4, base + offset * inner * 4, destinationPitch: axis * inner * 4,
            rows: outer, rowBytes: extent * inner * 4)
        }
        offset += extent
      }
      var expected: [Float] = []
      for o in 0..<outer {
        for (part, extent) in zip(parts, extents) {
          let row = extent * inner
          expected += part[o * row..<(o + 1) * row]
        }
      }
      #expect(whole == expected)
      offset = 0
      for (part, extent) in zip(parts, extents) {
        var piece = [Float](repeating: -1, count: part.count)
        whole.withUnsafeBytes { buffer in
          guard let base = buffer.baseAddress else { return }
          copyRows(
            base + offset * inner * 4, sourcePitch: axis * inner * 4, &piece, destinationPitch: extent * inner * 4,
            rows: outer, rowBytes: extent * inner * 4)
        }
        #expect(piece == part)
        offset += extent
      }
    }
  }

  @Test func oneHotRows() {
    func check<I: FixedWidthInteger, T: KernelScalar>(_: I.Type, _: T.Type) {
      for (n, depth) in [(0, 3), (1, 1), (7, 10), (5_000, 33), (4, 0)] {
        var random = Seeded(51)
        let labels = (0..<n).map { _ in I.random(in: -2...I(depth + 1), using: &random) }
        let expected = labels.flatMap { label in (0..<depth).map { Int(label) == $0 ? T(1) : 0 } }
        var y = [T](repeating: 5, count: n * depth + 1)
        oneHot(labels, &y, n, depth: depth)
        #expect(y == expected + [5])
      }
    }
    check(Int32.self, Float.self)
    check(Int64.self, Double.self)
    check(Int32.self, Double.self)
    check(Int64.self, Float.self)
    var y: [Float] = [5, 5]
    oneHot([Int64.max, Int64.min], &y, 2, depth: 1)
    #expect(y == [0, 0])
  }

  @Test func takesAndAddsBack() {
    for (outer, axis, n, inner) in [
      (1, 5, 7, 3), (1, 1, 1, 1), (3, 4, 9, 1), (2, 6, 4, 33), (1, 1_000, 3_000, 64), (4, 300, 100, 40), (2, 3, 0, 2),
      (1, 50, 4_000, 17),
    ] {
      var random = Seeded(53)
      let x: [Double] = random.array(outer * axis * inner)
      let dy: [Double] = random.array(outer * n * inner)
      let indices = (0..<n).map { _ in Int64.random(in: 0..<Int64(axis), using: &random) }
      var expected = [Double](repeating: 0, count: outer * n * inner)
      var gradient = [Double](repeating: 0, count: x.count)
      for o in 0..<outer {
        for i in 0..<n {
          for j in 0..<inner {
            let source = (o * axis + Int(indices[i])) * inner + j
            let target = (o * n + i) * inner + j
            expected[target] = x[source]
            gradient[source] += dy[target]
          }
        }
      }
      let y = runGuarded([x], count: expected.count) {
        take($0[0], indices, $1, outer: outer, axis: axis, n: n, innerBytes: inner * 8)
      }
      #expect(y == expected)
      let floats = x.map(Float.init)
      let yFloat = runGuarded([floats], count: expected.count) {
        take($0[0], indices, $1, outer: outer, axis: axis, n: n, innerBytes: inner * 4)
      }
      #expect(yFloat == expected.map(Float.init))
      let narrow = indices.map { Int32($0) }
      let yNarrow = runGuarded([x], count: expected.count) {
        take($0[0], narrow, $1, outer: outer, axis: axis, n: n, innerBytes: inner * 8)
      }
      #expect(yNarrow == expected)
      let dx = runGuarded([dy], count: x.count) {
        takeBackward($0[0], indices, $1, outer: outer, axis: axis, n: n, inner: inner)
      }
      #expect(dx == gradient)
      let dxNarrow = runGuarded([dy], count: x.count) {
        takeBackward($0[0], narrow, $1, outer: outer, axis: axis, n: n, inner: inner)
      }
      #expect(dxNarrow == gradient)
      let dyFloat = dy.map(Float.init)
      expectSameForAllThreadCounts("takeBackward") {
        runGuarded([dyFloat], count: x.count) {
          takeBackward($0[0], indices, $1, outer: outer, axis: axis, n: n, inner: inner)
        }
      }
      let dxFloat = runGuarded([dyFloat], count: x.count) {
        takeBackward($0[0], indices, $1, outer: outer, axis: axis, n: n, inner: inner)
      }
      // Each element is a sum of about n / axis terms of size 1.
      expectClose(dxFloat, gradient, tolerance: 4 * roundoff(Float.self) * max(1, 4 * Double(n) / Double(axis)))
    }
  }
}
