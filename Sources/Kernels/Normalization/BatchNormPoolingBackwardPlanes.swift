import CIntrinsics
import Parallel

/// dx of channels-first images.
@inline(__always)
func spreadPlanes<T: KernelScalar, Masked: Flag, Rectified: Flag>(
  _ work: PooledGradient<T>, _ masked: Masked.Type, _ rectified: Rectified.Type
) {
  let windows = PlaneWindows(work.shape)
  // The sums of dx of each plane.
  let sumBytes = Rectified.isSet ? windows.planes &* MemoryLayout<Double>.stride : 0
  #if SWIFTBN_V4
    if T.self == Float.self && ShortRows.fit(work.shape) {
      guard let memory = sharedScratch(bytes: ShortRows.scratchBytes &+ sumBytes) else { return }
      let rows = ShortRows(work.shape, memory)
      let sums = (memory + ShortRows.scratchBytes).assumingMemoryBound(to: Double.self)
      let floats = unsafeBitCast(work, to: PooledGradient<Float>.self)
      parallel(windows.chunks, scratchBytes: sumRoomBytes, (floats, rows, windows, sums)) { context, number, room in
        let (work, rows, windows, sums) = context
        spreadShortRows(work, rows, windows.planes(ofChunk: number), sums, room, Masked.self, Rectified.self)
      }
      return addPlanes(work, sums)
    }
  #endif
  guard let memory = sharedScratch(bytes: sumBytes) else { return }
  let sums = memory.assumingMemoryBound(to: Double.self)
  let laneBytes = T.Vector.scalarCount &* MemoryLayout<Double>.stride
  parallel(windows.chunks, scratchBytes: laneBytes, (work, windows, sums)) { context, number, scratch in
    let (work, windows, sums) = context
    let lanes = scratch.assumingMemoryBound(to: Double.self)
    let streams = work.streams(run: work.shape.width) && windows.corner == 0
    for plane in windows.planes(ofChunk: number) {
      if Rectified.isSet { lanes.update(repeating: 0, count: T.Vector.scalarCount) }
      if streams {
        let reach = SquareReach(low: StreamedVector(), high: StreamedVector(), windows: StreamedVector())
        spreadPlane(work, windows, plane, reach, lanes, Masked.self, Rectified.self)
      } else {
        let reach = SquareReach(low: WholeVector(), high: WholeVector(), windows: WholeVector())
        spreadPlane(work, windows, plane, reach, lanes, Masked.self, Rectified.self)
      }
      if Rectified.isSet {
        var total = 0.0
        for lane in 0..<T.Vector.scalarCount { total += lanes[lane] }
        sums[plane] = total
      }
    }
    if streams { sbn_store_fence() }
  }
  addPlanes(work, sums)
}

/// The sums of the channels from those of the planes, over these: sample by sample, so that no sum waits for itself.
@inline(__always)
private func addPlanes<T: KernelScalar>(_ work: PooledGradient<T>, _ sums: UnsafeMutablePointer<Double>) {
  guard let dbias = work.dbias else { return }
  let channels = work.shape.channels
  if work.shape.n == 0 { return dbias.update(repeating: 0, count: channels) }
  for n in 1..<work.shape.n {
    for channel in 0..<channels { sums[channel] += sums[n &* channels &+ channel] }
  }
  for channel in 0..<channels { dbias[channel] = T(sums[channel]) }
}

/// One plane, whole vectors by `reach`. Adds its dx to `sums`, a vector's worth of Doubles.
@inline(never)
private func spreadPlane<T: KernelScalar, R: VectorReach, Masked: Flag, Rectified: Flag>(
  _ work: PooledGradient<T>, _ windows: PlaneWindows, _ plane: Int, _ reach: SquareReach<R>,
  _ sums: UnsafeMutablePointer<Double>, _ masked: Masked.Type, _ rectified: Rectified.Type
) {
  let shape = work.shape
  let lanes = T.Vector.scalarCount
  let channel = plane % shape.channels
  let pixels = plane &* shape.height &* shape.width
  let results = plane &* shape.outHeight &* shape.outWidth
  let (corner, out) = (pixels &+ windows.corner, results &+ windows.out)
  let (rows, steps, rest) = (windows.rows.count, windows.columns.count / lanes, windows.columns.count % lanes)
  let part = SquareReach(count: rest, lanes: lanes)
  if steps == 0 && rest > 0 {
    spreadSquares(work, channel, corner, out, rows, 1, part, sums, Masked.self, Rectified.self)
  } else if steps > 0 {
    for row in 0..<rows {
      let (corner, out) = (corner &+ 2 &* row &* shape.width, out &+ row &* shape.outWidth)
      spreadSquares(work, channel, corner, out, 1, steps, reach, sums, Masked.self, Rectified.self)
      if rest > 0 {
        let done = steps &* lanes
        spreadSquares(
          work, channel, corner &+ 2 &* done, out &+ done, 1, 1, part, sums, Masked.self, Rectified.self)
      }
    }
  }
  windows.forEachOther(shape) { i, j in
    let ((top, bottom), (left, right)) = (shape.rows(i), shape.columns(j))
    let corner = pixels &+ top &* shape.width &+ left
    let size = (bottom &- top, right &- left)
    let out = results &+ i &* shape.outWidth &+ j
    spreadWindow(work, channel, corner, out, size, sums, Masked.self, Rectified.self)
  }
  // What lies behind the last windows.
  let right = shape.outHeight == 0 || shape.outWidth == 0 ? 0 : shape.columns(shape.outWidth &- 1).end
  let bottom = right == 0 ? 0 : shape.rows(shape.outHeight &- 1).end
  if right < shape.width {
    for h in 0..<bottom {
      let start = pixels &+ h &* shape.width &+ right
      spreadNothing(work, channel, start, shape.width &- right, sums, Rectified.self)
    }
  }
  let start = pixels &+ bottom &* shape.width
  spreadNothing(work, channel, start, (shape.height &- bottom) &* shape.width, sums, Rectified.self)
}

