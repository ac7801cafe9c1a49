import Parallel

/// A value and where it came from.
private struct Keyed<T: Comparable & BitwiseCopyable> {
  let value: T
  let index: Int64
}

/// Whether `a` has to come before `b`: NaN is the largest, as in NumPy.
@inline(__always)
private func precedes<T: Comparable>(_ a: T, _ b: T, _ descending: Bool) -> Bool {
  descending ? a > b || (a != a && b == b) : a < b || (b != b && a == a)
}

/// `y[o, ·, i]` = the indices that sort `x[o, ·, i]` for x of shape (outer, n, inner). Equal elements keep their order;
/// NaN counts as the largest element.
@_specialize(where T == Float)
@_specialize(where T == Double)
@_specialize(where T == Int32)
@_specialize(where T == Int64)
public func argSort<T: Comparable & BitwiseCopyable>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<Int64>, outer: Int, n: Int, inner: Int, descending: Bool
) {
  let runs = outer &* inner
  guard runs > 0, n > 0 else { return }
  let perChunk = max(1, elementwiseChunk / n)
  parallel(
    (runs &+ perChunk &- 1) / perChunk, scratchBytes: 2 &* n &* MemoryLayout<Keyed<T>>.stride,
    (x, y, (runs, n, inner, perChunk, descending))
  ) { context, chunk, scratch in
    let (x, y, (runs, n, inner, perChunk, descending)) = context
    let items = scratch.assumingMemoryBound(to: Keyed<T>.self)
    for run in chunk &* perChunk..<min(runs, (chunk &+ 1) &* perChunk) {
      let o = run / inner
      let start = o &* n &* inner &+ (run &- o &* inner)
      for k in 0..<n { items[k] = Keyed(value: x[start &+ k &* inner], index: Int64(k)) }
      let sorted = mergeSort(items, items + n, n, descending)
      for k in 0..<n { y[start &+ k &* inner] = sorted[k].index }
    }
  }
}

/// Sorts between two buffers of `n` items, bottom up from short runs sorted by insertion; returns the buffer that holds
/// the result.
@inline(__always)
private func mergeSort<T: Comparable & BitwiseCopyable>(
  _ a: UnsafeMutablePointer<Keyed<T>>, _ b: UnsafeMutablePointer<Keyed<T>>, _ n: Int, _ descending: Bool
) -> UnsafeMutablePointer<Keyed<T>> {
  var width = 16
  var first = 0
  while first < n {
    let end = min(n, first &+ width)
    for k in first &+ 1..<max(first &+ 1, end) {
      let item = a[k]
      var hole = k
      while hole > first, precedes(item.value, a[hole &- 1].value, descending) {
        a[hole] = a[hole &- 1]
        hole &-= 1
      }
      a[hole] = item
    }
    first = end
  }
  var (source, target) = (a, b)
  while width < n {
    var low = 0
    while low < n {
      let middle = min(n, low &+ width)
      let high = min(n, middle &+ width)
      var (left, right) = (low, middle)
      for k in low..<high {
        let takesRight =
          right < high && (left == middle || precedes(source[right].value, source[left].value, descending))
        target[k] = source[takesRight ? right : left]
        if takesRight { right &+= 1 } else { left &+= 1 }
      }
      low = high
    }
    (source, target) = (target, source)
    width &*= 2
  }
  return source
}

/// `y[i]` = the position in `sorted` (of `m` ascending elements, NaN last) at which `values[i]` would be inserted:
/// before equal elements, or behind them when `right`.
@_specialize(where T == Float)
@_specialize(where T == Double)
@_specialize(where T == Int32)
@_specialize(where T == Int64)
public func searchSorted<T: Comparable & BitwiseCopyable>(
  _ sorted: UnsafePointer<T>, _ m: Int, _ values: UnsafePointer<T>, _ y: UnsafeMutablePointer<Int64>, _ n: Int,
  right: Bool
) {
  parallel(elementwiseChunks(n), (sorted, values, y, (m, n, right))) { context, chunk in
    let (sorted, values, y, (m, n, right)) = context
    let start = chunk &* elementwiseChunk
    for i in start..<max(start, min(n, start &+ elementwiseChunk)) {
      let value = values[i]
      var (low, high) = (0, m)
      while low < high {
        let middle = (low &+ high) / 2
        let isBefore = right ? !precedes(value, sorted[middle], false) : precedes(sorted[middle], value, false)
        if isBefore { low = middle &+ 1 } else { high = middle }
      }
      y[i] = Int64(low)
    }
  }
}
