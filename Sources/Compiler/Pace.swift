/// How long a plan's last run took and when it ended, from which follows whether sleeping threads are woken for the next.
///
/// They are not for a run that is over before they could help, unless runs follow each other so closely that a thread
/// once woken stays awake for the next ones.
package struct Pace {
  /// Until a thread that was woken works, in nanoseconds; see `lettingWorkersSleep`.
  package static let briefest = 80_000
  /// Less than a thread waits for work before it sleeps.
  package static let closest = 30_000

  private var duration = Int.max
  private var end = 0

  package init() {}

  /// Whether a run that begins at `start` should leave threads asleep. Times in nanoseconds.
  package func isBrief(start: Int) -> Bool { duration < Self.briefest && start &- end > Self.closest }

  package mutating func record(start: Int, end: Int) { (duration, self.end) = (end &- start, end) }
}
