import Glibc

/// Per-thread memory that grows to the largest request and is then reused, so that kernels do not allocate.
///
/// Nil is returned when there is no more memory, and the bytes asked for are kept until `takeFailure`.
enum Scratch {
  private static let localKey = makeKey { free($0) }
  private static let sharedKey = makeKey { free($0) }
  /// Its value is a number of bytes, not memory.
  private static let failureKey = makeKey(nil)

  /// For one chunk, on the thread that runs it.
  static func local(bytes: Int) -> UnsafeMutableRawPointer? {
    bytes == 0 ? nothing : buffer(localKey, bytes)
  }

  /// For a whole job, owned by the thread that starts it.
  static func shared(bytes: Int) -> UnsafeMutableRawPointer? { buffer(sharedKey, bytes) }

  static var hasFailed: Bool { pthread_getspecific(failureKey) != nil }

  static func recordFailure(bytes: Int) {
    pthread_setspecific(failureKey, UnsafeRawPointer(bitPattern: max(bytes, 1)))
  }

  static func takeFailure() -> Int? {
    guard let value = pthread_getspecific(failureKey) else { return nil }
    pthread_setspecific(failureKey, nil)
    return Int(bitPattern: value)
  }

  private static let header = 64
  /// Stands for scratch of no bytes.
  private static let nothing = UnsafeMutableRawPointer(bitPattern: 64)!

  private static func makeKey(_ end: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?) -> pthread_key_t {
    var key = pthread_key_t()
    pthread_key_create(&key, end)
    return key
  }

  /// The block holds its capacity in a header of one cache line.
  private static func buffer(_ key: pthread_key_t, _ bytes: Int) -> UnsafeMutableRawPointer? {
    if let block = pthread_getspecific(key) {
      if block.load(as: Int.self) >= bytes { return block + header }
      free(block)
      pthread_setspecific(key, nil)
    }
    let (padded, overflows) = max(bytes, 4096).addingReportingOverflow(4095 + header)
    guard !overflows, let block = aligned_alloc(64, padded & ~4095) else {
      recordFailure(bytes: bytes)
      return nil
    }
    block.storeBytes(of: (padded & ~4095) - header, as: Int.self)
    pthread_setspecific(key, block)
    return block + header
  }
}
