import Kernels
import Testing

/// Where outputs begin decides how maps cut their runs into vectors, and must not change a bit of what they write.
struct NormalizationAlignmentTests {
  /// Rows of four vectors, of several, of no whole number, in strips; planes short and long, in blocks and segments.
  static let shapes = [
    (40, 64, 1), (9, 32, 1), (33, 128, 1), (33, 320, 1), (70, 3, 1), (10, 1_003, 1), (5, 5_120, 1), (3, 130, 7),
    (4, 24, 16), (3, 33, 49), (2, 40, 100), (2, 24, 128), (3, 24, 257), (2, 5, 676), (1_400, 1_024, 1),
    (11, 128, 1_000),
    (2, 3, 40_001),
  ]

  private func check<T: KernelScalar>(_ type: T.Type, _ shape: NormalizationShape, offsets: [Int]) {
    var random = Seeded(UInt64(shape.valueCount))
    let (x, dy): ([T], [T]) = (random.array(shape.valueCount, in: 1...3), random.array(shape.valueCount))
    let parameters = (0..<4).map { _ in random.array(shape.channels, in: 0.5...2) as [T] }
    let numbers = (0..<4).map { _ in UnsafeMutablePointer<T>.allocate(capacity: shape.channels) }
    defer { numbers.forEach { $0.deallocate() } }
    /// What a pass writes to an output so far behind an aligned address; its input is there too if `inPlace`.
    func run(
      _ values: [T], at offset: Int, inPlace: Bool,
      _ pass: (UnsafePointer<T>, UnsafeMutablePointer<T>) -> Void
    ) -> [T] {
      let (count, size) = (shape.valueCount, MemoryLayout<T>.stride)
      let memory = UnsafeMutableRawPointer.allocate(byteCount: (count + 48) * size, alignment: 64)
      defer { memory.deallocate() }
      let base = memory.assumingMemoryBound(to: T.self)
      base.initialize(repeating: -7, count: count + 48)
      let output = base + 16 + offset
      if inPlace { for i in 0..<count { output[i] = values[i] } }
      values.withUnsafeBufferPointer { pass(inPlace ? UnsafePointer(output) : $0.baseAddress!, output) }
      #expect((0..<16 + offset).allSatisfy { base[$0] == -7 }, "before \(shape) at \(offset)")
      #expect((16 + offset + count..<count + 48).allSatisfy { base[$0] == -7 }, "behind \(shape) at \(offset)")
      return (0..<count).map { output[$0] }
    }
    let passes: [(name: String, values: [T], body: (UnsafePointer<T>, UnsafeMutablePointer<T>) -> Void)] = [
      (
        "inference", x,
        {
          batchNormInference(
            x: $0, gamma: parameters[0], beta: parameters[1], movingMean: parameters[2],
            movingVariance: parameters[3], y: $1, shape: shape, epsilon: 1e-3, relu: false)
        }
      ),
      (
        "forward", x,
        {
          batchNormForward(
            x: $0, gamma: parameters[0], beta: parameters[1], y: $1, mean: numbers[0], variance: nil,
            inverseStd: numbers[1], shape: shape, epsilon: 1e-3, relu: true)
        }
      ),
      (
        "backward", dy,
        {
          batchNormBackward(
            dy: $0, x: x, gamma: parameters[0], mean: parameters[2], inverseStd: parameters[3], dx: $1,
            dgamma: numbers[2], dbeta: numbers[3], shape: shape)
        }
      ),
    ]
    for pass in passes {
      let expected = run(pass.values, at: 0, inPlace: false, pass.body)
      for offset in offsets {
        for inPlace in [false, true] {
          let observed = run(pass.values, at: offset, inPlace: inPlace, pass.body)
          #expect(observed == expected, "\(T.self) \(pass.name) \(shape) at \(offset), in place: \(inPlace)")
        }
      }
    }
  }

  @Test(arguments: shapes)
  func outputsMayBeginAnywhere(_ extents: (Int, Int, Int)) {
    let shape = NormalizationShape(outer: extents.0, channels: extents.1, inner: extents.2)
    let offsets = shape.valueCount < 1 << 16 ? Array(0..<16) : [0, 4, 15]
    check(Float.self, shape, offsets: offsets)
    check(Double.self, shape, offsets: offsets.filter { $0 < 8 })
  }
}
