import CIntrinsics
import Parallel

/// A job on planes: runs of one channel that are long enough to be walked one by one.
private struct PlaneWork<J: NormalizationJob> {
  typealias T = J.T
  let job: J
  let shape: NormalizationShape
  let layout: PlaneLayout

  @inline(__always)
  init(_ job: J, _ shape: NormalizationShape) {
    (self.job, self.shape) = (job, shape)
    layout = PlaneLayout(shape, vector: T.Vector.scalarCount, elementSize: MemoryLayout<T>.stride, tensors: J.tensors)
  }

  /// Doubles that collect one channel's sums: a vector's worth for each.
  @inline(__always)
  var totalsStride: Int { 2 &* T.Vector.scalarCount }

  /// Adds up the lanes of the totals of `pieces` pieces of a channel, in order.
  @inline(__always)
  func collect(_ totals: UnsafeMutablePointer<Double>, _ pieces: Int, _ sums: ChannelSums, _ column: Int) {
    let lanes = T.Vector.scalarCount
    var (first, second) = (0.0, 0.0)
    for piece in 0..<pieces {
      let total = totals + piece &* totalsStride
      for lane in 0..<lanes {
        first += total[lane]
        second += total[lanes &+ lane]
      }
    }
    sums.first[column] = first
    sums.second[column] = second
  }

  /// All runs of one plane.
  @inline(__always)
  func addPlane(_ term: J.Term, _ column: Int, _ start: Int, _ totals: UnsafeMutablePointer<Double>) {
    var offset = 0
    while offset < shape.inner {
      let count = min(layout.runLength, shape.inner &- offset)
      if shape.exceedsCache(T.self) {
        // The same plane of the next sample.
        addRun(term, column, start &+ offset, count, totals, shape.channels &* shape.inner, Yes.self)
      } else {
        addRun(term, column, start &+ offset, count, totals, 0, No.self)
      }
      offset &+= count
    }
  }

  /// A block's scratch: totals of its channels, their sums, their table.
  @inline(__always)
  var blockScratchBytes: Int {
    layout.blockChannels
      &* ((totalsStride &+ 3) &* MemoryLayout<Double>.stride &+ CoefficientTable<T>.rows &* MemoryLayout<T>.stride)
  }

  /// Statistics and result of one block of channels.
  @inline(__always)
  func runBlock(_ block: Int, _ scratch: UnsafeMutableRawPointer) {
    let width = layout.blockChannels
    let first = block &* width
    let channels = first..<min(first &+ width, shape.channels)
    let totals = scratch.assumingMemoryBound(to: Double.self)
    let numbers = totals + width &* totalsStride
    let sums = ChannelSums(first: numbers, second: numbers + width, scratch: numbers + 2 &* width)
    let table = CoefficientTable<T>(
      base: UnsafeMutableRawPointer(numbers + 3 &* width).assumingMemoryBound(to: T.self), stride: width)
    job.prepare(channels, shape, table)
    for turn in 0..<2 {
      addBlock(job.term(table), channels, totals)
      for column in 0..<channels.count { collect(totals + column &* totalsStride, 1, sums, column) }
      if !job.finish(channels, sums, table, isLast: turn == 1) { break }
    }
    guard job.hasMap else { return }
    let map = job.map(table)
    // While a block is written, memory has time to fetch the one that this thread is likely to take next.
    let next = threadCount
    let toNext = block &+ next < layout.blocks ? next &* width &* shape.inner : 0
    if shape.streams(map.output, run: shape.inner) {
      mapBlock(map, channels, toNext, StreamedVector(), Yes.self)
      sbn_store_fence()
    } else if shape.exceedsCache(T.self) {
      mapBlock(map, channels, toNext, WholeVector(), Yes.self)
    } else {
      mapBlock(map, channels, 0, WholeVector(), No.self)
    }
  }

