import Glibc

/// Jobs that this thread begins in the body are left to those workers that are awake: for work that is done before a
/// sleeper could help. (To wake one takes the caller about 8 µs, and 7 to 60 µs pass until it works.)
public func lettingWorkersSleep<R>(_ body: () throws -> R) rethrows -> R {
  let before = Drowsiness.isSet
  Drowsiness.set(true)
  defer { Drowsiness.set(before) }
  return try body()
}

/// Whether jobs of the calling thread wake nobody.
enum Drowsiness {
  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    pthread_key_create(&key, nil)
    return key
  }()

  static var isSet: Bool { pthread_getspecific(key) != nil }

  static func set(_ value: Bool) { pthread_setspecific(key, UnsafeRawPointer(bitPattern: value ? 1 : 0)) }
}
