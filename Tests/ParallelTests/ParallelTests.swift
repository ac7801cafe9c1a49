import CIntrinsics
import Glibc
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

  /// More memory than there is address space.
  @Test(arguments: [1, 4])
  func scratchThatFailsIsReportedOnce(threads: Int) {
    let before = threadCount
    defer { threadCount = before }
    threadCount = threads
    var cells = [Int](repeating: 0, count: 8)
    func fill(scratchBytes: Int) {
      cells.withUnsafeMutableBufferPointer { buffer in
        parallel(8, scratchBytes: scratchBytes, buffer.baseAddress!) { base, chunk, _ in base[chunk] = 1 }
      }
    }
    #expect(takeScratchFailure() == nil)
    for bytes in [1 << 60, Int.max] {
      fill(scratchBytes: bytes)
      #expect(cells.allSatisfy { $0 == 0 })
      // Work that could be done is not begun either: it may use what has not been computed.
      fill(scratchBytes: 64)
      #expect(run(chunks: 3) == [0, 0, 0] && cells.allSatisfy { $0 == 0 })
      #expect(takeScratchFailure() == bytes)
      #expect(takeScratchFailure() == nil)
    }
    #expect(sharedScratch(bytes: 1 << 60) == nil)
    #expect(takeScratchFailure() == 1 << 60)
    fill(scratchBytes: 64)
    #expect(cells.allSatisfy { $0 == 1 } && sharedScratch(bytes: 64) != nil && takeScratchFailure() == nil)
  }

  /// Also when it fails inside of a chunk, whatever thread runs that.
  @Test func scratchThatFailsInAChunkIsReported() {
    threadCount = 4
    for _ in 0..<100 {
      parallel(16, ()) { _, chunk in if chunk == 9 { parallel(2, scratchBytes: 1 << 60, ()) { _, _, _ in } } }
      #expect(takeScratchFailure() == 1 << 60)
    }
    #expect(run(chunks: 16) == (0..<16).map { $0 * $0 })
  }

  /// The owner begins with the first chunks, workers behind the owner's share: where these had a part in it, the owner
  /// hardly comes as far as the last chunks.
  @Test func theOwnersShareComesFirst() {
    let before = threadCount
    defer { threadCount = before }
    threadCount = 2
    var (shared, apart) = (0, 0)
    // More tries than needed, as other tests keep the pool busy.
    for _ in 0..<200 where shared < 20 {
      var isOwners = [Bool](repeating: false, count: 64)
      isOwners.withUnsafeMutableBufferPointer { buffer in
        parallel(64, (buffer.baseAddress!, pthread_self())) { context, chunk in
          context.0[chunk] = pthread_self() == context.1
          usleep(200)
        }
      }
      if isOwners.contains(false) {
        shared += 1
        if isOwners[0] && !isOwners[56...].contains(true) { apart += 1 }
      }
    }
    #expect(shared == 20 && apart > 15)
  }

  @Test func aThreadLeavesItsProcessorAndKeepsItsMask() {
    let count = sbn_affinity_count()
    let moved = (0..<20).contains { _ in
      let processor = sbn_processor()
      sbn_leave_processor(processor)
      return sbn_processor() != processor
    }
    #expect(moved == (count > 1))
    #expect(sbn_affinity_count() == count)
    for processor: Int32 in [-1, 4_096, .max] { sbn_leave_processor(processor) }
    #expect(sbn_affinity_count() == count)
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