/// Windows of 2 × 2 pixels of one channel, `steps` vectors of them in each row.
@inline(never)
private func spreadSquares<T: KernelScalar, R: VectorReach, Masked: Flag, Rectified: Flag>(
  _ work: PooledGradient<T>, _ channel: Int, _ corner: Int, _ out: Int, _ rows: Int, _ steps: Int,
  _ reach: SquareReach<R>, _ sums: UnsafeMutablePointer<Double>, _ masked: Masked.Type, _ rectified: Rectified.Type
) {
  let zero = T.Vector.zero
  let lanes = T.Vector.scalarCount
  let (x, dx, line) = (work.x, work.dx, work.shape.width)
  let pixel = PixelGradient<T, Rectified>(work, channel: channel)
  var sum = zero
  for row in 0..<rows {
    for step in 0..<steps {
      let upper = corner &+ 2 &* (row &* line &+ step &* lanes)
      let lower = upper &+ line
      let index = out &+ row &* work.shape.outWidth &+ step &* lanes
      let picked = reach.windows.load(work.picked, index, else: zero)
      let all = work.windowGradient(index, picked, reach.windows, Masked.self)
      let (x0, x1) = T.split(reach.low.load(x, upper, else: zero), reach.high.load(x, upper &+ lanes, else: zero))
      let (x2, x3) = T.split(reach.low.load(x, lower, else: zero), reach.high.load(x, lower &+ lanes, else: zero))
      let (d0, d1, d2, d3) = pixel.square(x0, x1, x2, x3, picked, all)
      let (upperPixels, lowerPixels) = (T.merge(even: d0, odd: d1), T.merge(even: d2, odd: d3))
      reach.low.store(upperPixels.first, dx, upper)
      reach.high.store(upperPixels.second, dx, upper &+ lanes)
      reach.low.store(lowerPixels.first, dx, lower)
      reach.high.store(lowerPixels.second, dx, lower &+ lanes)
      if Rectified.isSet { sum += (d0 + d1) + (d2 + d3) }
    }
  }
  if Rectified.isSet { sums.add(sum, as: T.self, at: 0) }
}

/// One window of any size.
@inline(never)
private func spreadWindow<T: KernelScalar, Masked: Flag, Rectified: Flag>(
  _ work: PooledGradient<T>, _ channel: Int, _ corner: Int, _ out: Int, _ size: (height: Int, width: Int),
  _ sums: UnsafeMutablePointer<Double>, _ masked: Masked.Type, _ rectified: Rectified.Type
) {
  let zero = T.Vector.zero
  let one = PartVector(count: 1)
  let pixel = PixelGradient<T, Rectified>(work, channel: channel)
  let picked = one.load(work.picked, out, else: zero)
  var rest = work.windowGradient(out, picked, one, Masked.self)
  for h in 0..<size.height {
    for w in 0..<size.width {
      let index = corner &+ h &* work.shape.width &+ w
      let x = one.load(work.x, index, else: zero)
      let d = pixel.value(x, T.keep(rest, where: x, equals: picked))
      rest = T.clear(rest, where: x, equals: picked)
      if Rectified.isSet { sums.add(d, as: T.self, at: 0) }
      one.store(d, work.dx, index)
    }
  }
}

/// Pixels of no window, beside each other.
@inline(never)
private func spreadNothing<T: KernelScalar, Rectified: Flag>(
  _ work: PooledGradient<T>, _ channel: Int, _ start: Int, _ count: Int, _ sums: UnsafeMutablePointer<Double>,
  _ rectified: Rectified.Type
) {
  let pixel = PixelGradient<T, Rectified>(work, channel: channel)
  var index = start
  while index < start &+ count {
    let reach = PartVector(count: min(T.Vector.scalarCount, start &+ count &- index))
    let d = pixel.value(reach.load(work.x, index, else: T.Vector.zero), T.Vector.zero)
    if Rectified.isSet { sums.add(d, as: T.self, at: 0) }
    reach.store(d, work.dx, index)
    index &+= T.Vector.scalarCount
  }
}
