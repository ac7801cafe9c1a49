import Parallel

/// With this many outputs to work on at once, the work of one output need not be split.
private let enoughUnits = 16
/// Columns that one chunk accumulates: 16 KB of Doubles, which stay in the first cache.
private let columnBlock = 2048
/// Rows narrower than this are taken several at a time as one wide row.
private let narrowRow = 64

/// Where results go: `y[i] = Output(total / divisor)`.
protocol ReductionOutput<Element> {
  associatedtype Element: BitwiseCopyable
  static func rounded(_ x: Double) -> Element
}

enum FloatOutput<Element: KernelScalar>: ReductionOutput {
  @inline(__always) static func rounded(_ x: Double) -> Element { Element(x) }
}

enum TruthOutput: ReductionOutput {
  @inline(__always) static func rounded(_ x: Double) -> UInt8 { x != 0 ? 1 : 0 }
}

func runReduction<R: Reducer, O: ReductionOutput>(
  _: R.Type, _: O.Type, _ x: UnsafePointer<R.Input>, _ y: UnsafeMutablePointer<O.Element>, _ plan: ReductionPlan,
  divisor: Double
) {
  guard plan.keptCount > 0 else { return }
  guard plan.reducedCount > 0 else {
    for i in 0..<plan.keptCount { y[i] = O.rounded(R.identity / divisor) }
    return
  }
  if plan.innerIsReduced {
    reduceRuns(R.self, O.self, x, y, plan, divisor)
  } else {
    reduceColumns(R.self, O.self, x, y, plan, divisor)
  }
}

/// The last axis is reduced: each output is made of contiguous runs.
private func reduceRuns<R: Reducer, O: ReductionOutput>(
  _: R.Type, _: O.Type, _ x: UnsafePointer<R.Input>, _ y: UnsafeMutablePointer<O.Element>, _ plan: ReductionPlan,
  _ divisor: Double
) {
  let outputs = plan.keptCount
  if outputs >= enoughUnits || plan.reducedCount <= 2 &* elementwiseChunk {
    let perChunk = max(1, elementwiseChunk / plan.reducedCount)
    parallel((outputs &+ perChunk &- 1) / perChunk, (x, y, plan, divisor, perChunk)) { context, chunk in
      let (x, y, plan, divisor, perChunk) = context
      for output in chunk &* perChunk..<min(plan.keptCount, (chunk &+ 1) &* perChunk) {
        let start = x + plan.kept.offset(output)
        var total = totalOfRun(R.self, start, plan.innerExtent)
        for index in 1..<max(1, plan.reduced.count) {
          total = R.combine(total, totalOfRun(R.self, start + plan.reduced.offset(index), plan.innerExtent))
        }
        y[output] = O.rounded(total / divisor)
      }
    }
    return
  }
  // Few outputs of much work each: pieces of runs, gathered into segments of one chunk each.
  let piece = min(plan.innerExtent, elementwiseChunk)
  let piecesPerRun = (plan.innerExtent &+ piece &- 1) / piece
  let pieces = plan.reduced.count &* piecesPerRun
  let perSegment = max(1, elementwiseChunk / piece)
  let segments = (pieces &+ perSegment &- 1) / perSegment
  guard
    let partial = sharedScratch(bytes: outputs &* segments &* MemoryLayout<Double>.stride)?.assumingMemoryBound(
      to: Double.self)
  else { return }
  parallel(outputs &* segments, (x, partial, plan, (piece, piecesPerRun, pieces, perSegment, segments))) {
    context, chunk in
    let (x, partial, plan, (piece, piecesPerRun, pieces, perSegment, segments)) = context
    let output = chunk / segments
    let segment = chunk &- output &* segments
    let start = x + plan.kept.offset(output)
    var total = R.identity
    for index in segment &* perSegment..<min(pieces, (segment &+ 1) &* perSegment) {
      let run = index / piecesPerRun
      let column = (index &- run &* piecesPerRun) &* piece
      let n = min(piece, plan.innerExtent &- column)
      total = R.combine(total, totalOfRun(R.self, start + (plan.reduced.offset(run) &+ column), n))
    }
    partial[chunk] = total
  }
  for output in 0..<outputs {
    var total = partial[output &* segments]
    for segment in 1..<segments { total = R.combine(total, partial[output &* segments &+ segment]) }
    y[output] = O.rounded(total / divisor)
  }
}

