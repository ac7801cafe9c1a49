import Glibc

/// Memory owned by Swift, aligned to 64 bytes, zeroed.
public final class Storage {
  public static let alignment = 64

  public let pointer: UnsafeMutableRawPointer
  public let byteCount: Int

  public init(byteCount: Int) throws {
    let rounded = (max(byteCount, 1) + (Storage.alignment - 1)) & ~(Storage.alignment - 1)
    guard let memory = aligned_alloc(Storage.alignment, rounded) else {
      throw Failure(.memory, "cannot allocate \(byteCount) bytes")
    }
    memset(memory, 0, rounded)
    pointer = memory
    self.byteCount = byteCount
  }

  deinit { free(pointer) }
}
