import Parallel

/// Images are summed in at most this many parts, whose results are added in order.
private let maximumParts = 8
/// Chunks that keep the threads busy: with as many bundles of groups, images need no parts.
private let enoughChunks = 16
/// Elements of the sums of a bundle, about: what fits the second-level cache beside the planes.
private let sumElements = 1 << 16
/// Elements of a plane that all taps see before the next ones: those of eight planes stay in the first-level cache.
private let segmentElements = 512

/// dw of `groupedConvolution2D`: for each tap, input and output of a group the product of two planes, one of them shifted.
/// Overwrites dw.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func groupedConvolution2DWeightGradient<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ dy: UnsafePointer<T>, _ dw: UnsafeMutablePointer<T>, _ grouped: GroupedShape
) {
  T.requireSpecialization()
  let s = grouped.shape
  if s.isEmpty || s.inputCount == 0 || grouped.taps == 0 {
    let count = grouped.taps &* grouped.inputs &* s.outChannels
    for i in 0..<Swift.max(0, count) { dw[i] = 0 }
    return
  }
  if grouped.fillsVectors(T.self) {
    return groupedStripsWeightGradient(asFloat(x), asFloat(dy), asFloat(dw), grouped)
  }
  let sums = GroupedSums(grouped)
  let most = sumElements / (sums.perGroup &* T.Vector.scalarCount)
  let job = GroupedJob(grouped, overOutputsWith: T.Vector.scalarCount, most: most)
  let parts = Swift.min(s.n, Swift.min(maximumParts, (enoughChunks &+ job.bundles &- 1) / job.bundles))
  let gradient = ChannelPlanes(
    height: s.outHeight, width: s.outWidth, channels: s.outChannels, strideH: 1, strideW: 1, phasesH: 1, phasesW: 1,
    top: 0, left: 0, pitch: job.source.pitch, reach: 0)
  guard
    let partial = sharedScratch(bytes: parts &* grouped.groups &* sums.perGroup &* MemoryLayout<T>.stride)?
      .assumingMemoryBound(to: T.self)
  else { return }
  let scratch =
    job.room(job.source, job.inputs) &+ job.room(gradient, job.outputs)
    &+ (job.lanes &+ job.bundle &* sums.perGroup) &* job.lanes
  parallel(
    parts &* job.bundles, scratchBytes: scratch &* MemoryLayout<T>.stride,
    (x, dy, partial, job, gradient, s, sums, parts)
  ) { context, chunk, scratch in
    let (x, dy, partial, job, gradient, s, sums, parts) = context
    let (part, bundle) = (chunk / job.bundles, chunk % job.bundles)
    let groups = job.channels(bundle, 1)
    let square = scratch.assumingMemoryBound(to: T.self)
    let lanesOfSums = square + job.lanes &* job.lanes
    let source = lanesOfSums + job.bundle &* sums.perGroup &* job.lanes
    let other = source + job.room(job.source, job.inputs)
    for i in 0..<(groups.count &* sums.perGroup &* job.lanes) { lanesOfSums[i] = 0 }
    for image in (part &* job.n / parts)..<((part &+ 1) &* job.n / parts) {
      for band in 0..<job.bands {
        let rows = job.rows(ofBand: band)
        let inputs = fillPlanes(
          x + image &* s.inputCount, source, job.source, channels: job.channels(bundle, job.inputs), rows: rows,
          square: square)
        let outputs = fillPlanes(
          dy + image &* s.outputCount, other, gradient, channels: job.channels(bundle, job.outputs), rows: rows,
          square: square)
        let steps = (
          job.source.channelStep(rows.count, lanes: job.lanes), gradient.channelStep(rows.count, lanes: job.lanes)
        )
        for group in 0..<groups.count {
          addBand(
            UnsafePointer(inputs) + group &* job.inputs &* steps.0, steps.0,
            UnsafePointer(outputs) + group &* job.outputs &* steps.1, steps.1,
            lanesOfSums + group &* sums.perGroup &* job.lanes, job, s, sums, rows: rows.count)
        }
      }
    }
    let to = partial + (part &* job.groups &+ groups.lowerBound) &* sums.perGroup
    addLanes(UnsafePointer(lanesOfSums), to, count: groups.count &* sums.perGroup, square)
  }
  parallel(grouped.groups, (UnsafePointer(partial), dw, job, s, sums, parts)) { context, group in
    let (partial, dw, job, s, sums, parts) = context
    for tap in 0..<sums.taps {
      for k in 0..<job.inputs {
        let from = partial + (group &* sums.perGroup &+ (tap &* sums.inputs &+ k) &* sums.outputs)
        let to = dw + ((tap &* job.inputs &+ k) &* s.outChannels &+ group &* job.outputs)
        for j in 0..<job.outputs {
          var total = from[j]
          for part in 1..<Swift.max(parts, 1) { total += from[part &* job.groups &* sums.perGroup &+ j] }
          to[j] = total
        }
      }
    }
  }
}

