import Parallel

/// Float lanes hold partial sums of at most this many elements each before they go to Double.
private let flushInterval = 256

/// y = scale · (sum of x over the reduced extents); scale is 1 for sums and 1/count for means.
///
/// Partial sums are flushed to Double, so the error stays near one rounding whatever the count. Empty sums are 0.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func reduceSum<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ plan: ReductionPlan, scale: Double
) {
  if plan.outputCount == 0 { return }
  if plan.innerReduced == 1 && plan.innerKept > 1 {
    sumColumns(x, y, plan, scale)
  } else if plan.outputCount < 8 {
    sumFew(x, y, plan, scale)
  } else {
    let perChunk = Swift.max(1, elementsPerChunk / Swift.max(plan.reducedCount, 1))
    parallel((plan.outputCount &+ perChunk &- 1) / perChunk, (x, y, plan, scale, perChunk)) { context, chunk in
      let (x, y, plan, scale, perChunk) = context
      let last = Swift.min((chunk &+ 1) &* perChunk, plan.outputCount)
      var output = chunk &* perChunk
      while output < last {
        let (k, c) = (output / plan.innerKept, output % plan.innerKept)
        var total = 0.0
        for r in 0..<plan.outerReduced {
          let row = ((k &* plan.outerReduced &+ r) &* plan.innerKept &+ c) &* plan.innerReduced
          total += sumRun(x + row, plan.innerReduced)
        }
        y[output] = T(total * scale)
        output &+= 1
      }
    }
  }
}

/// A few results from long runs: the runs are cut into chunks whose partial sums are added in order.
@inline(__always)
private func sumFew<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ plan: ReductionPlan, _ scale: Double
) {
  let pieces = Swift.max(1, (plan.innerReduced &+ elementsPerChunk &- 1) / elementsPerChunk)
  for output in 0..<plan.outputCount {
    let (k, c) = (output / plan.innerKept, output % plan.innerKept)
    var total = 0.0
    for r in 0..<plan.outerReduced {
      let row = x + ((k &* plan.outerReduced &+ r) &* plan.innerKept &+ c) &* plan.innerReduced
      if pieces == 1 {
        total += sumRun(row, plan.innerReduced)
        continue
      }
      let partial = sharedScratch(bytes: pieces &* 8).assumingMemoryBound(to: Double.self)
      parallel(pieces, (row, partial, plan.innerReduced)) { context, piece in
        let (row, partial, count) = context
        let begin = piece &* elementsPerChunk
        partial[piece] = sumRun(row + begin, Swift.min(elementsPerChunk, count &- begin))
      }
      for piece in 0..<pieces { total += partial[piece] }
    }
    y[output] = T(total * scale)
  }
}

/// Sum of a contiguous run.
@inline(__always)
func sumRun<T: KernelScalar>(_ x: UnsafePointer<T>, _ count: Int) -> Double {
  let width = T.Vector.scalarCount
  var total = 0.0
  var i = 0
  while i &+ 4 &* width <= count {
    var (a, b, c, d) = (T.Vector(), T.Vector(), T.Vector(), T.Vector())
    let end = Swift.min(count &- 4 &* width, i &+ 4 &* width &* flushInterval)
    while i <= end {
      a += x.vector(at: i)
      b += x.vector(at: i &+ width)
      c += x.vector(at: i &+ 2 &* width)
      d += x.vector(at: i &+ 3 &* width)
      i &+= 4 &* width
    }
    let sum = (a + b) + (c + d)
    for lane in 0..<width { total += Double(sum[lane]) }
  }
  while i < count {
    total += Double(x[i])
    i &+= 1
  }
  return total
}

/// x (K, R, C) to y (K, C): columns are added row by row; long columns are cut into chunks of rows.
@inline(__always)
private func sumColumns<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ plan: ReductionPlan, _ scale: Double
) {
  let (rows, columns) = (plan.outerReduced, plan.innerKept)
  let rowsPerChunk = Swift.max(flushInterval, elementsPerChunk / columns)
  let pieces = Swift.max(1, (rows &+ rowsPerChunk &- 1) / rowsPerChunk)
  let partial = sharedScratch(bytes: plan.outerKept &* pieces &* columns &* 8).assumingMemoryBound(to: Double.self)
  parallel(plan.outerKept &* pieces, (x, partial, plan, rowsPerChunk, pieces)) { context, chunk in
    let (x, partial, plan, rowsPerChunk, pieces) = context
    let (rows, columns) = (plan.outerReduced, plan.innerKept)
    let (k, piece) = (chunk / pieces, chunk % pieces)
    let begin = piece &* rowsPerChunk
    let count = Swift.max(0, Swift.min(rowsPerChunk, rows &- begin))
    addColumns(x + (k &* rows &+ begin) &* columns, partial + chunk &* columns, rows: count, columns: columns)
  }
  for k in 0..<plan.outerKept {
    let first = partial + k &* pieces &* columns
    for column in 0..<columns {
      var total = 0.0
      for piece in 0..<pieces { total += first[piece &* columns &+ column] }
      y[k &* columns &+ column] = T(total * scale)
    }
  }
}

@inline(__always)
private func addColumns<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ sums: UnsafeMutablePointer<Double>, rows: Int, columns: Int
) {
  let width = T.Vector.scalarCount
  for column in 0..<columns { sums[column] = 0 }
  var row = 0
  while row < rows {
    let end = Swift.min(rows, row &+ flushInterval)
    var column = 0
    while column &+ width <= columns {
      var sum = T.Vector()
      var p = x + (row &* columns &+ column)
      for _ in row..<end {
        sum += p.vector(at: 0)
        p += columns
      }
      for lane in 0..<width { sums[column &+ lane] += Double(sum[lane]) }
      column &+= width
    }
    while column < columns {
      var sum: T = 0
      for r in row..<end { sum += x[r &* columns &+ column] }
      sums[column] += Double(sum)
      column &+= 1
    }
    row = end
  }
}
