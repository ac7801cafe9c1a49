import Parallel

/// What happens to an element that a row is scattered to.
public enum ScatterOperation: UInt8, CaseIterable, Sendable { case set, add, multiply, max, min }

/// An element that rows are combined in; integers wrap on overflow.
public protocol ScatterElement: Comparable, BitwiseCopyable {
  static func sum(_ a: Self, _ b: Self) -> Self
  static func product(_ a: Self, _ b: Self) -> Self
}

extension ScatterElement where Self: BinaryFloatingPoint {
  @inline(__always) public static func sum(_ a: Self, _ b: Self) -> Self { a + b }
  @inline(__always) public static func product(_ a: Self, _ b: Self) -> Self { a * b }
}

extension ScatterElement where Self: FixedWidthInteger {
  @inline(__always) public static func sum(_ a: Self, _ b: Self) -> Self { a &+ b }
  @inline(__always) public static func product(_ a: Self, _ b: Self) -> Self { a &* b }
}

extension Float: ScatterElement {}
extension Double: ScatterElement {}
extension Int32: ScatterElement {}
extension Int64: ScatterElement {}

/// y = x, and then row `indices[i]` of y is combined with row i of `updates`, in order of i, so that results do not
/// depend on the threads; NaN stays in max and min. x and y have `rows` rows of `inner` elements, `updates` has n.
/// Indices must be in `0 ..< rows`; y may equal x.
@_specialize(where T == Float)
@_specialize(where T == Double)
@_specialize(where T == Int32)
@_specialize(where T == Int64)
public func scatter<T: ScatterElement>(
  _ op: ScatterOperation, _ x: UnsafePointer<T>, _ indices: UnsafePointer<Int64>, _ updates: UnsafePointer<T>,
  _ y: UnsafeMutablePointer<T>, rows: Int, n: Int, inner: Int
) {
  guard rows > 0, inner > 0 else { return }
  // A chunk owns a range of rows and looks through all indices: more ranges only where rows are worth it.
  let ranges = max(1, min(16, rows, (rows &+ n) &* inner / elementwiseChunk))
  parallel(ranges, (op, x, indices, updates, y, (rows, n, inner, ranges))) { context, range in
    let (op, x, indices, updates, y, (rows, n, inner, ranges)) = context
    let (low, high) = (rows &* range / ranges, rows &* (range &+ 1) / ranges)
    if UnsafePointer(y) != x {
      (y + low &* inner).update(from: x + low &* inner, count: (high &- low) &* inner)
    }
    for i in 0..<n {
      let index = Int(indices[i])
      guard index >= low, index < high else { continue }
      let (row, update) = (y + index &* inner, updates + i &* inner)
      switch op {
      case .set: for j in 0..<inner { row[j] = update[j] }
      case .add: for j in 0..<inner { row[j] = T.sum(row[j], update[j]) }
      case .multiply: for j in 0..<inner { row[j] = T.product(row[j], update[j]) }
      case .max: for j in 0..<inner where !(update[j] <= row[j]) && row[j] == row[j] { row[j] = update[j] }
      case .min: for j in 0..<inner where !(update[j] >= row[j]) && row[j] == row[j] { row[j] = update[j] }
      }
    }
  }
}

/// Gradient of the updates of `scatter(.set)`: row `indices[i]` of dy for the last i that has this index, else zeros.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func scatterSetBackward<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ indices: UnsafePointer<Int64>, _ du: UnsafeMutablePointer<T>, rows: Int, n: Int, inner: Int
) {
  T.requireSpecialization()
  guard rows > 0, n > 0, inner > 0 else { return }
  guard let last = sharedScratch(bytes: rows &* MemoryLayout<Int>.stride)?.assumingMemoryBound(to: Int.self) else {
    return
  }
  for i in 0..<n { last[Int(indices[i])] = i }
  let perChunk = max(1, elementwiseChunk / inner)
  parallel((n &+ perChunk &- 1) / perChunk, (dy, indices, du, last, (n, inner, perChunk))) { context, chunk in
    let (dy, indices, du, last, (n, inner, perChunk)) = context
    for i in chunk &* perChunk..<min(n, (chunk &+ 1) &* perChunk) {
      let row = Int(indices[i])
      if last[row] == i {
        (du + i &* inner).update(from: dy + row &* inner, count: inner)
      } else {
        (du + i &* inner).update(repeating: 0, count: inner)
      }
    }
  }
}
