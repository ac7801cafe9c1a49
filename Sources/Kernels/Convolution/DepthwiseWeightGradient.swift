import CIntrinsics
import Parallel

/// Bands of output rows are summed in at most this many groups, whose results are added in order.
private let maximumGroups = 16
/// Output rows for which copies of input rows are made at once.
private let bandRows = 8

/// dw of `depthwiseConvolution2D`: for each tap the sum of x, shifted, times dy over all pixels. Overwrites dw.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func depthwiseConvolution2DWeightGradient<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ dy: UnsafePointer<T>, _ dw: UnsafeMutablePointer<T>, _ shape: ConvolutionShape
) {
  T.requireSpecialization()
  let lanes = T.Vector.scalarCount
  let job = DepthwiseJob(
    shape, source: shape.inChannels, destination: shape.outChannels, lanes: lanes, overlaps: true)
  let (taps, pitch) = (job.taps, job.pitch)
  if shape.isEmpty || shape.inputCount == 0 {
    dw.update(repeating: 0, count: taps &* job.channels)
    return
  }
  let bands = (shape.outHeight &+ bandRows &- 1) / bandRows
  let groups = Swift.min(shape.n &* bands, maximumGroups)
  // Sums [group][tap][vector], each vector by itself even where it overlaps the one before.
  let sumPitch = (pitch &+ lanes &- 1) / lanes &* lanes
  let count = taps &* sumPitch
  guard
    let partial = sharedScratch(bytes: (groups &* count &+ shape.width &* pitch) &* MemoryLayout<T>.stride)?
      .assumingMemoryBound(to: T.self)
  else { return }
  let zeros = partial + groups &* count
  zeros.update(repeating: 0, count: shape.width &* pitch)
  let inRows = (bandRows &- 1) &* shape.strideH &+ (shape.kernelHeight &- 1) &* shape.dilationH &+ 1
  let sourceRoom = job.copiesSource ? inRows &* shape.width &* pitch : 0
  let gradientRoom = job.copiesDestination ? shape.outWidth &* pitch : 0
  let pointerBytes = shape.kernelHeight &* MemoryLayout<UnsafePointer<T>>.stride
  parallel(
    groups, scratchBytes: (sourceRoom &+ gradientRoom) &* MemoryLayout<T>.stride &+ pointerBytes,
    (x, dy, partial, UnsafePointer(zeros), job, groups, bands, (sourceRoom, gradientRoom, sumPitch))
  ) { context, group, scratch in
    let (x, dy, partial, zeros, job, groups, bands, (sourceRoom, gradientRoom, sumPitch)) = context
    let (s, pitch) = (job.shape, job.pitch)
    let sums = partial + group &* job.taps &* sumPitch
    sums.update(repeating: 0, count: job.taps &* sumPitch)
    let copies = scratch.assumingMemoryBound(to: T.self)
    let pointers = UnsafeMutableRawPointer(copies + (sourceRoom &+ gradientRoom))
      .assumingMemoryBound(to: UnsafePointer<T>.self)
    let all = s.n &* bands
    for band in (group &* all / groups)..<((group &+ 1) &* all / groups) {
      let image = band / bands
      let first = band % bands &* bandRows
      let last = Swift.min(first &+ bandRows, s.outHeight)
      let top = first &* s.strideH &- s.padTop
      var origin = x + (image &* s.height &+ top) &* s.width &* job.sourceChannels
      if job.copiesSource {
        let used = (last &- 1 &- first) &* s.strideH &+ (s.kernelHeight &- 1) &* s.dilationH &+ 1
        let start = Swift.max(0, -top)
        for row in start..<Swift.max(start, Swift.min(used, s.height &- top)) {
          let from = origin + row &* s.width &* job.sourceChannels
          spreadChannels(from, copies + row &* s.width &* pitch, pixels: s.width, job)
        }
        origin = UnsafePointer(copies)
      }
      for row in first..<last {
        for i in 0..<s.kernelHeight {
          let from = (row &- first) &* s.strideH &+ i &* s.dilationH
          let isInside = top &+ from >= 0 && top &+ from < s.height
          pointers[i] = isInside ? origin + from &* s.width &* pitch : zeros
        }
        var gradient = dy + (image &* s.outHeight &+ row) &* s.outWidth &* job.channels
        if job.copiesDestination {
          let to = copies + sourceRoom
          for pixel in 0..<s.outWidth {
            UnsafeMutableRawPointer(to + pixel &* pitch).copyMemory(
              from: gradient + pixel &* job.channels, byteCount: job.channels &* MemoryLayout<T>.stride)
            for c in job.channels..<pitch { to[pixel &* pitch &+ c] = 0 }
          }
          gradient = UnsafePointer(to)
        }
        addRow(UnsafePointer(pointers), gradient, sums, sumPitch, job)
      }
    }
  }
  // The vector that holds a channel: the last one begins early when it overlaps.
  let early = sumPitch &- pitch
  for tap in 0..<taps {
    for c in 0..<job.channels {
      let at = tap &* sumPitch &+ (c < sumPitch &- lanes ? c : c &+ early)
      var total = partial[at]
      for group in 1..<groups { total += partial[group &* count &+ at] }
      dw[tap &* job.channels &+ c] = total
    }
  }
}

