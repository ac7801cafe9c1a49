import Glibc
import Parallel
import Synchronization

/// A mutex. A forked child finds it open, even if another thread of the parent held it, which the child does not have.
final class Lock: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  /// Twice the number of forks for which the mutex was made; one less while it is being made.
  private let state: Atomic<Int>

  init() {
    pthread_mutex_init(mutex, nil)
    state = Atomic(2 * forkCount)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  func withLock<R>(_ body: () throws -> R) rethrows -> R {
    if state.load(ordering: .acquiring) != 2 * forkCount { renewInChild() }
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body()
  }

  private func renewInChild() {
    let wanted = 2 * forkCount
    while true {
      let present = state.load(ordering: .acquiring)
      if present == wanted { return }
      if present == wanted - 1 {
        sched_yield()
      } else if state.compareExchange(expected: present, desired: wanted - 1, ordering: .acquiring).exchanged {
        pthread_mutex_init(mutex, nil)
        state.store(wanted, ordering: .releasing)
        return
      }
    }
  }
}
