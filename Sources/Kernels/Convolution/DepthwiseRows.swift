import CIntrinsics

/// Rows of a depthwise convolution. Channels are the lanes; a few neighbouring pixels are worked on at once, so that each
/// vector of weights is loaded once for all of them. Every sum runs over the taps in order, whichever tile it is in.

/// What becomes of a finished sum.
struct DepthwiseEnd<T: KernelScalar> {
  /// Where sums start: bias or zeros, one per channel.
  let start: UnsafePointer<T>
  let relu: Bool

  @inline(__always)
  func store(_ sum: T.Vector, _ y: UnsafeMutablePointer<T>) {
    let zero = T.Vector()
    y.store(relu ? T.select(zero, greaterThan: sum, zero, else: sum) : sum, at: 0)
  }
}

/// One output row from the kernel's input rows `rows[0..<KH]`.
@inline(__always)
func depthwiseRow<T: KernelScalar>(
  _ rows: UnsafePointer<UnsafePointer<T>>, _ w: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ job: DepthwiseJob,
  _ end: DepthwiseEnd<T>
) {
  let (s, pitch) = (job.shape, job.pitch)
  let inside = job.interior
  var column = 0
  while column < s.outWidth {
    let isTile = column >= inside.start && column < inside.end && inside.end &- inside.start >= 4
    if isTile {
      // The last tile overlaps the one before.
      let first = Swift.min(column, inside.end &- 4)
      depthwiseTile(rows, (first &* s.strideW &- s.padLeft) &* pitch, w, y + first &* pitch, job, end)
      column = first &+ 4
    } else {
      depthwisePixel(rows, column, w, y + column &* pitch, job, end)
      column &+= 1
    }
  }
}

/// Four pixels whose windows begin at `base`, all inside.
@inline(__always)
private func depthwiseTile<T: KernelScalar>(
  _ rows: UnsafePointer<UnsafePointer<T>>, _ base: Int, _ w: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>,
  _ job: DepthwiseJob, _ end: DepthwiseEnd<T>
) {
  let (s, pitch) = (job.shape, job.pitch)
  let (step, tapStep) = (s.strideW &* pitch, s.dilationW &* pitch)
  var next = 0
  while next < pitch {
    let c = Swift.min(next, job.lastVector)
    // What the next output row sees first.
    for i in Swift.max(0, s.kernelHeight &- s.strideH)..<s.kernelHeight {
      let x = rows[i] + (base &+ c &+ s.strideH &* s.width &* pitch &+ (s.kernelWidth &- 1) &* tapStep)
      for pixel in 0..<4 &* s.strideW { sbn_prefetch(x + pixel &* pitch) }
    }
    let start = end.start.vector(at: c)
    var (a0, a1, a2, a3) = (start, start, start, start)
    var weights = w + c
    for i in 0..<s.kernelHeight {
      var x = rows[i] + (base &+ c)
      for _ in 0..<s.kernelWidth {
        let weight = weights.vector(at: 0)
        a0 = T.multiplyAdd(x.vector(at: 0), weight, a0)
        a1 = T.multiplyAdd(x.vector(at: step), weight, a1)
        a2 = T.multiplyAdd(x.vector(at: 2 &* step), weight, a2)
        a3 = T.multiplyAdd(x.vector(at: 3 &* step), weight, a3)
        x += tapStep
        weights += pitch
      }
    }
    end.store(a0, y + c)
    end.store(a1, y + (pitch &+ c))
    end.store(a2, y + (2 &* pitch &+ c))
    end.store(a3, y + (3 &* pitch &+ c))
    next &+= T.Vector.scalarCount
  }
}

/// One pixel, whose window may reach over the ends of the rows.
@inline(__always)
private func depthwisePixel<T: KernelScalar>(
  _ rows: UnsafePointer<UnsafePointer<T>>, _ column: Int, _ w: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>,
  _ job: DepthwiseJob, _ end: DepthwiseEnd<T>
) {
  let (s, pitch) = (job.shape, job.pitch)
  let taps = job.taps(ofColumn: column)
  let first = column &* s.strideW &- s.padLeft
  var next = 0
  while next < pitch {
    let c = Swift.min(next, job.lastVector)
    var sum = end.start.vector(at: c)
    for i in 0..<s.kernelHeight {
      let (x, weights) = (rows[i] + c, w + (i &* s.kernelWidth &* pitch &+ c))
      for j in taps.start..<taps.end {
        sum = T.multiplyAdd(
          x.vector(at: (first &+ j &* s.dilationW) &* pitch), weights.vector(at: j &* pitch), sum)
      }
    }
    end.store(sum, y + c)
    next &+= T.Vector.scalarCount
  }
}

