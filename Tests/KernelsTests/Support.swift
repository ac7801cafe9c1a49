import Kernels
import Parallel
import Testing

/// Small deterministic generator (SplitMix64), so that every failure can be repeated.
struct Seeded: RandomNumberGenerator {
  var state: UInt64
  init(_ seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// `count` values uniform in the range.
  mutating func array<T: BinaryFloatingPoint>(_ count: Int, in range: ClosedRange<Double> = -1...1) -> [T] {
    (0..<count).map { _ in T(Double.random(in: range, using: &self)) }
  }
}

/// Sizes around the edges of vectors and tiles, for kernels that treat their data as one long run.
let edgeSizes = [0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 129, 1_000, 4_097]

/// Compares counts first, then each element: |observed - expected| <= tolerance * max(1, |expected|). NaN equals NaN.
func expectClose<T: BinaryFloatingPoint>(
  _ observed: [T], _ expected: [Double], tolerance: Double, _ what: @autoclosure () -> String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  guard observed.count == expected.count else {
    Issue.record("\(what()): \(observed.count) elements, expected \(expected.count)", sourceLocation: sourceLocation)
    return
  }
  for (index, pair) in zip(observed, expected).enumerated() {
    let (o, e) = (Double(pair.0), pair.1)
    if o.isNaN && e.isNaN || o == e { continue }
    if abs(o - e) <= tolerance * max(1, abs(e)) { continue }
    Issue.record("\(what())[\(index)]: \(o), expected \(e)", sourceLocation: sourceLocation)
    return
  }
}

/// Runs `body` with 1, 2 and 4 threads and expects bitwise equal results.
func expectSameForAllThreadCounts<T: BinaryFloatingPoint>(
  _ what: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () -> [T]
) {
  let before = threadCount
  defer { threadCount = before }
  threadCount = 1
  let expected = body()
  for threads in [2, 4] {
    threadCount = threads
    let observed = body()
    let isEqual = zip(observed, expected).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) }
    #expect(
      isEqual && observed.count == expected.count, "\(what): differs with \(threads) threads",
      sourceLocation: sourceLocation)
  }
}