/// Sums of one group: [tap][input][output], with inputs and outputs in fours.
private struct GroupedSums {
  let taps, inputs, outputs: Int
  var perGroup: Int { taps &* inputs &* outputs }

  init(_ grouped: GroupedShape) {
    taps = grouped.taps
    inputs = (grouped.inputs &+ 3) & ~3
    outputs = (grouped.outputs &+ 3) & ~3
  }
}

/// Adds a band's part to the sums of one group, each of which is a vector.
@inline(__always)
private func addBand<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ xStep: Int, _ dy: UnsafePointer<T>, _ dyStep: Int, _ to: UnsafeMutablePointer<T>,
  _ job: GroupedJob, _ s: ConvolutionShape, _ sums: GroupedSums, rows: Int
) {
  let lanes = T.Vector.scalarCount
  let points = job.points(rows)
  var q = 0
  while q < points {
    let vectors = (Swift.min(segmentElements, points &- q) &+ lanes &- 1) / lanes
    for i in 0..<s.kernelHeight {
      for j in 0..<s.kernelWidth {
        let tap = i &* s.kernelWidth &+ j
        let seen = x + (q &+ job.offset(ofTap: i, j, s, rows: rows))
        var k = 0
        while k < job.inputs {
          var column = 0
          while column < job.outputs {
            let at = to + ((tap &* sums.inputs &+ k) &* sums.outputs &+ column) &* lanes
            addFours(
              seen + k &* xStep, xStep, dy + (q &+ column &* dyStep), dyStep, at, sums.outputs &* lanes,
              vectors: vectors)
            column &+= 4
          }
          k &+= 4
        }
      }
    }
    q &+= segmentElements
  }
}

/// sum[k][j] += x[k] · dy[j], vector by vector, for four inputs and four outputs.
@inline(never)
private func addFours<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ xStep: Int, _ dy: UnsafePointer<T>, _ dyStep: Int, _ sums: UnsafeMutablePointer<T>,
  _ sumStep: Int, vectors: Int
) {
  #if SWIFTBN_V4
    addProducts(PairedRows<TwoRows<T>>.self, x, xStep, dy, dyStep, sums, sumStep, vectors)
  #else
    // Sixteen registers hold half of the sums.
    addProducts(TwoRows<T>.self, x, xStep, dy, dyStep, sums, sumStep, vectors)
    addProducts(TwoRows<T>.self, x + 2 &* xStep, xStep, dy, dyStep, sums + 2 &* sumStep, sumStep, vectors)
  #endif
}

@inline(__always)
private func addProducts<R: SumRows>(
  _: R.Type, _ x: UnsafePointer<R.T>, _ xStep: Int, _ dy: UnsafePointer<R.T>, _ dyStep: Int,
  _ sums: UnsafeMutablePointer<R.T>, _ sumStep: Int, _ vectors: Int
) {
  var rows = R(sums, sumStep)
  var (x, dy) = (x, dy)
  for _ in 0..<vectors {
    let (d0, d1) = (dy.vector(at: 0), dy.vector(at: dyStep))
    let (d2, d3) = (dy.vector(at: 2 &* dyStep), dy.vector(at: 3 &* dyStep))
    rows.add(x, xStep, d0, d1, d2, d3)
    x += R.T.Vector.scalarCount
    dy += R.T.Vector.scalarCount
  }
  rows.store(sums, sumStep)
}

