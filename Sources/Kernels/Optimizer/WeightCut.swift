/// How the elements of many weights, one after the other, are cut into chunks of about the same work: large weights into
/// several, small ones many to a chunk, a few elements in all into one. It depends on their sizes only.
public struct WeightCut: Sendable {
  /// Elements of one chunk: a few microseconds of work from the cache.
  private static let chunkElements = 16_384
  /// With no more elements than this in all, waking threads takes longer than it saves.
  private static let fewElements = 1 << 17
  /// What a run costs besides its elements, in elements; no chunk ends with a shorter piece of a longer weight.
  private static let runElements = 64

  package struct Run {
    package let weight, begin, end: Int
  }

  package let runs: [Run]
  /// The runs of chunk i are those from bounds[i] to bounds[i + 1].
  package let bounds: [Int]

  /// - Parameter counts: elements of each weight.
  public init(counts: [Int]) {
    var runs: [Run] = []
    var bounds = [0]
    let chunk = counts.reduce(0, +) <= Self.fewElements ? Int.max : Self.chunkElements
    var room = chunk
    for (weight, count) in counts.enumerated() {
      var begin = 0
      while begin < count {
        if room < min(count - begin, Self.runElements) {
          bounds.append(runs.count)
          room = chunk
        }
        // Whole cache lines, as far as the weight's memory begins with one.
        let end = count - begin <= room ? count : begin + room / Self.runElements * Self.runElements
        runs.append(Run(weight: weight, begin: begin, end: end))
        room -= max(end - begin, Self.runElements)
        begin = end
      }
    }
    if bounds.last! < runs.count { bounds.append(runs.count) }
    (self.runs, self.bounds) = (runs, bounds)
  }

  /// Calls `body` with runs, bounds and the number of chunks.
  @inline(__always)
  func withRuns(_ body: (UnsafePointer<Run>, UnsafePointer<Int>, Int) -> Void) {
    if runs.isEmpty { return }
    runs.withUnsafeBufferPointer { runs in
      bounds.withUnsafeBufferPointer { body(runs.baseAddress!, $0.baseAddress!, $0.count &- 1) }
    }
  }
}