/// Adds one output row's part to the sums of all taps.
@inline(__always)
private func addRow<T: KernelScalar>(
  _ rows: UnsafePointer<UnsafePointer<T>>, _ dy: UnsafePointer<T>, _ sums: UnsafeMutablePointer<T>, _ sumPitch: Int,
  _ job: DepthwiseJob
) {
  let (s, pitch) = (job.shape, job.pitch)
  var next = 0
  while next < pitch {
    let c = Swift.min(next, job.lastVector)
    if s.kernelHeight == 3 && s.kernelWidth == 3 {
      addNineTaps(rows, dy + c, sums + next, sumPitch, c, job)
    } else {
      for i in 0..<s.kernelHeight {
        for j in 0..<s.kernelWidth {
          let to = sums + ((i &* s.kernelWidth &+ j) &* sumPitch &+ next)
          addTap(rows[i] + ((j &* s.dilationW &- s.padLeft) &* pitch &+ c), dy + c, to, s.columns(ofTap: j), job)
        }
      }
    }
    next &+= T.Vector.scalarCount
  }
}

/// One tap over some columns, in four sums.
@inline(__always)
private func addTap<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ dy: UnsafePointer<T>, _ to: UnsafeMutablePointer<T>, _ columns: (start: Int, end: Int),
  _ job: DepthwiseJob
) {
  let (pitch, step) = (job.pitch, job.shape.strideW &* job.pitch)
  var (a0, a1, a2, a3) = (to.vector(at: 0), T.Vector(), T.Vector(), T.Vector())
  var column = columns.start
  while column &+ 4 <= columns.end {
    let (x, dy) = (x + column &* step, dy + column &* pitch)
    a0 = T.multiplyAdd(x.vector(at: 0), dy.vector(at: 0), a0)
    a1 = T.multiplyAdd(x.vector(at: step), dy.vector(at: pitch), a1)
    a2 = T.multiplyAdd(x.vector(at: 2 &* step), dy.vector(at: 2 &* pitch), a2)
    a3 = T.multiplyAdd(x.vector(at: 3 &* step), dy.vector(at: 3 &* pitch), a3)
    column &+= 4
  }
  while column < columns.end {
    a0 = T.multiplyAdd(x.vector(at: column &* step), dy.vector(at: column &* pitch), a0)
    column &+= 1
  }
  to.store((a0 + a1) + (a2 + a3), at: 0)
}

/// The sums of a 3×3 kernel's taps, in registers.
private struct NineSums<T: KernelScalar> {
  var a00, a01, a02, a10, a11, a12, a20, a21, a22: T.Vector

  @inline(__always)
  init(_ p: UnsafeMutablePointer<T>, _ pitch: Int) {
    (a00, a01, a02) = (p.vector(at: 0), p.vector(at: pitch), p.vector(at: 2 &* pitch))
    (a10, a11, a12) = (p.vector(at: 3 &* pitch), p.vector(at: 4 &* pitch), p.vector(at: 5 &* pitch))
    (a20, a21, a22) = (p.vector(at: 6 &* pitch), p.vector(at: 7 &* pitch), p.vector(at: 8 &* pitch))
  }

