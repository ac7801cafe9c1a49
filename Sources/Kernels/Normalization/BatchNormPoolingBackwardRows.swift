import CIntrinsics
import Parallel

/// A band holds the rows of a channels-last image that belong to a row of windows; the last one also those of no window.
private struct Bands<T: KernelScalar> {
  let work: PooledGradient<T>
  /// For each chunk the sums of dx: those of whole bands in Double, and those of the band at hand.
  let sums: UnsafeMutableRawPointer
  /// Channels in whole vectors.
  let pitch: Int
  let perImage, perChunk, chunks: Int

  @inline(__always)
  init?(_ work: PooledGradient<T>) {
    let shape = work.shape
    let lanes = T.Vector.scalarCount
    self.work = work
    pitch = (shape.channels &+ lanes &- 1) / lanes &* lanes
    perImage = max(1, shape.outHeight)
    perChunk = shape.rowsPerChunk
    chunks = (shape.n &* perImage &+ perChunk &- 1) / perChunk
    let bytes = work.dbias == nil ? 0 : chunks &* pitch &* (MemoryLayout<Double>.stride &+ MemoryLayout<T>.stride)
    guard let memory = sharedScratch(bytes: bytes) else { return nil }
    sums = memory
  }

  @inline(__always)
  func sums(of chunk: Int) -> (whole: UnsafeMutablePointer<Double>, band: UnsafeMutablePointer<T>) {
    let bytes = pitch &* MemoryLayout<Double>.stride
    let start = sums + chunk &* (bytes &+ pitch &* MemoryLayout<T>.stride)
    return (start.assumingMemoryBound(to: Double.self), (start + bytes).assumingMemoryBound(to: T.self))
  }
}

/// dx of channels-last images.
@inline(__always)
func spreadRows<T: KernelScalar, Masked: Flag, Rectified: Flag>(
  _ work: PooledGradient<T>, _ masked: Masked.Type, _ rectified: Rectified.Type
) {
  guard let bands = Bands(work) else { return }
  parallel(bands.chunks, bands) { bands, number in
    // Backwards, because the end of dy and `picked` is what their sums left in the cache.
    let chunk = bands.chunks &- 1 &- number
    let (work, shape) = (bands.work, bands.work.shape)
    let whole = 0..<(shape.channels & ~(T.Vector.scalarCount &- 1))
    let rest = whole.upperBound..<shape.channels
    let sums = bands.sums(of: chunk)
    if Rectified.isSet {
      for c in 0..<bands.pitch { (sums.whole[c], sums.band[c]) = (0, 0) }
    }
    let streams = work.streams(run: shape.channels)
    for band in chunk &* bands.perChunk..<min((chunk &+ 1) &* bands.perChunk, shape.n &* bands.perImage) {
      let place = (image: band / bands.perImage, row: band % bands.perImage)
      if streams {
        spreadBand(work, place, whole, StreamedVector(), sums.band, Masked.self, Rectified.self)
      } else if !whole.isEmpty {
        spreadBand(work, place, whole, WholeVector(), sums.band, Masked.self, Rectified.self)
      }
      if !rest.isEmpty {
        spreadBand(work, place, rest, PartVector(count: rest.count), sums.band, Masked.self, Rectified.self)
      }
      if Rectified.isSet { flushBand(sums.band, sums.whole, bands.pitch) }
    }
    if streams { sbn_store_fence() }
  }
  guard let dbias = work.dbias else { return }
  for c in 0..<work.shape.channels {
    var total = 0.0
    for chunk in 0..<bands.chunks { total += bands.sums(of: chunk).whole[c] }
    dbias[c] = T(total)
  }
}

/// Adds the sums of a band to those of whole bands.
@inline(never)
private func flushBand<T: KernelScalar>(
  _ band: UnsafeMutablePointer<T>, _ whole: UnsafeMutablePointer<Double>, _ count: Int
) {
  var c = 0
  while c < count {
    whole.add(band.vector(at: c), as: T.self, at: c)
    band.store(T.Vector.zero, at: c)
    c &+= T.Vector.scalarCount
  }
}

/// One band for a range of channels, `reach` at a time.
@inline(never)
private func spreadBand<T: KernelScalar, R: VectorReach, Masked: Flag, Rectified: Flag>(
  _ work: PooledGradient<T>, _ place: (image: Int, row: Int), _ columns: Range<Int>, _ reach: R,
  _ sums: UnsafeMutablePointer<T>, _ masked: Masked.Type, _ rectified: Rectified.Type
) {
  let shape = work.shape
  let (channels, line) = (shape.channels, shape.width &* shape.channels)
  let (top, bottom) = shape.outHeight == 0 ? (0, 0) : shape.rows(place.row)
  let start = (place.image &* shape.height &+ top) &* line
  if bottom > top {
    var (j, covered) = (0, 0)
    while j < shape.outWidth {
      let out = ((place.image &* shape.outHeight &+ place.row) &* shape.outWidth &+ j) &* channels
      let (left, right) = shape.columns(j)
      let corner = start &+ left &* channels
      let squares = shape.squares(from: j, height: bottom &- top)
      if squares > 0 {
        spreadSquares(work, corner, out, squares, columns, reach, sums, Masked.self, Rectified.self)
        covered = left &+ 2 &* squares
        j &+= squares
      } else {
        let size = (bottom &- top, right &- left)
        spreadWindow(work, corner, out, size, columns, reach, sums, Masked.self, Rectified.self)
        covered = right
        j &+= 1
      }
    }
    for h in 0..<bottom &- top {
      let first = start &+ h &* line &+ covered &* channels
      spreadNothing(work, first, shape.width &- covered, columns, reach, sums, Rectified.self)
    }
  }
  if place.row &+ 1 >= shape.outHeight {
    for h in bottom..<shape.height {
      let first = (place.image &* shape.height &+ h) &* line
      spreadNothing(work, first, shape.width, columns, reach, sums, Rectified.self)
    }
  }
}

