import Kernels
import Testing

/// Arrays that live as long as it or one of them does: one element past their allocation, with a guard on each side.
final class GuardedMemory {
  private var blocks: [UnsafeMutableRawPointer] = []
  deinit { blocks.forEach { $0.deallocate() } }

  func callAsFunction<T: KernelScalar>(_ values: [T]) -> GuardedArray<T> {
    let base = UnsafeMutablePointer<T>.allocate(capacity: values.count + 2)
    base.initialize(repeating: -7, count: values.count + 2)
    for (i, value) in values.enumerated() { base[i + 1] = value }
    blocks.append(UnsafeMutableRawPointer(base))
    return GuardedArray(p: base + 1, count: values.count, owner: self)
  }

  /// An output: NaN, so that nothing may be left unwritten.
  func callAsFunction<T: KernelScalar>(_ count: Int) -> GuardedArray<T> {
    self([T](repeating: .nan, count: count))
  }
}

struct GuardedArray<T: KernelScalar> {
  let p: UnsafeMutablePointer<T>
  let count: Int
  fileprivate let owner: GuardedMemory
  var values: [T] {
    #expect(p[-1] == -7 && p[count] == -7, "wrote outside")
    return (0..<count).map { p[$0] }
  }
}
