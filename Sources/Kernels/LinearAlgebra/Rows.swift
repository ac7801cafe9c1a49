// What factorizations do with rows (or stored columns) of a matrix: runs of contiguous elements.

/// Σ x[i] · y[i].
@inline(never)
func dotProduct<T: KernelScalar>(_ x: UnsafePointer<T>, _ y: UnsafePointer<T>, _ n: Int) -> T {
  let width = T.Vector.scalarCount
  var (s0, s1) = (T.Vector.zero, T.Vector.zero)
  var i = 0
  while i &+ 2 &* width <= n {
    s0 = T.multiplyAdd(x.vector(at: i), y.vector(at: i), s0)
    s1 = T.multiplyAdd(x.vector(at: i &+ width), y.vector(at: i &+ width), s1)
    i &+= 2 &* width
  }
  if i &+ width <= n {
    s0 = T.multiplyAdd(x.vector(at: i), y.vector(at: i), s0)
    i &+= width
  }
  if i < n { s1 = T.multiplyAdd(x.lanes(n &- i, at: i, else: 0), y.lanes(n &- i, at: i, else: 0), s1) }
  return T.laneSum(s0 + s1)
}

/// `y[j] -= Σ c[k · step] · x[k · pitch + j]` over k < count, for j < n. y overlaps no row of x.
@inline(never)
func subtractProducts<T: KernelScalar>(
  _ y: UnsafeMutablePointer<T>, _ n: Int, _ c: UnsafePointer<T>, step: Int, _ x: UnsafePointer<T>, pitch: Int,
  count: Int
) {
  let width = T.Vector.scalarCount
  var j = 0
  // The last whole vector overlaps the one before it: it is computed first, from what y held.
  let hasRest = n > width && n % width != 0
  var rest = T.Vector.zero
  if hasRest {
    rest = y.vector(at: n &- width)
    for k in 0..<count {
      rest = T.multiplyAdd(T.Vector(repeating: -c[k &* step]), x.vector(at: k &* pitch &+ n &- width), rest)
    }
  }
  while j &+ 4 &* width <= n {
    var (y0, y1) = (y.vector(at: j), y.vector(at: j &+ width))
    var (y2, y3) = (y.vector(at: j &+ 2 &* width), y.vector(at: j &+ 3 &* width))
    var row = x + j
    for k in 0..<count {
      let factor = T.Vector(repeating: -c[k &* step])
      y0 = T.multiplyAdd(factor, row.vector(at: 0), y0)
      y1 = T.multiplyAdd(factor, row.vector(at: width), y1)
      y2 = T.multiplyAdd(factor, row.vector(at: 2 &* width), y2)
      y3 = T.multiplyAdd(factor, row.vector(at: 3 &* width), y3)
      row += pitch
    }
    y.store(y0, at: j)
    y.store(y1, at: j &+ width)
    y.store(y2, at: j &+ 2 &* width)
    y.store(y3, at: j &+ 3 &* width)
    j &+= 4 &* width
  }
  while j &+ width <= n {
    var sum = y.vector(at: j)
    for k in 0..<count {
      sum = T.multiplyAdd(T.Vector(repeating: -c[k &* step]), x.vector(at: k &* pitch &+ j), sum)
    }
    y.store(sum, at: j)
    j &+= width
  }
  if hasRest { return y.store(rest, at: n &- width) }
  while j < n {
    var sum = y[j]
    for k in 0..<count { sum -= c[k &* step] * x[k &* pitch &+ j] }
    y[j] = sum
    j &+= 1
  }
}

/// `y[j] -= c · x[j]`.
@inline(__always)
func subtractMultiple<T: KernelScalar>(_ y: UnsafeMutablePointer<T>, _ n: Int, _ c: T, _ x: UnsafePointer<T>) {
  var factor = c
  subtractProducts(y, n, &factor, step: 0, x, pitch: 0, count: 1)
}

/// The plane rotation `(x, y) = (c·x + s·y, c·y - s·x)`.
@inline(never)
func rotateRows(_ x: UnsafeMutablePointer<Double>, _ y: UnsafeMutablePointer<Double>, _ n: Int, c: Double, s: Double) {
  let width = DoubleVector.scalarCount
  let (cs, sn) = (DoubleVector(repeating: c), DoubleVector(repeating: s))
  var i = 0
  while i &+ width <= n {
    let (a, b) = (x.vector(at: i), y.vector(at: i))
    x.store(Double.multiplyAdd(cs, a, sn * b), at: i)
    y.store(Double.multiplyAdd(cs, b, DoubleVector.zero - sn * a), at: i)
    i &+= width
  }
  while i < n {
    let (a, b) = (x[i], y[i])
    x[i] = c * a + s * b
    y[i] = c * b - s * a
    i &+= 1
  }
}

/// Exchanges two rows that do not overlap.
@inline(__always)
func swapRows<T>(_ x: UnsafeMutablePointer<T>, _ y: UnsafeMutablePointer<T>, _ n: Int) {
  for i in 0..<n {
    let value = x[i]
    x[i] = y[i]
    y[i] = value
  }
}

/// √Σ x[i · step]², without overflow.
@inline(never)
func euclideanNorm<T: KernelScalar>(_ x: UnsafePointer<T>, step: Int, _ n: Int) -> Double {
  var sum = 0.0
  for i in 0..<n {
    let value = Double(x[i &* step])
    sum += value * value
  }
  if (sum > 1e-280 && sum < 1e280) || sum.isNaN { return sum.squareRoot() }
  var largest = 0.0
  for i in 0..<n {
    let size = abs(Double(x[i &* step]))
    if size > largest { largest = size }
  }
  if largest == 0 { return 0 }
  sum = 0
  for i in 0..<n {
    let value = Double(x[i &* step]) / largest
    sum += value * value
  }
  return largest * sum.squareRoot()
}

/// The matrix with ones on the diagonal and zeros elsewhere.
@inline(__always)
func storeIdentity<T: KernelScalar>(_ a: UnsafeMutablePointer<T>, rows: Int, columns: Int) {
  a.update(repeating: 0, count: rows &* columns)
  for i in 0..<min(rows, columns) { a[i &* (columns &+ 1)] = 1 }
}

/// Matrices that one chunk of parallel work takes, when each costs about `work` multiplications.
@inline(__always)
func matricesPerChunk(work: Int) -> Int { max(1, (1 << 17) / max(1, work)) }