  /// Backwards, because the end of the data is what the sums left in the nearest cache.
  @inline(__always)
  func mapBlock<R: VectorReach, Prefetch: Flag>(
    _ map: J.Map, _ channels: Range<Int>, _ toNext: Int, _ reach: R, _ prefetch: Prefetch.Type
  ) {
    let sample = shape.channels &* shape.inner
    let ahead = Ahead(reads: toNext, writes: 0 &- sample)
    for n in stride(from: shape.outer &- 1, through: 0, by: -1) {
      for column in stride(from: channels.count &- 1, through: 0, by: -1) {
        let start = n &* sample &+ (channels.lowerBound &+ column) &* shape.inner
        mapRun(map, column, start, shape.inner, ahead, reach, prefetch)
      }
    }
  }

  /// Sums of a block, sample by sample.
  @inline(__always)
  func addBlock(_ term: J.Term, _ channels: Range<Int>, _ totals: UnsafeMutablePointer<Double>) {
    totals.update(repeating: 0, count: channels.count &* totalsStride)
    for n in 0..<shape.outer {
      for column in 0..<channels.count {
        let start = (n &* shape.channels &+ channels.lowerBound &+ column) &* shape.inner
        addPlane(term, column, start, totals + column &* totalsStride)
      }
    }
  }

  /// Calls `body(start, count)` for the runs of a segment of a channel: about a `segments`-th of it.
  @inline(__always)
  func forEachRun(_ channel: Int, _ segment: Int, _ body: (Int, Int) -> Void) {
    let runs = shape.outer &* layout.runsPerPlane
    let range = (runs &* segment / layout.segments)..<(runs &* (segment &+ 1) / layout.segments)
    for run in range {
      let n = run / layout.runsPerPlane
      let offset = (run &- n &* layout.runsPerPlane) &* layout.runLength
      let start = (n &* shape.channels &+ channel) &* shape.inner &+ offset
      body(start, min(layout.runLength, shape.inner &- offset))
    }
  }
}

/// Channels too large for the cache or too few for the threads: each is cut into segments.
private struct SegmentWork<J: NormalizationJob> {
  typealias T = J.T
  let plane: PlaneWork<J>
  let table: CoefficientTable<T>
  /// Sums of the segments of all channels.
  let totals: UnsafeMutablePointer<Double>

  let sums: ChannelSums

  @inline(__always)
  init?(_ plane: PlaneWork<J>) {
    self.plane = plane
    let channels = plane.shape.channels
    let totalCount = channels &* plane.layout.segments &* plane.totalsStride
    let tableBytes = channels &* CoefficientTable<T>.rows &* MemoryLayout<T>.stride
    let numberBytes = (totalCount &+ 3 &* channels) &* MemoryLayout<Double>.stride
    guard let scratch = sharedScratch(bytes: numberBytes &+ tableBytes) else { return nil }
    totals = scratch.assumingMemoryBound(to: Double.self)
    let numbers = totals + totalCount
    sums = ChannelSums(first: numbers, second: numbers + channels, scratch: numbers + 2 &* channels)
    table = CoefficientTable(
      base: UnsafeMutableRawPointer(numbers + 3 &* channels).assumingMemoryBound(to: T.self), stride: channels)
  }

  @inline(__always)
  func sum(_ piece: Int) {
    let channel = piece / plane.layout.segments
    let sums = totals + piece &* plane.totalsStride
    sums.update(repeating: 0, count: plane.totalsStride)
    let term = plane.job.term(table)
    plane.forEachRun(channel, piece &- channel &* plane.layout.segments) { start, count in
      addRun(term, channel, start, count, sums, 0, No.self)
    }
  }

  @inline(__always)
  func finish(isLast: Bool) -> Bool {
    let (channels, segments) = (plane.shape.channels, plane.layout.segments)
    for channel in 0..<channels {
      plane.collect(totals + channel &* segments &* plane.totalsStride, segments, sums, channel)
    }
    return plane.job.finish(0..<channels, sums, table, isLast: isLast)
  }

