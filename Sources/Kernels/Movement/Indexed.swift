import Parallel

/// `y[i, d] = labels[i] == d ? 1 : 0` for y of shape (n, depth). A label outside `0 ..< depth` gives a row of zeros.
@_specialize(where I == Int32, T == Float)
@_specialize(where I == Int32, T == Double)
@_specialize(where I == Int64, T == Float)
@_specialize(where I == Int64, T == Double)
public func oneHot<I: FixedWidthInteger, T: KernelScalar>(
  _ labels: UnsafePointer<I>, _ y: UnsafeMutablePointer<T>, _ n: Int, depth: Int
) {
  guard n > 0, depth > 0 else { return }
  let perChunk = max(1, elementwiseChunk / depth)
  parallel((n &+ perChunk &- 1) / perChunk, (labels, y, (n, depth, perChunk))) { context, chunk in
    let (labels, y, (n, depth, perChunk)) = context
    let (first, end) = (chunk &* perChunk, min(n, (chunk &+ 1) &* perChunk))
    (y + first &* depth).initialize(repeating: 0, count: (end &- first) &* depth)
    for i in first..<end {
      let label = Int(truncatingIfNeeded: labels[i])
      if label >= 0 && label < depth { y[i &* depth &+ label] = 1 }
    }
  }
}

/// `y[o, i] = x[o, indices[i]]` for x of shape (outer, axis, inner) and y of shape (outer, n, inner); `innerBytes` is
/// the size of one inner row. Indices must be in `0 ..< axis`; x and y do not overlap.
@_specialize(where I == Int32)
@_specialize(where I == Int64)
public func take<I: FixedWidthInteger>(
  _ x: UnsafeRawPointer, _ indices: UnsafePointer<I>, _ y: UnsafeMutableRawPointer, outer: Int, axis: Int, n: Int,
  innerBytes: Int
) {
  guard outer > 0, n > 0, innerBytes > 0 else { return }
  let rows = outer &* n
  let perChunk = max(1, 4 &* elementwiseChunk / innerBytes)
  parallel((rows &+ perChunk &- 1) / perChunk, (x, indices, y, (axis, n, innerBytes, rows, perChunk))) {
    context, chunk in
    let (x, indices, y, (axis, n, innerBytes, rows, perChunk)) = context
    let first = chunk &* perChunk
    var o = first / n
    var i = first &- o &* n
    for row in first..<min(rows, first &+ perChunk) {
      let source = x + (o &* axis &+ Int(truncatingIfNeeded: indices[i])) &* innerBytes
      let target = y + row &* innerBytes
      switch innerBytes {
      case 4: target.storeBytes(of: source.loadUnaligned(as: UInt32.self), as: UInt32.self)
      case 8: target.storeBytes(of: source.loadUnaligned(as: UInt64.self), as: UInt64.self)
      default: target.copyMemory(from: source, byteCount: innerBytes)
      }
      i &+= 1
      if i == n { (o, i) = (o &+ 1, 0) }
    }
  }
}

/// The adjoint of `take`: `dx[o, a] = Σ dy[o, i] over all i with indices[i] = a`, added in order of i, so that results
/// do not depend on the threads. dx has shape (outer, axis, inner), dy (outer, n, inner); they do not overlap.
@_specialize(where T == Float, I == Int32)
@_specialize(where T == Double, I == Int32)
@_specialize(where T == Float, I == Int64)
@_specialize(where T == Double, I == Int64)
public func takeBackward<T: KernelScalar, I: FixedWidthInteger>(
  _ dy: UnsafePointer<T>, _ indices: UnsafePointer<I>, _ dx: UnsafeMutablePointer<T>, outer: Int, axis: Int,
  n: Int, inner: Int
) {
  guard outer > 0, axis > 0, inner > 0 else { return }
  // A chunk owns a range of the axis and looks through all indices: more ranges only where rows are worth it.
  let ranges = max(1, min(16, axis, (axis &+ n) &* inner / elementwiseChunk))
  parallel(outer &* ranges, (dy, indices, dx, (axis, n, inner, ranges))) { context, chunk in
    let (dy, indices, dx, (axis, n, inner, ranges)) = context
    let o = chunk / ranges
    let range = chunk &- o &* ranges
    let (low, high) = (axis &* range / ranges, axis &* (range &+ 1) / ranges)
    let target = dx + o &* axis &* inner
    (target + low &* inner).initialize(repeating: 0, count: (high &- low) &* inner)
    for i in 0..<n {
      let index = Int(truncatingIfNeeded: indices[i])
      guard index >= low, index < high else { continue }
      let (row, gradient) = (target + index &* inner, dy + (o &* n &+ i) &* inner)
      if inner < T.Vector.scalarCount {
        for j in 0..<inner { row[j] += gradient[j] }
      } else {
        mapRun(BinaryFunctions.Add<T>(), UnsafePointer(row), gradient, row, inner)
      }
    }
  }
}
