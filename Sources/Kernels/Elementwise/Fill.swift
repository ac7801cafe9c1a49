import Parallel

/// `y[i] = value` for `0 ≤ i < n`.
@_specialize(where T == Float)
@_specialize(where T == Double)
@_specialize(where T == Int32)
@_specialize(where T == Int64)
@_specialize(where T == UInt8)
@_specialize(where T == UInt32)
public func fill<T: BitwiseCopyable>(_ y: UnsafeMutablePointer<T>, _ n: Int, _ value: T) {
  parallel(elementwiseChunks(n), (y, n, value)) { context, chunk in
    let (y, n, value) = context
    let start = chunk &* elementwiseChunk
    for i in start..<max(start, min(n, start &+ elementwiseChunk)) { y[i] = value }
  }
}
