import Parallel

/// Gradients of y = relu(x + bias) in one pass over (rows, n): dx = y > 0 ? dy : 0 and db (n,) = column sums of dx.
/// dx may be equal to dy.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func reluBackwardColumnSums<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ y: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ db: UnsafeMutablePointer<T>,
  rows: Int, n: Int
) {
  T.requireSpecialization()
  if n == 0 { return }
  let tiling = ColumnTiling(rows: rows, channels: n, lanes: T.Vector.scalarCount)
  guard let partial = sharedScratch(bytes: tiling.chunks &* tiling.width &* 8)?.assumingMemoryBound(to: Double.self)
  else { return }
  parallel(tiling.chunks, (dy, y, dx, partial, tiling)) { context, chunk in
    let (dy, y, dx, partial, tiling) = context
    let lanes = T.Vector.scalarCount
    let sums = partial + chunk &* tiling.width
    for p in 0..<tiling.width { sums[p] = 0 }
    let range = tiling.rows(ofChunk: chunk)
    var row = range.lowerBound
    while row < range.upperBound {
      let end = Swift.min(range.upperBound, row &+ momentFlushInterval)
      var position = 0
      while position < tiling.width {
        var sum = T.Vector()
        var offset = row &* tiling.width &+ position
        for _ in row..<end {
          let kept = T.select(y.vector(at: offset), greaterThan: T.Vector(), dy.vector(at: offset), else: T.Vector())
          dx.store(kept, at: offset)
          sum += kept
          offset &+= tiling.width
        }
        flush(sum, sums + position)
        position &+= lanes
      }
      row = end
    }
  }
  for c in 0..<n {
    var total = 0.0
    for chunk in 0..<tiling.chunks {
      var position = chunk &* tiling.width &+ c
      let end = (chunk &+ 1) &* tiling.width
      while position < end {
        total += partial[position]
        position &+= n
      }
    }
    for row in 0..<tiling.restRows {
      let i = tiling.restOffset &+ row &* n &+ c
      dx[i] = y[i] > 0 ? dy[i] : 0
      total += Double(dx[i])
    }
    db[c] = T(total)
  }
}
