import CIntrinsics
import Parallel

/// Tables and sums of a row-like job, in the calling thread's scratch.
private struct RowWork<J: NormalizationJob> {
  typealias T = J.T
  let job: J
  let shape: NormalizationShape
  let layout: RowLayout
  /// One column per channel, and one per position of a row; the same memory if those are the same.
  let channels, positions: CoefficientTable<T>
  /// For each chunk of rows, first sums of all positions, then second sums.
  let totals: UnsafeMutablePointer<Double>
  /// One Double per channel.
  let scratch: UnsafeMutablePointer<Double>

  @inline(__always)
  init?(_ job: J, _ shape: NormalizationShape) {
    (self.job, self.shape) = (job, shape)
    layout = RowLayout(shape, vector: T.Vector.scalarCount)
    let width = layout.paddedWidth
    let vector = T.Vector.scalarCount
    let channelStride = ((shape.channels &+ vector &- 1) & ~(vector &- 1)) &+ vector
    let sumCount = J.hasSums ? layout.rowChunks &* 2 &* width &+ channelStride : 0
    let tableCount = CoefficientTable<T>.rows &* (channelStride &+ width) &+ vector
    let bytes = sumCount &* MemoryLayout<Double>.stride &+ tableCount &* MemoryLayout<T>.stride
    guard let memory = sharedScratch(bytes: bytes) else { return nil }
    scratch = memory.assumingMemoryBound(to: Double.self)
    totals = scratch + channelStride
    var tables = (memory + sumCount &* MemoryLayout<Double>.stride).assumingMemoryBound(to: T.self)
    // Where results are at aligned addresses, coefficients are so too.
    let lead = job.hasMap ? job.map(CoefficientTable(base: tables, stride: 0)).lead(0, limit: vector &- 1) : 0
    tables += (vector &- lead) & (vector &- 1)
    channels = CoefficientTable(base: tables, stride: channelStride)
    positions =
      layout.width == shape.channels
      ? channels
      : CoefficientTable(base: tables + CoefficientTable<T>.rows &* channelStride, stride: width)
  }

  @inline(__always)
  var isSmall: Bool { shape.count < normalizationSerialLimit }

  /// Copies the first `rows` rows of the channels' table to every position of a channel.
  @inline(__always)
  func spread(rows: Int) {
    if positions.base == channels.base { return }
    for row in 0..<rows {
      let (source, target) = (channels[row], positions[row])
      if shape.inner == 1 {
        repeatSample(source, target)
        continue
      }
      var position = 0
      for _ in 0..<layout.samples {
        for channel in 0..<shape.channels {
          for _ in 0..<shape.inner {
            target[position] = source[channel]
            position &+= 1
          }
        }
      }
    }
  }

  /// Repeats the first vector of the map's rows behind their last column, for vectors that reach into the next row.
  @inline(__always)
  func repeatFirstVector() {
    for row in 0..<J.mapRows { positions[row].store(positions[row].vector(at: 0), at: layout.width) }
  }

  /// Whole vectors while what they write too much is written again by the next sample.
  @inline(__always)
  func repeatSample(_ source: UnsafeMutablePointer<T>, _ target: UnsafeMutablePointer<T>) {
    let sample = shape.channels
    for first in 0..<layout.samples &- 1 {
      var column = 0
      while column < sample {
        let position = first &* sample &+ column
        if position &+ T.Vector.scalarCount > layout.width { break }
        target.store(source.vector(at: column), at: position)
        column &+= T.Vector.scalarCount
      }
      while column < sample {
        target[first &* sample &+ column] = source[column]
        column &+= 1
      }
    }
    let last = target + (layout.samples &- 1) &* sample
    for column in 0..<sample { last[column] = source[column] }
  }

  /// Whether rows of more than one group of columns come from beyond the second cache.
  @inline(__always)
  var sumsAlongRows: Bool { layout.stripWidth > 4 &* T.Vector.scalarCount && shape.exceedsNearCache(T.self) }

  /// Memory for the sums of a strip's columns, for each thread that sums along rows.
  @inline(__always)
  var laneBytes: Int { 2 &* (layout.stripWidth &+ T.Vector.scalarCount) &* MemoryLayout<T>.stride }

  /// With `lanes`, along rows.
  @inline(__always)
  func sum(_ piece: Int, _ lanes: UnsafeMutablePointer<T>?) {
    let chunk = piece / layout.strips
    let columns = layout.columns(of: piece &- chunk &* layout.strips)
    let rows = layout.rows(of: chunk)
    let stride = layout.paddedWidth
    let sums = totals + chunk &* 2 &* stride
    let vector = T.Vector.scalarCount
    let length = (columns.count &+ vector &- 1) & ~(vector &- 1)
    (sums + columns.lowerBound).update(repeating: 0, count: length)
    (sums + (stride &+ columns.lowerBound)).update(repeating: 0, count: length)
    let term = job.term(positions)
    // Prefetch later rows.
    let ahead = layout.width &* (lanes != nil ? max(1, 4096 / columns.count) : shape.exceedsCache(T.self) ? 16 : 0)
    var row = rows.lowerBound
    while row < rows.upperBound {
      let count = min(32, rows.upperBound &- row)
      let start = row &* layout.width
      if let lanes {
        addRowsAlong(term, start, layout.width, count, columns, lanes, sums, stride, ahead)
      } else {
        addRows(term, start, layout.width, count, columns, sums, stride, ahead)
      }
      row &+= count
    }
    if chunk == layout.rowChunks &- 1 && layout.tail > columns.lowerBound {
      let rest = columns.lowerBound..<min(columns.upperBound, layout.tail)
      addRows(term, layout.fullRows &* layout.width, layout.width, 1, rest, sums, stride, 0)
    }
  }