/// Windows of 2 × 2 pixels beside each other, the channels innermost: memory is read in its order. A leaf of its own:
/// in a larger caller the helpers would not be inlined, and vectors would pass through memory.
@inline(never)
private func spreadSquares<T: KernelScalar, R: VectorReach, Masked: Flag, Rectified: Flag>(
  _ work: PooledGradient<T>, _ corner: Int, _ out: Int, _ count: Int, _ columns: Range<Int>, _ reach: R,
  _ sums: UnsafeMutablePointer<T>, _ masked: Masked.Type, _ rectified: Rectified.Type
) {
  let zero = T.Vector.zero
  let channels = work.shape.channels
  let line = work.shape.width &* channels
  var (corner, out) = (corner, out)
  for _ in 0..<count {
    var c = columns.lowerBound
    while c < columns.upperBound {
      let pixel = PixelGradient<T, Rectified>(work, c, reach)
      let (upper, lower) = (corner &+ c, corner &+ line &+ c)
      let picked = reach.load(work.picked, out &+ c, else: zero)
      let all = work.windowGradient(out &+ c, picked, reach, Masked.self)
      let x0 = reach.load(work.x, upper, else: zero)
      let x1 = reach.load(work.x, upper &+ channels, else: zero)
      let x2 = reach.load(work.x, lower, else: zero)
      let x3 = reach.load(work.x, lower &+ channels, else: zero)
      let (d0, d1, d2, d3) = pixel.square(x0, x1, x2, x3, picked, all)
      reach.store(d0, work.dx, upper)
      reach.store(d1, work.dx, upper &+ channels)
      reach.store(d2, work.dx, lower)
      reach.store(d3, work.dx, lower &+ channels)
      if Rectified.isSet { sums.store(sums.vector(at: c) + ((d0 + d1) + (d2 + d3)), at: c) }
      c &+= T.Vector.scalarCount
    }
    corner &+= 2 &* channels
    out &+= channels
  }
}

/// One window of any size.
@inline(never)
private func spreadWindow<T: KernelScalar, R: VectorReach, Masked: Flag, Rectified: Flag>(
  _ work: PooledGradient<T>, _ corner: Int, _ out: Int, _ size: (height: Int, width: Int), _ columns: Range<Int>,
  _ reach: R, _ sums: UnsafeMutablePointer<T>, _ masked: Masked.Type, _ rectified: Rectified.Type
) {
  let zero = T.Vector.zero
  let channels = work.shape.channels
  let line = work.shape.width &* channels
  var c = columns.lowerBound
  while c < columns.upperBound {
    let pixel = PixelGradient<T, Rectified>(work, c, reach)
    let picked = reach.load(work.picked, out &+ c, else: zero)
    var rest = work.windowGradient(out &+ c, picked, reach, Masked.self)
    var sum = zero
    for h in 0..<size.height {
      for w in 0..<size.width {
        let index = corner &+ h &* line &+ w &* channels &+ c
        let x = reach.load(work.x, index, else: zero)
        let d = pixel.value(x, T.keep(rest, where: x, equals: picked))
        rest = T.clear(rest, where: x, equals: picked)
        sum += d
        reach.store(d, work.dx, index)
      }
    }
    if Rectified.isSet { sums.store(sums.vector(at: c) + sum, at: c) }
    c &+= T.Vector.scalarCount
  }
}

/// Pixels of no window, beside each other.
@inline(never)
private func spreadNothing<T: KernelScalar, R: VectorReach, Rectified: Flag>(
  _ work: PooledGradient<T>, _ start: Int, _ count: Int, _ columns: Range<Int>, _ reach: R,
  _ sums: UnsafeMutablePointer<T>, _ rectified: Rectified.Type
) {
  let channels = work.shape.channels
  for index in 0..<count {
    var c = columns.lowerBound
    while c < columns.upperBound {
      let at = start &+ index &* channels &+ c
      let pixel = PixelGradient<T, Rectified>(work, c, reach)
      let d = pixel.value(reach.load(work.x, at, else: T.Vector.zero), T.Vector.zero)
      if Rectified.isSet { sums.store(sums.vector(at: c) + d, at: c) }
      reach.store(d, work.dx, at)
      c &+= T.Vector.scalarCount
    }
  }
}
