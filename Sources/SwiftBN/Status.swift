// swift-format-ignore-file: AlwaysUseLowerCamelCase
// The names are those of swiftbn.h.
import CSwiftBN
import Glibc
import Runtime
import Tensor

/// The text of the last failure, one per thread, freed with the thread.
private let lastErrorKey: pthread_key_t = {
  var key = pthread_key_t()
  pthread_key_create(&key) { free($0) }
  return key
}()

/// Runs the body of a C function: failures become a status and a text.
func guarded(_ body: () throws -> Void) -> swiftbn_status {
  do { try body() } catch {
    let failure = error as? Failure ?? .runtime("\(error)")
    free(pthread_getspecific(lastErrorKey))
    pthread_setspecific(lastErrorKey, strdup(failure.message))
    return swiftbn_status(rawValue: UInt32(failure.kind.rawValue))
  }
  return SWIFTBN_OK
}

/// A pointer that must not be NULL.
func required<Pointer>(_ pointer: Pointer?, _ argument: @autoclosure () -> String) throws -> Pointer {
  guard let pointer else { throw Failure.value("\(argument()) is NULL") }
  return pointer
}

/// A text that stays for the life of the process.
private func permanent(_ text: String) -> UnsafePointer<CChar> { UnsafePointer(strdup(text)!) }

private nonisolated(unsafe) let empty = permanent("")
private nonisolated(unsafe) let version = permanent(Configuration.version)
private nonisolated(unsafe) let isaLevel = permanent(Configuration.isaLevel)
private nonisolated(unsafe) let operationNames = Configuration.operationNames.map(permanent)

@c @implementation
public func swiftbn_last_error() -> UnsafePointer<CChar>! {
  guard let text = pthread_getspecific(lastErrorKey) else { return empty }
  return UnsafePointer(text.assumingMemoryBound(to: CChar.self))
}

@c @implementation
public func swiftbn_version() -> UnsafePointer<CChar>! { version }

@c @implementation
public func swiftbn_isa_level() -> UnsafePointer<CChar>! { isaLevel }

@c @implementation
public func swiftbn_get_num_threads() -> Int { Configuration.threadCount }

@c @implementation
public func swiftbn_set_num_threads(_ threads: Int) -> swiftbn_status {
  guarded {
    guard threads >= 1 else {
      throw Failure.value("swiftbn_set_num_threads: threads is \(UInt(bitPattern: threads)), expected 1 or more")
    }
    Configuration.threadCount = threads
  }
}

@c @implementation
public func swiftbn_operation_count() -> Int { operationNames.count }

@c @implementation
public func swiftbn_operation_name(_ index: Int) -> UnsafePointer<CChar>! {
  operationNames.indices.contains(index) ? operationNames[index] : nil
}