  /// Adds up the chunks in order, then each channel's positions, and finishes the channels. True: form the sums again.
  @inline(__always)
  func finish(isLast: Bool) -> Bool {
    let stride = layout.paddedWidth
    for chunk in 1..<layout.rowChunks {
      let sums = totals + chunk &* 2 &* stride
      var index = 0
      while index < 2 &* stride {
        totals.store(totals.vector(at: index) + sums.vector(at: index), at: index)
        index &+= DoubleVector.scalarCount
      }
    }
    let sample = shape.channels &* shape.inner
    if layout.samples > 1 {
      addSamples(totals, sample)
      addSamples(totals + stride, sample)
    }
    if shape.inner != 1 {
      for channel in 0..<shape.channels {
        var (first, second) = (0.0, 0.0)
        for position in channel &* shape.inner..<(channel &+ 1) &* shape.inner {
          first += totals[position]
          second += totals[stride &+ position]
        }
        totals[channel] = first
        totals[stride &+ channel] = second
      }
    }
    let sums = ChannelSums(first: totals, second: totals + stride, scratch: scratch)
    return job.finish(0..<shape.channels, sums, channels, isLast: isLast)
  }

  /// Adds up the sums of one row's samples, in order. The last vector reads and writes too much: what it reads is
  /// scratch memory, what it writes has been added already.
  @inline(__always)
  func addSamples(_ sums: UnsafeMutablePointer<Double>, _ sample: Int) {
    var position = 0
    while position < sample {
      var total = sums.vector(at: position)
      for first in 1..<layout.samples { total += sums.vector(at: first &* sample &+ position) }
      sums.store(total, at: position)
      position &+= DoubleVector.scalarCount
    }
  }

  /// Backwards after sums, because the end of the data is what they left in the cache: large tensors by chunks, small
  /// ones by rows as well.
  @inline(__always)
  func map(_ piece: Int) {
    let chunk = J.hasSums ? layout.rowChunks &- 1 &- piece / layout.strips : piece / layout.strips
    let columns = layout.columns(of: piece % layout.strips)
    let rows = layout.rows(of: chunk)
    let map = job.map(positions)
    if chunk == layout.rowChunks &- 1 && layout.tail > columns.lowerBound {
      let rest = columns.lowerBound..<min(columns.upperBound, layout.tail)
      mapRow(map, layout.fullRows &* layout.width, rest, WholeVector())
    }
    if shape.streams(map.output, run: isOneRun ? shape.count : columns.count) {
      mapUpwards(map, rows, columns, StreamedVector())
      sbn_store_fence()
    } else if shape.exceedsCache(T.self) || layout.width == 4 &* T.Vector.scalarCount {
      mapUpwards(map, rows, columns, WholeVector())
    } else {
      let groups = rows.count / 4
      for group in 0..<groups {
        let first = rows.lowerBound &+ 4 &* (J.hasSums ? groups &- 1 &- group : group)
        mapFourRows(map, first &* layout.width, layout.width, columns)
      }
      for row in rows.lowerBound &+ 4 &* groups..<rows.upperBound {
        mapRow(map, row &* layout.width, columns, WholeVector())
      }
    }
  }

  /// Whether the rows of a chunk can be mapped as one run of whole vectors.
  @inline(__always)
  var isOneRun: Bool { layout.strips == 1 && layout.width & (T.Vector.scalarCount &- 1) == 0 }

  /// One stream through memory in ascending order is what the processor's own prefetching is best at.
  @inline(__always)
  func mapUpwards<R: VectorReach>(_ map: J.Map, _ rows: Range<Int>, _ columns: Range<Int>, _ reach: R) {
    if isOneRun { return mapRowsAsRun(map, rows.lowerBound &* layout.width, rows.count, layout.width, reach) }
    for row in rows { mapRow(map, row &* layout.width, columns, reach) }
  }
}

/// Whole rows, two passes.
@inline(__always)
func runRows<J: NormalizationJob>(_ job: J, _ shape: NormalizationShape) {
  guard let work = RowWork(job, shape) else { return }
  let pieces = work.layout.strips &* work.layout.rowChunks
  job.prepare(0..<shape.channels, shape, work.channels)
  if J.hasSums {
    for turn in 0..<2 {
      work.spread(rows: J.sumRows)
      if work.sumsAlongRows {
        parallel(pieces, scratchBytes: work.laneBytes, work) { work, piece, scratch in
          work.sum(piece, scratch.assumingMemoryBound(to: J.T.self))
        }
      } else {
        forEachPiece(pieces, isSmall: work.isSmall, work) { work, piece in work.sum(piece, nil) }
      }
      if !work.finish(isLast: turn == 1) { break }
    }
  }
  if job.hasMap && shape.count > 0 {
    work.spread(rows: J.mapRows)
    if work.isOneRun { work.repeatFirstVector() }
    forEachPiece(pieces, isSmall: work.isSmall, work) { work, piece in work.map(piece) }
  }
}
