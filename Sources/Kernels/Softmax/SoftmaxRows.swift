import Glibc
import Parallel

/// Runs `body(context, row)` for all rows, in chunks of rows that depend on the shape only.
@inline(__always)
func forEachRow<Context>(_ rows: Int, _ n: Int, _ context: Context, _ body: @escaping (Context, Int) -> Void) {
  let perChunk = Swift.max(1, 8_192 / Swift.max(n, 1))
  if rows <= perChunk {
    for row in 0..<Swift.max(rows, 0) { body(context, row) }
    return
  }
  parallel((rows &+ perChunk &- 1) / perChunk, (context, body, rows, perChunk)) { work, chunk in
    let (context, body, rows, perChunk) = work
    for row in (chunk &* perChunk)..<Swift.min((chunk &+ 1) &* perChunk, rows) { body(context, row) }
  }
}

/// y = exp(x - max x); returns the maximum and the sum of y.
@inline(__always)
func exponentials<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ n: Int
) -> (maximum: Double, total: Double) {
  let maximum = largest(x, n)
  let shift = T.Vector(repeating: maximum)
  let width = T.Vector.scalarCount
  var i = 0
  while i &+ width <= n {
    y.store(T.exp(x.vector(at: i) - shift), at: i)
    i &+= width
  }
  if i < n { y.store(T.exp(x.vector(at: i, count: n &- i) - shift), at: i, count: n &- i) }
  var total = 0.0
  for i in 0..<n { total += Double(y[i]) }
  return (Double(maximum), total)
}

/// The largest element; NaN wins.
@inline(__always)
func largest<T: KernelScalar>(_ x: UnsafePointer<T>, _ n: Int) -> T {
  var maximum = -T.infinity
  for i in 0..<n where x[i] > maximum || x[i] != x[i] { maximum = x[i] }
  return maximum
}

/// log(sum(exp(x))) without overflow.
@inline(__always)
func logSumExp<T: KernelScalar>(_ x: UnsafePointer<T>, _ n: Int) -> Double {
  let maximum = Double(largest(x, n))
  if maximum == -.infinity { return maximum }
  var total = 0.0
  for i in 0..<n { total += Glibc.exp(Double(x[i]) - maximum) }
  return maximum + Glibc.log(total)
}

@inline(__always)
func logarithm(_ x: Double) -> Double { Glibc.log(x) }