/// Rows of four sums in registers, each row for one input.
private protocol SumRows {
  associatedtype T: KernelScalar
  static var count: Int { get }
  init(_ sums: UnsafeMutablePointer<T>, _ step: Int)
  mutating func add(
    _ x: UnsafePointer<T>, _ step: Int, _ d0: T.Vector, _ d1: T.Vector, _ d2: T.Vector, _ d3: T.Vector)
  func store(_ sums: UnsafeMutablePointer<T>, _ step: Int)
}

private struct TwoRows<T: KernelScalar>: SumRows {
  var a0, a1, a2, a3, b0, b1, b2, b3: T.Vector
  static var count: Int { @inline(__always) get { 2 } }

  @inline(__always)
  init(_ sums: UnsafeMutablePointer<T>, _ step: Int) {
    let lanes = T.Vector.scalarCount
    (a0, a1) = (sums.vector(at: 0), sums.vector(at: lanes))
    (a2, a3) = (sums.vector(at: 2 &* lanes), sums.vector(at: 3 &* lanes))
    let next = sums + step
    (b0, b1) = (next.vector(at: 0), next.vector(at: lanes))
    (b2, b3) = (next.vector(at: 2 &* lanes), next.vector(at: 3 &* lanes))
  }

  @inline(__always)
  mutating func add(
    _ x: UnsafePointer<T>, _ step: Int, _ d0: T.Vector, _ d1: T.Vector, _ d2: T.Vector, _ d3: T.Vector
  ) {
    let (a, b) = (x.vector(at: 0), x.vector(at: step))
    a0 = T.multiplyAdd(a, d0, a0)
    a1 = T.multiplyAdd(a, d1, a1)
    a2 = T.multiplyAdd(a, d2, a2)
    a3 = T.multiplyAdd(a, d3, a3)
    b0 = T.multiplyAdd(b, d0, b0)
    b1 = T.multiplyAdd(b, d1, b1)
    b2 = T.multiplyAdd(b, d2, b2)
    b3 = T.multiplyAdd(b, d3, b3)
  }

  @inline(__always)
  func store(_ sums: UnsafeMutablePointer<T>, _ step: Int) {
    let lanes = T.Vector.scalarCount
    sums.store(a0, at: 0)
    sums.store(a1, at: lanes)
    sums.store(a2, at: 2 &* lanes)
    sums.store(a3, at: 3 &* lanes)
    let next = sums + step
    next.store(b0, at: 0)
    next.store(b1, at: lanes)
    next.store(b2, at: 2 &* lanes)
    next.store(b3, at: 3 &* lanes)
  }
}

private struct PairedRows<R: SumRows>: SumRows {
  typealias T = R.T
  var upper, lower: R
  static var count: Int { @inline(__always) get { 2 &* R.count } }

  @inline(__always)
  init(_ sums: UnsafeMutablePointer<T>, _ step: Int) {
    upper = R(sums, step)
    lower = R(sums + R.count &* step, step)
  }

  @inline(__always)
  mutating func add(
    _ x: UnsafePointer<T>, _ step: Int, _ d0: T.Vector, _ d1: T.Vector, _ d2: T.Vector, _ d3: T.Vector
  ) {
    upper.add(x, step, d0, d1, d2, d3)
    lower.add(x + R.count &* step, step, d0, d1, d2, d3)
  }

  @inline(__always)
  func store(_ sums: UnsafeMutablePointer<T>, _ step: Int) {
    upper.store(sums, step)
    lower.store(sums + R.count &* step, step)
  }
}

/// to[i] = the sum of the lanes of vector i. `count` is a multiple of the lanes.
@inline(__always)
private func addLanes<T: KernelScalar>(
  _ vectors: UnsafePointer<T>, _ to: UnsafeMutablePointer<T>, count: Int, _ square: UnsafeMutablePointer<T>
) {
  let lanes = T.Vector.scalarCount
  var i = 0
  while i < count {
    T.transposeSquare(vectors + i &* lanes, lanes, square, lanes)
    var total = square.vector(at: 0)
    for lane in 1..<lanes { total += square.vector(at: lane &* lanes) }
    to.store(total, at: i)
    i &+= lanes
  }
}
