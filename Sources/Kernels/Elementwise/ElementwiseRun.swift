import Parallel

/// Elements of one chunk of elementwise work: large enough to pay for handing it out, small enough to balance.
let elementwiseChunk = 1 << 15

/// Number of chunks for `n` elements; at least one, so that empty work runs (and does nothing) on the caller.
@inline(__always)
func elementwiseChunks(_ n: Int) -> Int { max(1, (n &+ elementwiseChunk &- 1) / elementwiseChunk) }

/// A lane-wise function of one vector.
protocol UnaryFunction<Scalar> {
  associatedtype Scalar: KernelScalar
  func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector
}

/// A lane-wise function of two vectors.
protocol BinaryFunction<Scalar> {
  associatedtype Scalar: KernelScalar
  func callAsFunction(_ a: Scalar.Vector, _ b: Scalar.Vector) -> Scalar.Vector
}

extension UnsafePointer where Pointee: KernelScalar {
  /// The first `count` elements (1 ≤ count < vector width); the other lanes repeat the first element, so that they
  /// take no path of their own.
  @inline(__always)
  func vectorPrefix(_ count: Int) -> Pointee.Vector {
    var vector = Pointee.Vector(repeating: self[0])
    withUnsafeMutableBytes(of: &vector) {
      $0.baseAddress!.copyMemory(from: self, byteCount: count &* MemoryLayout<Pointee>.stride)
    }
    return vector
  }
}

extension UnsafeMutablePointer where Pointee: KernelScalar {
  /// Stores the first `count` lanes.
  @inline(__always)
  func storePrefix(_ vector: Pointee.Vector, _ count: Int) {
    withUnsafeBytes(of: vector) {
      UnsafeMutableRawPointer(self).copyMemory(
        from: $0.baseAddress!, byteCount: count &* MemoryLayout<Pointee>.stride)
    }
  }
}

/// `y[i] = f(x[i])`; y may equal x. The last, incomplete vector overlaps the one before it: it is computed first, while
/// its inputs are intact, and stored last.
@inline(__always)
func mapRun<F: UnaryFunction>(
  _ f: F, _ x: UnsafePointer<F.Scalar>, _ y: UnsafeMutablePointer<F.Scalar>, _ n: Int
) {
  let width = F.Scalar.Vector.scalarCount
  guard n >= width else {
    if n > 0 { y.storePrefix(f(x.vectorPrefix(n)), n) }
    return
  }
  let last = f(x.vector(at: n &- width))
  var i = 0
  while i &+ width < n {
    y.store(f(x.vector(at: i)), at: i)
    i &+= width
  }
  y.store(last, at: n &- width)
}

/// `out[i] = f(a[i], b[i])`; out may equal a or b.
@inline(__always)
func mapRun<F: BinaryFunction>(
  _ f: F, _ a: UnsafePointer<F.Scalar>, _ b: UnsafePointer<F.Scalar>, _ out: UnsafeMutablePointer<F.Scalar>, _ n: Int
) {
  let width = F.Scalar.Vector.scalarCount
  guard n >= width else {
    if n > 0 { out.storePrefix(f(a.vectorPrefix(n), b.vectorPrefix(n)), n) }
    return
  }
  let last = f(a.vector(at: n &- width), b.vector(at: n &- width))
  var i = 0
  while i &+ width < n {
    out.store(f(a.vector(at: i), b.vector(at: i)), at: i)
    i &+= width
  }
  out.store(last, at: n &- width)
}

/// `mapRun` as a function of its own, as every loop in the body of `parallel` has to be: the specialized body is a thunk
/// to the compiler, which inlines no C function there (measured: twice the time, where the loop calls one).
@inline(never)
func leafRun<F: UnaryFunction>(
  _ f: F, _ x: UnsafePointer<F.Scalar>, _ y: UnsafeMutablePointer<F.Scalar>, _ n: Int
) { mapRun(f, x, y, n) }

@inline(never)
func leafRun<F: BinaryFunction>(
  _ f: F, _ a: UnsafePointer<F.Scalar>, _ b: UnsafePointer<F.Scalar>, _ out: UnsafeMutablePointer<F.Scalar>, _ n: Int
) { mapRun(f, a, b, out, n) }

/// `mapRun` over all of `n` elements on the threads.
@inline(__always)
func parallelMap<F: UnaryFunction>(
  _ f: F, _ x: UnsafePointer<F.Scalar>, _ y: UnsafeMutablePointer<F.Scalar>, _ n: Int
) {
  parallel(elementwiseChunks(n), (f, x, y, n)) { context, chunk in
    let (f, x, y, n) = context
    let start = chunk &* elementwiseChunk
    leafRun(f, x + start, y + start, min(elementwiseChunk, n &- start))
  }
}

/// `mapRun` of two inputs over all of `n` elements on the threads.
@inline(__always)
func parallelMap<F: BinaryFunction>(
  _ f: F, _ a: UnsafePointer<F.Scalar>, _ b: UnsafePointer<F.Scalar>, _ out: UnsafeMutablePointer<F.Scalar>, _ n: Int
) {
  parallel(elementwiseChunks(n), (f, a, b, out, n)) { context, chunk in
    let (f, a, b, out, n) = context
    let start = chunk &* elementwiseChunk
    leafRun(f, a + start, b + start, out + start, min(elementwiseChunk, n &- start))
  }
}
