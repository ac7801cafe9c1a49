import Parallel

/// `y[o, k, i] = x[o, indices[o, k, i], i]` for x of shape (outer, axis, inner), y and indices of shape
/// (outer, n, inner). Indices must be in `0 ..< axis`; x and y do not overlap.
@_specialize(where T == UInt8)
@_specialize(where T == Int32)
@_specialize(where T == Int64)
public func takeAlong<T: BitwiseCopyable>(
  _ x: UnsafePointer<T>, _ indices: UnsafePointer<Int64>, _ y: UnsafeMutablePointer<T>, outer: Int, axis: Int, n: Int,
  inner: Int
) {
  let rows = outer &* n
  guard rows > 0, inner > 0 else { return }
  let perChunk = max(1, elementwiseChunk / inner)
  parallel((rows &+ perChunk &- 1) / perChunk, (x, indices, y, (axis, n, inner, rows, perChunk))) { context, chunk in
    let (x, indices, y, (axis, n, inner, rows, perChunk)) = context
    for row in chunk &* perChunk..<min(rows, (chunk &+ 1) &* perChunk) {
      let source = x + row / n &* axis &* inner
      let (picks, target) = (indices + row &* inner, y + row &* inner)
      for i in 0..<inner { target[i] = source[Int(picks[i]) &* inner &+ i] }
    }
  }
}

/// The adjoint of `takeAlong`: `dx[o, a, i] = Σ dy[o, k, i] over all k with indices[o, k, i] = a`, added in order of k.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func takeAlongBackward<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ indices: UnsafePointer<Int64>, _ dx: UnsafeMutablePointer<T>, outer: Int, axis: Int,
  n: Int, inner: Int
) {
  T.requireSpecialization()
  guard outer > 0, axis > 0, inner > 0 else { return }
  let perChunk = max(1, elementwiseChunk / ((axis &+ n) &* inner))
  parallel((outer &+ perChunk &- 1) / perChunk, (dy, indices, dx, (outer, axis, n, inner, perChunk))) {
    context, chunk in
    let (dy, indices, dx, (outer, axis, n, inner, perChunk)) = context
    for o in chunk &* perChunk..<min(outer, (chunk &+ 1) &* perChunk) {
      let target = dx + o &* axis &* inner
      target.initialize(repeating: 0, count: axis &* inner)
      for k in o &* n..<(o &+ 1) &* n {
        let (picks, gradient) = (indices + k &* inner, dy + k &* inner)
        for i in 0..<inner { target[Int(picks[i]) &* inner &+ i] += gradient[i] }
      }
    }
  }
}
