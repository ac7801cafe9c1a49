import Parallel
import Testing

@Suite(.serialized)
struct ParallelTests {
  /// Sum of squares over chunks, each chunk writing its own cell.
  private func run(chunks: Int) -> [Int] {
    var cells = [Int](repeating: 0, count: chunks)
    cells.withUnsafeMutableBufferPointer { buffer in
      parallel(chunks, buffer.baseAddress) { base, chunk in base![chunk] += chunk * chunk }
    }
    return cells
  }

  @Test(arguments: [1, 2, 4, 7])
  func everyChunkRunsOnce(threads: Int) {
    let before = threadCount
    defer { threadCount = before }
    threadCount = threads
    for round in 0..<2_000 {
      let chunks = round % 37
      #expect(run(chunks: chunks) == (0..<chunks).map { $0 * $0 })
    }
  }

  @Test func scratchIsAlignedAndPrivate() {
    threadCount = 4
    var wrong = [Int](repeating: 0, count: 64)
    for bytes in [1, 100, 5_000, 1 << 20, 64] {
      wrong.withUnsafeMutableBufferPointer { buffer in
        parallel(64, scratchBytes: bytes, (buffer.baseAddress!, bytes)) { context, chunk, scratch in
          let (wrong, bytes) = context
          if Int(bitPattern: scratch) % 64 != 0 { wrong[chunk] += 1 }
          let cells = scratch.assumingMemoryBound(to: UInt8.self)
          for i in 0..<bytes { cells[i] = UInt8(chunk) }
          for i in 0..<bytes where cells[i] != UInt8(chunk) { wrong[chunk] += 1 }
        }
      }
    }
    #expect(wrong.allSatisfy { $0 == 0 })
  }

  @Test func threadCountIsClamped() {
    let before = threadCount
    defer { threadCount = before }
    threadCount = 0
    #expect(threadCount == 1)
    threadCount = 1_000
    #expect(threadCount == 64)
  }
}