  @inline(__always)
  func store(_ p: UnsafeMutablePointer<T>, _ pitch: Int) {
    p.store(a00, at: 0)
    p.store(a01, at: pitch)
    p.store(a02, at: 2 &* pitch)
    p.store(a10, at: 3 &* pitch)
    p.store(a11, at: 4 &* pitch)
    p.store(a12, at: 5 &* pitch)
    p.store(a20, at: 6 &* pitch)
    p.store(a21, at: 7 &* pitch)
    p.store(a22, at: 8 &* pitch)
  }
}

@inline(__always)
private func addNineTaps<T: KernelScalar>(
  _ rows: UnsafePointer<UnsafePointer<T>>, _ dy: UnsafePointer<T>, _ sums: UnsafeMutablePointer<T>, _ sumPitch: Int,
  _ c: Int, _ job: DepthwiseJob
) {
  let (s, pitch) = (job.shape, job.pitch)
  let (step, tap) = (s.strideW &* pitch, s.dilationW &* pitch)
  let origin = c &- s.padLeft &* pitch
  let (x0, x1, x2) = (rows[0], rows[1], rows[2])
  let inside = job.interior
  var nine = NineSums<T>(sums, sumPitch)
  // What the next output row sees first.
  let ahead = s.strideH &* s.width &* pitch &+ 2 &* tap
  let isStrided = s.strideH > 1 || s.strideW > 1
  for column in inside.start..<inside.end {
    let (g, at) = (dy.vector(at: column &* pitch), origin &+ column &* step)
    sbn_prefetch(x2 + (at &+ ahead))
    sbn_prefetch(dy + (column &+ s.outWidth) &* pitch)
    if isStrided {
      sbn_prefetch(x2 + (at &+ ahead &- pitch))
      sbn_prefetch(x1 + (at &+ ahead))
      sbn_prefetch(x1 + (at &+ ahead &- pitch))
    }
    nine.a00 = T.multiplyAdd(x0.vector(at: at), g, nine.a00)
    nine.a01 = T.multiplyAdd(x0.vector(at: at &+ tap), g, nine.a01)
    nine.a02 = T.multiplyAdd(x0.vector(at: at &+ 2 &* tap), g, nine.a02)
    nine.a10 = T.multiplyAdd(x1.vector(at: at), g, nine.a10)
    nine.a11 = T.multiplyAdd(x1.vector(at: at &+ tap), g, nine.a11)
    nine.a12 = T.multiplyAdd(x1.vector(at: at &+ 2 &* tap), g, nine.a12)
    nine.a20 = T.multiplyAdd(x2.vector(at: at), g, nine.a20)
    nine.a21 = T.multiplyAdd(x2.vector(at: at &+ tap), g, nine.a21)
    nine.a22 = T.multiplyAdd(x2.vector(at: at &+ 2 &* tap), g, nine.a22)
  }
  // Columns whose windows reach over an end.
  for column in 0..<s.outWidth &- (inside.end &- inside.start) {
    let column = column < inside.start ? column : column &+ inside.end &- inside.start
    let taps = job.taps(ofColumn: column)
    let (g, at) = (dy.vector(at: column &* pitch), origin &+ column &* step)
    if taps.start == 0 && taps.end > 0 {
      nine.a00 = T.multiplyAdd(x0.vector(at: at), g, nine.a00)
      nine.a10 = T.multiplyAdd(x1.vector(at: at), g, nine.a10)
      nine.a20 = T.multiplyAdd(x2.vector(at: at), g, nine.a20)
    }
    if taps.start <= 1 && taps.end > 1 {
      nine.a01 = T.multiplyAdd(x0.vector(at: at &+ tap), g, nine.a01)
      nine.a11 = T.multiplyAdd(x1.vector(at: at &+ tap), g, nine.a11)
      nine.a21 = T.multiplyAdd(x2.vector(at: at &+ tap), g, nine.a21)
    }
    if taps.start <= 2 && taps.end > 2 {
      nine.a02 = T.multiplyAdd(x0.vector(at: at &+ 2 &* tap), g, nine.a02)
      nine.a12 = T.multiplyAdd(x1.vector(at: at &+ 2 &* tap), g, nine.a12)
      nine.a22 = T.multiplyAdd(x2.vector(at: at &+ 2 &* tap), g, nine.a22)
    }
  }
  nine.store(sums, sumPitch)
}
