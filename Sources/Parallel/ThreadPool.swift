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
///
/// The caller begins with the first chunks, workers begin behind its share, and who has finished there helps the other.
/// So a thread meets again in its own cache what it wrote in the job before and the weights it read in the last call:
/// between two cores a line takes 60 to 300 ns.
final class ThreadPool: @unchecked Sendable {
  static let maximumThreads = 64
  static let shared = ThreadPool()

  /// Turns of the idle loop before a worker sleeps: tens of microseconds.
  private static let spinTurns = 2_000
  /// Turns of the idle loop between two looks at the processor.
  private static let turnsPerLook = 64
  /// Least nanoseconds from one move of a worker to the next: the kernel has reasons of its own.
  private static let leastStay = 1_000_000

  private let threadCount = Atomic<Int>(0)
  private let forks = Atomic<Int>(0)
  /// Chunks not yet claimed of the present job. Claiming is one compare-exchange, so a claim proves that the job is
  /// still alive: its owner waits until every claimed chunk is done. What is known of the job is read after that.
  private let unclaimed = Atomic<Unclaimed>(Unclaimed(front: 0, back: 0))
  private let completed = Atomic<Int>(0)
  private let isBusy = Atomic<Bool>(false)
  private let sleepers = Atomic<Int>(0)
  /// Where the owner of the last job was.
  private let ownerProcessor = Atomic<Int32>(-1)
  /// Bytes of scratch that chunks of the present job could not have.
  private let missingBytes = Atomic<Int>(0)

  // Written by the job's owner before it publishes the chunks; read by those who claimed a chunk.
  private var work: (any Work)?
  private var chunkCount = 0
  /// Chunks of the owner's share; those of the workers' follow them.
  private var frontCount = 0
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
    unclaimed.store(Unclaimed(front: 0, back: 0), ordering: .relaxed)
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
    let threads = threads
    if chunks <= 1 || threads == 1 || chunks > Int(UInt32.max)
      || !isBusy.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
    {
      for chunk in 0..<max(chunks, 0) { job.run(chunk: chunk, scratch: scratch) }
      return
    }
    startWorkers(threads - 1)
    work = job
    chunkCount = chunks
    frontCount = (chunks &- 1) / threads &+ 1
    self.scratchBytes = scratchBytes
    floatState = sbn_float_state()
    completed.store(0, ordering: .relaxed)
    ownerProcessor.store(sbn_processor(), ordering: .relaxed)
    unclaimed.store(Unclaimed(front: frontCount, back: chunks &- frontCount), ordering: .sequentiallyConsistent)
    if sleepers.load(ordering: .sequentiallyConsistent) > 0 && !Drowsiness.isSet {
      // Who counts as asleep waits from here on, or has seen the chunks; it need not wait for the lock when it wakes.
      pthread_mutex_lock(mutex)
      pthread_mutex_unlock(mutex)
      pthread_cond_broadcast(wake)
    }
    drain(fromFront: true)
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
  private func drain(fromFront: Bool) -> Bool {
    var didWork = false
    var current = unclaimed.load(ordering: .acquiring)
    while !current.isEmpty {
      let takesFront = current.front != 0 && (fromFront || current.back == 0)
      let claim = unclaimed.weakCompareExchange(
        expected: current, desired: current.without(front: takesFront), ordering: .acquiringAndReleasing)
      guard claim.exchanged else {
        current = claim.original
        continue
      }
      didWork = true
      let chunk = takesFront ? frontCount - Int(current.front) : chunkCount - Int(current.back)
      if sbn_float_state() != floatState { sbn_set_float_state(floatState) }
      if let scratch = Scratch.local(bytes: scratchBytes) { work!.run(chunk: chunk, scratch: scratch) }
      if let bytes = Scratch.takeFailure() { missingBytes.store(bytes, ordering: .relaxed) }
      completed.wrappingAdd(1, ordering: .releasing)
      current = unclaimed.load(ordering: .acquiring)
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
    var lastMove = 0
    while true {
      if drain(fromFront: false) {
        idle = 0
        continue
      }
      idle += 1
      if idle < Self.spinTurns {
        if idle % Self.turnsPerLook == 0 { leaveOwnersProcessor(&lastMove) } else { sbn_pause() }
        continue
      }
      pthread_mutex_lock(mutex)
      sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
      if unclaimed.load(ordering: .sequentiallyConsistent).isEmpty {
        pthread_cond_wait(wake, mutex)
      }
      sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent)
      pthread_mutex_unlock(mutex)
      leaveOwnersProcessor(&lastMove)
      idle = 0
    }
  }

  /// Wakes a worker elsewhere that the kernel has put on the processor of the job's owner, as it likes to do: there each
  /// would wait while the other spins, and the kernel takes long to see that another processor is idle.
  private func leaveOwnersProcessor(_ lastMove: inout Int) {
    let processor = sbn_processor()
    guard processor == ownerProcessor.load(ordering: .relaxed) else { return }
    let now = nanoseconds()
    if now &- lastMove > Self.leastStay {
      lastMove = now
      sbn_leave_processor(processor)
    } else {
      sched_yield()
    }
  }
}

/// Chunks that nobody has claimed, of the owner's share and of the workers'.
private struct Unclaimed: AtomicRepresentable {
  typealias AtomicRepresentation = UInt64.AtomicRepresentation

  private let counts: UInt64

  init(front: Int, back: Int) { counts = UInt64(back) << 32 | UInt64(front) }
  private init(counts: UInt64) { self.counts = counts }

  var front: UInt64 { counts & 0xffff_ffff }
  var back: UInt64 { counts >> 32 }
  var isEmpty: Bool { counts == 0 }

  func without(front: Bool) -> Unclaimed { Unclaimed(counts: counts &- (front ? 1 : 1 << 32)) }

  static func encodeAtomicRepresentation(_ value: consuming Unclaimed) -> AtomicRepresentation {
    UInt64.encodeAtomicRepresentation(value.counts)
  }

  static func decodeAtomicRepresentation(_ representation: consuming AtomicRepresentation) -> Unclaimed {
    Unclaimed(counts: UInt64.decodeAtomicRepresentation(representation))
  }
}