  @inline(__always)
  func map(_ piece: Int) {
    let piece = plane.shape.channels &* plane.layout.segments &- 1 &- piece
    let channel = piece / plane.layout.segments
    let map = plane.job.map(table)
    let segment = piece &- channel &* plane.layout.segments
    if plane.shape.streams(map.output, run: plane.shape.inner) {
      plane.forEachRun(channel, segment) { start, count in
        mapRun(map, channel, start, count, .nothing, StreamedVector(), No.self)
      }
      sbn_store_fence()
    } else {
      plane.forEachRun(channel, segment) { start, count in
        mapRun(map, channel, start, count, .nothing, WholeVector(), No.self)
      }
    }
  }
}

/// A job without sums: the tensor in the order of memory.
private struct PlaneMapWork<J: NormalizationJob> {
  let job: J
  let shape: NormalizationShape
  let table: CoefficientTable<J.T>
  let chunks: Int

  @inline(__always)
  init?(_ job: J, _ shape: NormalizationShape) {
    (self.job, self.shape) = (job, shape)
    let bytes = shape.channels &* CoefficientTable<J.T>.rows &* MemoryLayout<J.T>.stride
    guard let memory = sharedScratch(bytes: bytes) else { return nil }
    table = CoefficientTable(base: memory.assumingMemoryBound(to: J.T.self), stride: shape.channels)
    let isSmall = shape.count < normalizationSerialLimit
    chunks = isSmall ? 1 : min(shape.count / normalizationChunkElements, 64)
  }

  @inline(__always)
  func run(_ chunk: Int) {
    let map = job.map(table)
    let v = J.T.Vector.scalarCount
    if shape.inner >= v && shape.inner <= 8 &* v {
      let planes = shape.outer &* shape.channels
      let range = (planes &* chunk / chunks)..<(planes &* (chunk &+ 1) / chunks)
      mapShortPlanes(map, range, shape.channels, shape.inner)
    } else if shape.streams(map.output, run: shape.inner) {
      run(chunk, map, StreamedVector())
      sbn_store_fence()
    } else {
      run(chunk, map, WholeVector())
    }
  }

  /// Chunks are cut within planes, which may be few; a chunk starts at a whole vector.
  @inline(__always)
  func run<R: VectorReach>(_ chunk: Int, _ map: J.Map, _ reach: R) {
    let length = shape.count / chunks & ~(J.T.Vector.scalarCount &- 1)
    var index = length &* chunk
    let end = chunk &+ 1 == chunks ? shape.count : index &+ length
    while index < end {
      let plane = index / shape.inner
      let count = min((plane &+ 1) &* shape.inner, end) &- index
      mapRun(map, plane % shape.channels, index, count, .nothing, reach, No.self)
      index &+= count
    }
  }
}

@inline(__always)
func runPlanes<J: NormalizationJob>(_ job: J, _ shape: NormalizationShape) {
  if !J.hasSums {
    guard let work = PlaneMapWork(job, shape) else { return }
    job.prepare(0..<shape.channels, shape, work.table)
    return parallel(work.chunks, work) { work, chunk in work.run(chunk) }
  }
  let work = PlaneWork(job, shape)
  if work.layout.segments > 0 {
    if let work = SegmentWork(work) { runSegments(work) }
    return
  }
  let bytes = work.blockScratchBytes
  if shape.count < normalizationSerialLimit {
    // One chunk of work that takes all blocks, so that nothing is handed out.
    parallel(1, scratchBytes: bytes, work) { work, _, scratch in
      for block in 0..<work.layout.blocks { work.runBlock(block, scratch) }
    }
  } else {
    parallel(work.layout.blocks, scratchBytes: bytes, work) { work, block, scratch in work.runBlock(block, scratch) }
  }
}

@inline(__always)
private func runSegments<J: NormalizationJob>(_ work: SegmentWork<J>) {
  let job = work.plane.job
  let pieces = work.plane.shape.channels &* work.plane.layout.segments
  job.prepare(0..<work.plane.shape.channels, work.plane.shape, work.table)
  for turn in 0..<2 {
    parallel(pieces, work) { work, piece in work.sum(piece) }
    if !work.finish(isLast: turn == 1) { break }
  }
  if job.hasMap { parallel(pieces, work) { work, piece in work.map(piece) } }
}
