import CIntrinsics

/// Runs a body in which numbers below the smallest normal one, read or computed, count as 0, on all threads that work for
/// it. On some processors arithmetic with such numbers is a hundred times slower.
@inline(__always)
public func flushingSubnormals<R>(_ body: () throws -> R) rethrows -> R {
  let state = sbn_float_state()
  sbn_set_float_state(state | 0x8040)
  defer { sbn_set_float_state(state) }
  return try body()
}
