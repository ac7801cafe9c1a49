/// Runs `body(context, chunk)` for every chunk in `0..<chunks`, on as many threads as are set and free.
///
/// Results must not depend on which thread runs a chunk or in which order: cut work into chunks by shape only, write
/// to disjoint memory, and combine partial results afterwards in chunk order. `body` must capture nothing (pass what it
/// needs in `context`): then the call allocates nothing.
public func parallel<Context>(
  _ chunks: Int, _ context: Context, _ body: @escaping (Context, Int) -> Void
) {
  if chunks == 1 {
    if !Scratch.hasFailed { body(context, 0) }
    return
  }
  withUnsafePointer(to: context) {
    ThreadPool.shared.run(PlainWork(context: $0, body: body), chunks: chunks, scratchBytes: 0)
  }
}

/// The same with `scratchBytes` of memory per thread, aligned to 64 bytes, contents undefined at each chunk's start.
/// Such work must not start further parallel work that needs scratch.
public func parallel<Context>(
  _ chunks: Int, scratchBytes: Int, _ context: Context,
  _ body: @escaping (Context, Int, UnsafeMutableRawPointer) -> Void
) {
  withUnsafePointer(to: context) {
    ThreadPool.shared.run(
      ScratchWork(context: $0, body: body), chunks: chunks, scratchBytes: scratchBytes)
  }
}

/// Memory for partial results of one job, aligned to 64 bytes, undefined contents. It belongs to the calling thread and
/// stays valid until that thread's next call. Nil when there is none: then the kernel returns at once.
public func sharedScratch(bytes: Int) -> UnsafeMutableRawPointer? { Scratch.shared(bytes: bytes) }

/// Bytes of scratch memory that could not be had in work begun by this thread, nil if all was there.
///
/// Kernels do not throw: from the first such failure on `parallel` does nothing on this thread, and what kernels wrote is
/// undefined. Whoever calls them asks afterwards, which ends that state, and throws.
public func takeScratchFailure() -> Int? { Scratch.takeFailure() }

/// Whether `takeScratchFailure` would return something.
public var hasScratchFailed: Bool { Scratch.hasFailed }

/// Threads that a job may use, the caller's included; clamped to 1...64.
public var threadCount: Int {
  get { ThreadPool.shared.threads }
  set { ThreadPool.shared.threads = newValue }
}

/// How many forks lie between this process and the one that loaded the library: what was locked before may be locked
/// by a thread that is no more.
public var forkCount: Int { ThreadPool.shared.forkCount }

private struct PlainWork<Context>: Work {
  let context: UnsafePointer<Context>
  let body: (Context, Int) -> Void
  func run(chunk: Int, scratch: UnsafeMutableRawPointer) { body(context.pointee, chunk) }
}

private struct ScratchWork<Context>: Work {
  let context: UnsafePointer<Context>
  let body: (Context, Int, UnsafeMutableRawPointer) -> Void
  func run(chunk: Int, scratch: UnsafeMutableRawPointer) { body(context.pointee, chunk, scratch) }
}
