import CPython
import Tensor

/// Memory of a large result. When the array in which Python sees it is gone, the memory is kept for the next result of
/// about that size: fresh memory would cost a page fault for every 4 KB, which takes longer than most kernels.
final class ResultMemory {
  /// Results of fewer bytes are left to NumPy's allocator, which reuses memory well.
  static let leastBytes = 1 << 20

  fileprivate let storage: Storage
  /// Bytes that the array shows, at most the storage's.
  let byteCount: Int

  init(byteCount: Int) throws {
    if let kept = KeptMemory.take(byteCount) {
      storage = kept
    } else {
      storage = try Storage(uninitialized: byteCount)
      storage.preferHugePages()
    }
    self.byteCount = byteCount
  }

  deinit { KeptMemory.give(storage) }
}

/// Memory of results that are gone, the oldest first. Only used by threads that hold Python's lock.
private enum KeptMemory {
  private static let mostBytes = 128 << 20
  nonisolated(unsafe) private static var blocks: [Storage] = []
  nonisolated(unsafe) private static var bytes = 0

  /// The smallest block that is large enough and not wasted; of several the last one given, which may be in the cache.
  static func take(_ wanted: Int) -> Storage? {
    let fitting = blocks.indices.reversed().filter {
      blocks[$0].byteCount >= wanted && blocks[$0].byteCount / 4 * 3 <= wanted
    }
    guard let index = fitting.min(by: { blocks[$0].byteCount < blocks[$1].byteCount }) else { return nil }
    let block = blocks.remove(at: index)
    bytes -= block.byteCount
    return block
  }

  static func give(_ block: Storage) {
    guard block.byteCount <= mostBytes else { return }
    blocks.append(block)
    bytes += block.byteCount
    while bytes > mostBytes { bytes -= blocks.removeFirst().byteCount }
  }
}

/// What an array over result memory has as its base; not made by users.
func makeResultMemoryType() throws -> Object {
  try makeType(
    "ResultMemory", doc: "Memory of a result, reused when the array is gone.",
    create: { _, _, _ in
      guarded { throw Failure.type("ResultMemory cannot be made from Python") }
    },
    buffer: { object, view, flags in
      guard let object, let view else { return -1 }
      view.pointee.obj = nil
      do {
        let memory = try unwrap(object, ResultMemory.self)
        return PyBuffer_FillInfo(view, object, memory.storage.pointer, memory.byteCount, 0, flags)
      } catch {
        _ = raise(error)
        return -1
      }
    })
}
