/// Copies rows of `rowBytes` bytes: out[i] = source[rows[i]]. Indices must be in range.
public func gatherRows(
  _ source: UnsafeRawPointer, _ rows: UnsafePointer<Int64>, _ out: UnsafeMutableRawPointer, count: Int, rowBytes: Int
) {
  for i in 0..<count {
    (out + i &* rowBytes).copyMemory(from: source + Int(rows[i]) &* rowBytes, byteCount: rowBytes)
  }
}

/// out (outer, count, inner) = x (outer, n, inner) at indices along n, elements of `elementSize` bytes.
@_specialize(where I == Int32)
@_specialize(where I == Int64)
public func takeRows<I: FixedWidthInteger>(
  _ x: UnsafeRawPointer, _ indices: UnsafePointer<I>, _ out: UnsafeMutableRawPointer, outer: Int, n: Int, inner: Int,
  count: Int, elementSize: Int
) {
  let bytes = inner &* elementSize
  for o in 0..<outer {
    for i in 0..<count {
      (out + (o &* count &+ i) &* bytes).copyMemory(
        from: x + (o &* n &+ Int(truncatingIfNeeded: indices[i])) &* bytes, byteCount: bytes)
    }
  }
}

/// The adjoint of `takeRows`: dx (outer, n, inner) = 0, then dy's rows are added at their indices, in order.
@_specialize(where T == Float, I == Int32)
@_specialize(where T == Float, I == Int64)
@_specialize(where T == Double, I == Int32)
@_specialize(where T == Double, I == Int64)
public func takeRowsBackward<T: KernelScalar, I: FixedWidthInteger>(
  _ dy: UnsafePointer<T>, _ indices: UnsafePointer<I>, _ dx: UnsafeMutablePointer<T>, outer: Int, n: Int, inner: Int,
  count: Int
) {
  for i in 0..<(outer &* n &* inner) { dx[i] = 0 }
  for o in 0..<outer {
    for i in 0..<count {
      let row = dx + (o &* n &+ Int(truncatingIfNeeded: indices[i])) &* inner
      let from = dy + (o &* count &+ i) &* inner
      for j in 0..<inner { row[j] += from[j] }
    }
  }
}

/// y (count, depth) = 1 at each label, else 0; labels out of range give zeros.
@_specialize(where T == Float, I == Int32)
@_specialize(where T == Float, I == Int64)
@_specialize(where T == Double, I == Int32)
@_specialize(where T == Double, I == Int64)
public func oneHot<T: KernelScalar, I: FixedWidthInteger>(
  _ labels: UnsafePointer<I>, _ y: UnsafeMutablePointer<T>, count: Int, depth: Int
) {
  for i in 0..<(count &* depth) { y[i] = 0 }
  for i in 0..<count where labels[i] >= 0 && labels[i] < depth {
    y[i &* depth &+ Int(truncatingIfNeeded: labels[i])] = 1
  }
}
