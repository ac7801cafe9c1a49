import CIntrinsics
import Glibc
import Synchronization

/// One piece of parallel work with its types erased. Conforming structs fit an existential's inline buffer (three
/// words), so that handing work out allocates nothing.
protocol Work {
  func run(chunk: Int, scratch: UnsafeMutableRawPointer)
}

/// The process's worker threads. Chunks of one job at a time are handed out dynamically; a caller that finds the pool
/// busy, or calls from inside a chunk, runs its chunks itself. Workers start with the first job, spin briefly for the
/// next one, then sleep. A forked child starts with no workers and makes its own.
final class ThreadPool: @unchecked Sendable {
  static let maximumThreads = 64
  static let shared = ThreadPool()

  /// Turns of the idle loop before a worker sleeps: tens of microseconds.
  private static let spinTurns = 2_000

  private let threadCount = Atomic<Int>(0)
  private let forks = Atomic<Int>(0)
  /// High half: number of the job; low half: chunks not yet claimed. Claiming is one compare-exchange, so a claim
  /// proves that the job is still alive: its owner waits until every claimed chunk is done.
  private let ticket = Atomic<UInt64>(0)
  private let completed = Atomic<Int>(0)
  private let isBusy = Atomic<Bool>(false)
  private let sleepers = Atomic<Int>(0)
  /// Bytes of scratch that chunks of the present job could not have.
  private let missingBytes = Atomic<Int>(0)

  // Written by the job's owner before it publishes the ticket; read by those who claimed a chunk.
  private var work: (any Work)?
  private var chunkCount = 0
  private var scratchBytes = 0
  /// The owner's floating-point control word, which holds for all threads of the job.
  private var floatState: UInt32 = 0

  private var workerCount = 0
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  private init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(wake, nil)
    threadCount.store(defaultThreadCount(), ordering: .relaxed)
    pthread_atfork(nil, nil) { ThreadPool.shared.resetInChild() }
  }

  /// Threads that may work on a job, the caller's included.
  var threads: Int {
    get { threadCount.load(ordering: .relaxed) }
    set { threadCount.store(max(1, min(newValue, Self.maximumThreads)), ordering: .relaxed) }
  }

  /// How many forks lie between this process and the one that loaded the library.
  var forkCount: Int { forks.load(ordering: .relaxed) }

  /// Only the forking thread lives on in the child: forget workers, jobs and locks of the parent.
  private func resetInChild() {
    forks.wrappingAdd(1, ordering: .relaxed)
    workerCount = 0
    work = nil
    ticket.store(0, ordering: .relaxed)
    completed.store(0, ordering: .relaxed)
    sleepers.store(0, ordering: .relaxed)
    missingBytes.store(0, ordering: .relaxed)
    isBusy.store(false, ordering: .relaxed)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(wake, nil)
  }

  /// Does nothing once scratch memory has failed on this thread; see `takeScratchFailure`.
  func run(_ job: any Work, chunks: Int, scratchBytes: Int) {
    guard !Scratch.hasFailed, let scratch = Scratch.local(bytes: scratchBytes) else { return }
    if chunks <= 1 || threads == 1
      || !isBusy.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
    {
      for chunk in 0..<max(chunks, 0) { job.run(chunk: chunk, scratch: scratch) }
      return
    }
    startWorkers(threads - 1)
    work = job
    chunkCount = chunks
    self.scratchBytes = scratchBytes
    floatState = sbn_float_state()
    completed.store(0, ordering: .relaxed)
    let number = (ticket.load(ordering: .relaxed) >> 32) &+ 1
    ticket.store(number << 32 | UInt64(chunks), ordering: .sequentiallyConsistent)
    if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
      pthread_mutex_lock(mutex)
      pthread_cond_broadcast(wake)
      pthread_mutex_unlock(mutex)
    }
    drain()
    var turns = 0
    while completed.load(ordering: .acquiring) < chunks {
      turns += 1
      if turns < Self.spinTurns { sbn_pause() } else { sched_yield() }
    }
    work = nil
    let missing = missingBytes.exchange(0, ordering: .relaxed)
    isBusy.store(false, ordering: .releasing)
    if missing > 0 { Scratch.recordFailure(bytes: missing) }
  }

  /// Claims and runs chunks until none is left; false when there was none at all.
  @discardableResult
  private func drain() -> Bool {
    var didWork = false
    var current = ticket.load(ordering: .acquiring)
    while current & 0xffff_ffff != 0 {
      let claim = ticket.weakCompareExchange(
        expected: current, desired: current &- 1, ordering: .acquiringAndReleasing)
      guard claim.exchanged else {
        current = claim.original
        continue
      }
      didWork = true
      let chunk = chunkCount - Int(current & 0xffff_ffff)
      if sbn_float_state() != floatState { sbn_set_float_state(floatState) }
      if let scratch = Scratch.local(bytes: scratchBytes) { work!.run(chunk: chunk, scratch: scratch) }
      if let bytes = Scratch.takeFailure() { missingBytes.store(bytes, ordering: .relaxed) }
      completed.wrappingAdd(1, ordering: .releasing)
      current = ticket.load(ordering: .acquiring)
    }
    return didWork
  }

  private func startWorkers(_ wanted: Int) {
    while workerCount < wanted {
      var thread = pthread_t()
      let failure = pthread_create(&thread, nil, { _ in ThreadPool.shared.serve() }, nil)
      // Without more threads the job still finishes: the caller drains it.
      guard failure == 0 else { return }
      pthread_detach(thread)
      workerCount += 1
    }
  }

  private func serve() -> Never {
    var idle = 0
    while true {
      if drain() {
        idle = 0
        continue
      }
      idle += 1
      if idle < Self.spinTurns {
        sbn_pause()
        continue
      }
      pthread_mutex_lock(mutex)
      sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
      if ticket.load(ordering: .sequentiallyConsistent) & 0xffff_ffff == 0 {
        pthread_cond_wait(wake, mutex)
      }
      sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent)
      pthread_mutex_unlock(mutex)
      idle = 0
    }
  }
}
