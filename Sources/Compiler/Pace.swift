/// How long a plan's last run took and when it ended, from which follows whether sleeping threads are woken for the next.
///
/// They are not for a run that is over before they could help, unless runs follow each other so closely that a thread
/// once woken stays awake for the next ones.
package struct Pace {
  /// Runs that take less, in nanoseconds, are over before a thread that is woken helps; see `lettingWorkersSleep`.
  package static let helpTime = 80_000
  /// Runs that follow each other by less find threads awake: somewhat less than these wait for work before they sleep.
  package static let awakeTime = 30_000

  private var duration = Int.max
  private var end = 0

  package init() {}

  /// Whether a run that begins at `start` should leave threads asleep. Times in nanoseconds.
  package func isBrief(start: Int) -> Bool { duration < Self.helpTime && start &- end > Self.awakeTime }

  package mutating func record(start: Int, end: Int) { (duration, self.end) = (end &- start, end) }
}
