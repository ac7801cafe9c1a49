import Glibc

/// Memory owned by Swift, aligned to 64 bytes.
public final class Storage {
  public static let alignment = 64

  public let pointer: UnsafeMutableRawPointer
  public let byteCount: Int

  /// Zeroed memory.
  public convenience init(byteCount: Int) throws {
    try self.init(uninitialized: byteCount)
    memset(pointer, 0, Storage.rounded(byteCount))
  }

  /// Memory with undefined contents.
  public init(uninitialized byteCount: Int) throws {
    guard let memory = aligned_alloc(Storage.alignment, Storage.rounded(byteCount)) else {
      throw Failure(.memory, "cannot allocate \(byteCount) bytes")
    }
    pointer = memory
    self.byteCount = byteCount
  }

  /// Has large memory that was not written to yet filled by pages of 2 MB instead of 4 KB, as NumPy does: fewer faults.
  public func preferHugePages() {
    guard byteCount >= 4 << 20 else { return }
    let start = (UInt(bitPattern: pointer) + 4095) & ~4095
    let end = (UInt(bitPattern: pointer) + UInt(byteCount)) & ~4095
    madvise(UnsafeMutableRawPointer(bitPattern: start), Int(end - start), Int32(MADV_HUGEPAGE))
  }

  deinit { free(pointer) }

  private static func rounded(_ byteCount: Int) -> Int { (max(byteCount, 1) + (alignment - 1)) & ~(alignment - 1) }
}