/// Two output rows of a 3×3 kernel with stride 1 from four input rows: each input vector is loaded once for the up to six
/// sums that it belongs to.
@inline(__always)
func depthwiseRowPair<T: KernelScalar>(
  _ rows: UnsafePointer<UnsafePointer<T>>, _ w: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ rowStep: Int,
  _ job: DepthwiseJob, _ end: DepthwiseEnd<T>
) {
  let (s, pitch) = (job.shape, job.pitch)
  let inside = job.interior
  let ahead = 2 &* s.width &* pitch
  var column = 0
  while column < s.outWidth {
    if column >= inside.start && column < inside.end && inside.end &- inside.start >= 4 {
      let first = Swift.min(column, inside.end &- 4)
      let base = (first &- s.padLeft) &* pitch
      var next = 0
      while next < pitch {
        let c = Swift.min(next, job.lastVector)
        // The rows of the next pair.
        prefetchPixels(rows[2] + (base &+ ahead &+ c), pitch)
        prefetchPixels(rows[3] + (base &+ ahead &+ c), pitch)
        slide3x3(rows, base &+ c, w + c, y + (first &* pitch &+ c), pitch, rowStep, end, end.start.vector(at: c))
        next &+= T.Vector.scalarCount
      }
      column = first &+ 4
    } else {
      depthwisePixel(rows, column, w, y + column &* pitch, job, end)
      depthwisePixel(rows + 1, column, w, y + (rowStep &+ column &* pitch), job, end)
      column &+= 1
    }
  }
}

/// The four pixels that the next tile of a row will not have seen.
@inline(__always)
private func prefetchPixels<T: KernelScalar>(_ x: UnsafePointer<T>, _ pitch: Int) {
  sbn_prefetch(x + 2 &* pitch)
  sbn_prefetch(x + 3 &* pitch)
  sbn_prefetch(x + 4 &* pitch)
  sbn_prefetch(x + 5 &* pitch)
}

@inline(__always)
private func slide3x3<T: KernelScalar>(
  _ rows: UnsafePointer<UnsafePointer<T>>, _ at: Int, _ w: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>,
  _ pitch: Int, _ rowStep: Int, _ end: DepthwiseEnd<T>, _ start: T.Vector
) {
  var (upper, lower) = (FourSums<T>(start), FourSums<T>(start))
  let (w0, w1, w2) = (KernelRow<T>(w, pitch), KernelRow<T>(w + 3 &* pitch, pitch), KernelRow<T>(w + 6 &* pitch, pitch))
  var x = SixPixels<T>(rows[0] + at, pitch)
  upper.add(x, w0)
  x = SixPixels<T>(rows[1] + at, pitch)
  upper.add(x, w1)
  lower.add(x, w0)
  x = SixPixels<T>(rows[2] + at, pitch)
  upper.add(x, w2)
  lower.add(x, w1)
  x = SixPixels<T>(rows[3] + at, pitch)
  lower.add(x, w2)
  upper.store(y, pitch, end)
  lower.store(y + rowStep, pitch, end)
}

private struct KernelRow<T: KernelScalar> {
  let w0, w1, w2: T.Vector
  @inline(__always) init(_ w: UnsafePointer<T>, _ pitch: Int) {
    (w0, w1, w2) = (w.vector(at: 0), w.vector(at: pitch), w.vector(at: 2 &* pitch))
  }
}

private struct SixPixels<T: KernelScalar> {
  let x0, x1, x2, x3, x4, x5: T.Vector
  @inline(__always) init(_ x: UnsafePointer<T>, _ pitch: Int) {
    (x0, x1, x2) = (x.vector(at: 0), x.vector(at: pitch), x.vector(at: 2 &* pitch))
    (x3, x4, x5) = (x.vector(at: 3 &* pitch), x.vector(at: 4 &* pitch), x.vector(at: 5 &* pitch))
  }
}

private struct FourSums<T: KernelScalar> {
  var a0, a1, a2, a3: T.Vector
  @inline(__always) init(_ start: T.Vector) { (a0, a1, a2, a3) = (start, start, start, start) }

  @inline(__always)
  mutating func add(_ x: SixPixels<T>, _ w: KernelRow<T>) {
    a0 = T.multiplyAdd(x.x0, w.w0, a0)
    a1 = T.multiplyAdd(x.x1, w.w0, a1)
    a2 = T.multiplyAdd(x.x2, w.w0, a2)
    a3 = T.multiplyAdd(x.x3, w.w0, a3)
    a0 = T.multiplyAdd(x.x1, w.w1, a0)
    a1 = T.multiplyAdd(x.x2, w.w1, a1)
    a2 = T.multiplyAdd(x.x3, w.w1, a2)
    a3 = T.multiplyAdd(x.x4, w.w1, a3)
    a0 = T.multiplyAdd(x.x2, w.w2, a0)
    a1 = T.multiplyAdd(x.x3, w.w2, a1)
    a2 = T.multiplyAdd(x.x4, w.w2, a2)
    a3 = T.multiplyAdd(x.x5, w.w2, a3)
  }

  @inline(__always)
  func store(_ y: UnsafeMutablePointer<T>, _ pitch: Int, _ end: DepthwiseEnd<T>) {
    end.store(a0, y)
    end.store(a1, y + pitch)
    end.store(a2, y + 2 &* pitch)
    end.store(a3, y + 3 &* pitch)
  }
}
