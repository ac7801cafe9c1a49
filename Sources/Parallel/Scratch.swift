import Glibc

/// Per-thread memory that grows to the largest request and is then reused, so that kernels do not allocate.
enum Scratch {
  private static let localKey = makeKey()
  private static let sharedKey = makeKey()

  /// For one chunk, on the thread that runs it.
  static func local(bytes: Int) -> UnsafeMutableRawPointer { buffer(localKey, bytes) }

  /// For a whole job, owned by the thread that starts it.
  static func shared(bytes: Int) -> UnsafeMutableRawPointer { buffer(sharedKey, bytes) }

  private static let header = 64

  private static func makeKey() -> pthread_key_t {
    var key = pthread_key_t()
    pthread_key_create(&key) { free($0) }
    return key
  }

  /// The block holds its capacity in a header of one cache line.
  private static func buffer(_ key: pthread_key_t, _ bytes: Int) -> UnsafeMutableRawPointer {
    if let block = pthread_getspecific(key) {
      if block.load(as: Int.self) >= bytes { return block + header }
      free(block)
    }
    let capacity = (max(bytes, 4096) + 4095) & ~4095
    guard let block = aligned_alloc(64, capacity + header) else {
      // As with every allocation inside Swift's runtime there is nothing sensible left to do.
      fatalError("swiftbn: out of memory: cannot allocate \(capacity) bytes of scratch")
    }
    block.storeBytes(of: capacity, as: Int.self)
    pthread_setspecific(key, block)
    return block + header
  }
}
