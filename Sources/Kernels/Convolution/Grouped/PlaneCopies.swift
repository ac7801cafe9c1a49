import CIntrinsics

/// Brings images into planes and back, in squares of as many pixels as channels.

/// Fills the planes of `channels` that serve rows `rows` of the grid; `square` has lanes · lanes elements. Returns where
/// those of the first channel begin.
@inline(__always)
func fillPlanes<T: KernelScalar>(
  _ image: UnsafePointer<T>, _ planes: UnsafeMutablePointer<T>, _ p: ChannelPlanes, channels: Range<Int>,
  rows: Range<Int>,
  square: UnsafeMutablePointer<T>
) -> UnsafeMutablePointer<T> {
  let lanes = T.Vector.scalarCount
  let (planeCount, step) = (p.planeCount(rows.count), p.channelStep(rows.count, lanes: lanes))
  // Neighbours are brought along where there are fewer channels than lanes.
  let count = Swift.max(channels.count, Swift.min(lanes, p.channels))
  let start = Swift.min(channels.lowerBound, p.channels &- count)
  let held = Swift.max(count, lanes)
  for down in 0..<p.phasesH {
    for across in 0..<p.phasesW {
      let to = planes + (down &* p.phasesW &+ across) &* planeCount
      // Columns inside: 0 <= column · stride + across - left < width.
      let offset = across &- p.left
      let first = Swift.min(p.pitch, offset >= 0 ? 0 : (p.strideW &- 1 &- offset) / p.strideW)
      let space = p.width &- 1 &- offset
      let last = Swift.max(first, space < 0 ? 0 : Swift.min(p.pitch, space / p.strideW &+ 1))
      // Zeros that the last square of a row brings along.
      let spare = (lanes &- (last &- first) % lanes) % lanes
      zero(to, first, held, step)
      for row in 0..<(rows.count &+ p.reach) {
        let h = (rows.lowerBound &+ row) &* p.strideH &+ down &- p.top
        let line = to + row &* p.pitch
        // What is not filled up to where the next row's pixels begin.
        var free = 0
        if h >= 0 && h < p.height && first < last {
          let from = image + ((h &* p.width &+ first &* p.strideW &+ offset) &* p.channels &+ start)
          fillRow(from, line + first, p, count: count, pixels: last &- first, step, square)
          free = last &+ spare
        }
        let end = row &+ 1 < rows.count &+ p.reach ? p.pitch &+ first : p.pitch
        if free < end { zero(line + free, end &- free, held, step) }
      }
    }
  }
  let used = p.phases &* planeCount
  zero(planes + used, step &- used, held, step)
  return planes + (channels.lowerBound &- start) &* step
}

@inline(__always)
private func zero<T: KernelScalar>(_ to: UnsafeMutablePointer<T>, _ count: Int, _ channels: Int, _ step: Int) {
  for channel in 0..<channels {
    let line = to + channel &* step
    for i in 0..<count { line[i] = 0 }
  }
}

/// Squares ahead that are asked for: about two rows of a small image.
private let prefetchDistance = 8

/// Some pixels of a row. Writes up to a vector more, of zeros.
@inline(__always)
private func fillRow<T: KernelScalar>(
  _ from: UnsafePointer<T>, _ to: UnsafeMutablePointer<T>, _ p: ChannelPlanes, count: Int, pixels: Int, _ step: Int,
  _ square: UnsafeMutablePointer<T>
) {
  let lanes = T.Vector.scalarCount
  let pixelStep = p.strideW &* p.channels
  var column = 0
  while column < pixels {
    let valid = Swift.min(lanes, pixels &- column)
    var next = 0
    while next < count {
      // The last square overlaps the one before.
      let channel = count < lanes ? 0 : Swift.min(next, count &- lanes)
      let source = from + (column &* pixelStep &+ channel)
      let destination = to + (channel &* step &+ column)
      for pixel in 0..<lanes { sbn_prefetch(source + (prefetchDistance &* lanes &+ pixel) &* pixelStep) }
      if valid == lanes && count >= lanes {
        T.transposeSquare(source, pixelStep, destination, step)
      } else {
        for pixel in 0..<valid {
          let from = source + pixel &* pixelStep
          square.store(count < lanes ? from.lanes(count, at: 0, else: 0) : from.vector(at: 0), at: pixel &* lanes)
        }
        for pixel in valid..<lanes { square.store(T.Vector(), at: pixel &* lanes) }
        T.transposeSquare(UnsafePointer(square), lanes, destination, step)
      }
      next &+= lanes
    }
    column &+= lanes
  }
}

/// Writes a row's pixels from planes to `to`, a pixel `pixelStep` behind the other.
@inline(__always)
func writeRow<T: KernelScalar>(
  _ planes: UnsafePointer<T>, _ step: Int, _ to: UnsafeMutablePointer<T>, pixelStep: Int, channels: Int, pixels: Int,
  square: UnsafeMutablePointer<T>
) {
  let lanes = T.Vector.scalarCount
  var column = 0
  while column < pixels {
    let valid = Swift.min(lanes, pixels &- column)
    var next = 0
    while next < channels {
      let channel = channels < lanes ? 0 : Swift.min(next, channels &- lanes)
      let source = planes + (channel &* step &+ column)
      let destination = to + (column &* pixelStep &+ channel)
      for pixel in 0..<lanes { sbn_prefetch_write(destination + (prefetchDistance &* lanes &+ pixel) &* pixelStep) }
      if valid == lanes && channels >= lanes {
        T.transposeSquare(source, step, destination, pixelStep)
      } else {
        T.transposeSquare(source, step, square, lanes)
        for pixel in 0..<valid {
          let (vector, to) = (square.vector(at: pixel &* lanes), destination + pixel &* pixelStep)
          if channels < lanes { to.store(channels, of: vector, at: 0) } else { to.store(vector, at: 0) }
        }
      }
      next &+= lanes
    }
    column &+= lanes
  }
}