/// The last axis is kept: rows are combined column by column.
private func reduceColumns<R: Reducer, O: ReductionOutput>(
  _: R.Type, _: O.Type, _ x: UnsafePointer<R.Input>, _ y: UnsafeMutablePointer<O.Element>, _ plan: ReductionPlan,
  _ divisor: Double
) {
  let length = plan.innerExtent
  let block = min(length, columnBlock)
  let blocks = (length &+ block &- 1) / block
  let rows = plan.reduced.count
  let units = plan.kept.count &* blocks
  let perSegment = units >= enoughUnits ? rows : max(8, 2 &* elementwiseChunk / block)
  let segments = (rows &+ perSegment &- 1) / perSegment
  // One chunk should do at least half a chunk's worth of elements: small units go together.
  let unitsPerChunk = segments == 1 ? max(1, elementwiseChunk / (block &* rows)) : 1
  let wide = narrowRow &* FloatVector.scalarCount
  guard
    let partial = sharedScratch(bytes: segments == 1 ? 0 : units &* segments &* block &* MemoryLayout<Double>.stride)?
      .assumingMemoryBound(to: Double.self)
  else { return }
  let chunks = segments == 1 ? (units &+ unitsPerChunk &- 1) / unitsPerChunk : units &* segments
  let sizes = (block, blocks, units, perSegment, segments, unitsPerChunk)
  parallel(chunks, scratchBytes: (block &+ wide) &* MemoryLayout<Double>.stride, (x, y, partial, plan, divisor, sizes))
  { context, chunk, scratch in
    let (x, y, partial, plan, divisor, (block, blocks, units, perSegment, segments, unitsPerChunk)) = context
    let length = plan.innerExtent
    let sums = scratch.assumingMemoryBound(to: Double.self)
    let firstUnit = segments == 1 ? chunk &* unitsPerChunk : chunk / segments
    let segment = segments == 1 ? 0 : chunk &- firstUnit &* segments
    for unit in firstUnit..<(segments == 1 ? min(units, firstUnit &+ unitsPerChunk) : firstUnit &+ 1) {
      let outer = unit / blocks
      let column = (unit &- outer &* blocks) &* block
      let width = min(block, length &- column)
      let target = segments == 1 ? sums : partial + chunk &* block
      for j in 0..<width { target[j] = R.identity }
      accumulateRows(
        R.self, x + (plan.kept.offset(outer) &+ column), target, sums + block, plan, segment &* perSegment,
        min(plan.reduced.count, (segment &+ 1) &* perSegment), width)
      if segments == 1 {
        let out = y + (outer &* length &+ column)
        for j in 0..<width { out[j] = O.rounded(target[j] / divisor) }
      }
    }
  }
  guard segments > 1 else { return }
  for unit in 0..<units {
    let outer = unit / blocks
    let column = (unit &- outer &* blocks) &* block
    let total = partial + unit &* segments &* block
    let out = y + (outer &* length &+ column)
    for j in 0..<min(block, length &- column) {
      var sum = total[j]
      for segment in 1..<segments { sum = R.combine(sum, total[segment &* block &+ j]) }
      out[j] = O.rounded(sum / divisor)
    }
  }
}

// Once each in the library: they are its largest loops.

@inline(never)
private func totalOfRun<R: Reducer>(_: R.Type, _ x: UnsafePointer<R.Input>, _ n: Int) -> Double { R.run(x, n) }

@inline(never)
private func addRows<R: Reducer>(
  _: R.Type, _ x: UnsafePointer<R.Input>, _ sums: UnsafeMutablePointer<Double>, rows: Int, stride: Int, width: Int
) { R.accumulate(x, sums, rows: rows, stride: stride, width: width) }

/// Rows `first ..< end` of the reduced axes, in batches that lie one after the other in memory.
@inline(__always)
private func accumulateRows<R: Reducer>(
  _: R.Type, _ x: UnsafePointer<R.Input>, _ sums: UnsafeMutablePointer<Double>,
  _ wideSums: UnsafeMutablePointer<Double>, _ plan: ReductionPlan, _ first: Int, _ end: Int, _ width: Int
) {
  let stride = plan.innerExtent
  let batchExtent = plan.reduced.rank == 0 ? 1 : plan.reduced.extents[plan.reduced.rank &- 1]
  var row = first
  while row < end {
    let batch = min(batchExtent &- row % batchExtent, end &- row)
    var p = x + plan.reduced.offset(row)
    var rest = batch
    // Narrow rows: as many as a vector has lanes form one wide row, whose columns are folded afterwards.
    let together = FloatVector.scalarCount
    if width == stride && width < narrowRow && batch >= 16 &* together {
      let wide = width &* together
      for j in 0..<wide { wideSums[j] = R.identity }
      let wideRows = batch / together
      addRows(R.self, p, wideSums, rows: wideRows, stride: wide, width: wide)
      for k in 0..<together {
        for j in 0..<width { sums[j] = R.combine(sums[j], wideSums[k &* width &+ j]) }
      }
      p += wideRows &* wide
      rest &-= wideRows &* together
    }
    addRows(R.self, p, sums, rows: rest, stride: stride, width: width)
    row &+= batch
  }
}
