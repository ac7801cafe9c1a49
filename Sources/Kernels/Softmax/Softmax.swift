import Parallel

/// y[r, k] = e^x[r, k] / Σⱼ e^x[r, j], stable for any size of x. A row with NaN or +∞, or of -∞ only, gives NaN.
///
/// x, y [rows, n]; x and y may be equal.
@_specialize(where T == Float) @_specialize(where T == Double)
public func softmax<T: KernelScalar>(_ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, rows: Int, n: Int) {
  T.requireSpecialization()
  let perChunk = rowsPerChunk(n)
  parallel(chunkCount(rows, perChunk), (x, y, rows, n, perChunk)) { context, chunk in
    let (x, y, rows, n, perChunk) = context
    for row in chunk &* perChunk..<min(rows, (chunk &+ 1) &* perChunk) {
      _ = softmaxRow(x + row &* n, y + row &* n, n, rowMaximum(x + row &* n, n))
    }
  }
}

/// y[r, k] = x[r, k] - log Σⱼ e^x[r, j], stable for any size of x. NaN as in `softmax`.
///
/// x, y [rows, n]; x and y may be equal.
@_specialize(where T == Float) @_specialize(where T == Double)
public func logSoftmax<T: KernelScalar>(_ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, rows: Int, n: Int) {
  T.requireSpecialization()
  let perChunk = rowsPerChunk(n)
  parallel(chunkCount(rows, perChunk), (x, y, rows, n, perChunk)) { context, chunk in
    let (x, y, rows, n, perChunk) = context
    for row in chunk &* perChunk..<min(rows, (chunk &+ 1) &* perChunk) {
      logSoftmaxRow(x + row &* n, y + row &* n, n)
    }
  }
}

/// Gradient of `softmax` from its result: dx = y · (dy - Σⱼ dy·y), row by row.
///
/// dy, y, dx [rows, n]; dx may be equal to dy or y.
@_specialize(where T == Float) @_specialize(where T == Double)
public func softmaxBackward<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ y: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, rows: Int, n: Int
) {
  T.requireSpecialization()
  let perChunk = rowsPerChunk(n)
  parallel(chunkCount(rows, perChunk), (dy, y, dx, rows, n, perChunk)) { context, chunk in
    let (dy, y, dx, rows, n, perChunk) = context
    for row in chunk &* perChunk..<min(rows, (chunk &+ 1) &* perChunk) {
      softmaxBackwardRow(dy + row &* n, y + row &* n, dx + row &* n, n)
    }
  }
}

/// Rows of n elements that one chunk works on: about ten microseconds.
@inline(__always)
func rowsPerChunk(_ n: Int) -> Int { max(1, 16_384 / max(1, n)) }

@inline(__always)
func chunkCount(_ rows: Int, _ perChunk: Int) -> Int { (rows &+ perChunk &- 1) / perChunk }

/// Softmax of one row with maximum m; returns Σ e^(x - m).
@inline(never)
func softmaxRow<T: KernelScalar>(_ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ n: Int, _ m: T) -> Double {
  let sum = storeExponentials(x, y, n, m)
  scaleRow(y, n, T(1 / sum))
  return sum
}

@inline(never)
private func logSoftmaxRow<T: KernelScalar>(_ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ n: Int) {
  let width = T.Vector.scalarCount
  let m = rowMaximum(x, n)
  let shift = T.Vector(repeating: m)
  let logSum = T.Vector(repeating: T(scalarLog(sumOfExponentials(x, n, m))))
  var i = 0
  while i &+ width <= n {
    y.store((x.vector(at: i) - shift) - logSum, at: i)
    i &+= width
  }
  if i < n { y.store(n &- i, of: (x.lanes(n &- i, at: i, else: 0) - shift) - logSum, at: i) }
}

@inline(never)
private func softmaxBackwardRow<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ y: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ n: Int
) {
  let width = T.Vector.scalarCount
  let mean = T.Vector(repeating: T(rowDot(dy, y, n, isProduct: true)))
  var i = 0
  while i &+ width <= n {
    dx.store(y.vector(at: i) * (dy.vector(at: i) - mean), at: i)
    i &+= width
  }
  let rest = n &- i
  if rest > 0 { dx.store(rest, of: y.lanes(rest, at: i, else: 0) * (dy.lanes(rest, at: i, else: 0) - mean), at: i) }
}
