import Parallel

/// Output rows are summed in at most this many groups, whose results are added in order.
private let maximumGroups = 16

/// dw of `depthwiseConvolution2D`: for each tap the sum of x, shifted, times dy over all pixels. Overwrites dw.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func depthwiseConvolution2DWeightGradient<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ dy: UnsafePointer<T>, _ dw: UnsafeMutablePointer<T>, _ shape: ConvolutionShape
) {
  let job = DepthwiseJob(
    shape, source: shape.inChannels, destination: shape.outChannels, lanes: T.Vector.scalarCount)
  let (taps, pitch) = (job.taps, job.pitch)
  if shape.isEmpty || shape.inputCount == 0 {
    dw.update(repeating: 0, count: taps &* job.channels)
    return
  }
  let groups = Swift.min(shape.n &* shape.outHeight, maximumGroups)
  let count = taps &* pitch
  let partial = sharedScratch(bytes: (groups &* count &+ shape.width &* pitch) &* MemoryLayout<T>.stride)
    .assumingMemoryBound(to: T.self)
  let zeros = partial + groups &* count
  zeros.update(repeating: 0, count: shape.width &* pitch)
  // Copies of the kernel's input rows and of the row of dy.
  let sourceRoom = job.copiesSource ? shape.kernelHeight &* shape.width &* pitch : 0
  let gradientRoom = job.copiesDestination ? shape.outWidth &* pitch : 0
  let pointerBytes = shape.kernelHeight &* MemoryLayout<UnsafePointer<T>>.stride
  parallel(
    groups, scratchBytes: (sourceRoom &+ gradientRoom) &* MemoryLayout<T>.stride &+ pointerBytes,
    (x, dy, partial, UnsafePointer(zeros), job, groups, sourceRoom, gradientRoom)
  ) { context, group, scratch in
    let (x, dy, partial, zeros, job, groups, sourceRoom, gradientRoom) = context
    let (s, pitch) = (job.shape, job.pitch)
    let count = job.taps &* pitch
    let sums = partial + group &* count
    sums.update(repeating: 0, count: count)
    let copies = scratch.assumingMemoryBound(to: T.self)
    let pointers = UnsafeMutableRawPointer(copies + (sourceRoom &+ gradientRoom))
      .assumingMemoryBound(to: UnsafePointer<T>.self)
    let all = s.n &* s.outHeight
    for row in (group &* all / groups)..<((group &+ 1) &* all / groups) {
      let image = row / s.outHeight
      let top = row % s.outHeight &* s.strideH &- s.padTop
      for i in 0..<s.kernelHeight {
        let h = top &+ i &* s.dilationH
        guard h >= 0, h < s.height else {
          pointers[i] = zeros
          continue
        }
        let from = x + (image &* s.height &+ h) &* s.width &* job.sourceChannels
        if job.copiesSource {
          let to = copies + i &* s.width &* pitch
          spreadChannels(from, to, pixels: s.width, job)
          pointers[i] = UnsafePointer(to)
        } else {
          pointers[i] = from
        }
      }
      var gradient = dy + row &* s.outWidth &* job.channels
      if job.copiesDestination {
        let to = copies + sourceRoom
        for pixel in 0..<s.outWidth {
          for c in 0..<job.channels { to[pixel &* pitch &+ c] = gradient[pixel &* job.channels &+ c] }
          for c in job.channels..<pitch { to[pixel &* pitch &+ c] = 0 }
        }
        gradient = UnsafePointer(to)
      }
      addRow(UnsafePointer(pointers), gradient, sums, job)
    }
  }
  for tap in 0..<taps {
    for c in 0..<job.channels {
      var total = partial[tap &* pitch &+ c]
      for group in 1..<groups { total += partial[group &* count &+ tap &* pitch &+ c] }
      dw[tap &* job.channels &+ c] = total
    }
  }
}

/// Adds one output row's part to the sums of all taps.
@inline(__always)
private func addRow<T: KernelScalar>(
  _ rows: UnsafePointer<UnsafePointer<T>>, _ dy: UnsafePointer<T>, _ sums: UnsafeMutablePointer<T>, _ job: DepthwiseJob
) {
  let (s, pitch) = (job.shape, job.pitch)
  let inside = job.interior
  let is3x3 = s.kernelHeight == 3 && s.kernelWidth == 3 && inside.end > inside.start
  var c = 0
  while c < pitch {
    if is3x3 { addInterior3x3(rows, dy + c, sums + c, c, inside, job) }
    for i in 0..<s.kernelHeight {
      for j in 0..<s.kernelWidth {
        let columns = job.columns(ofTap: j)
        let to = sums + ((i &* s.kernelWidth &+ j) &* pitch &+ c)
        let x = rows[i] + ((j &* s.dilationW &- s.padLeft) &* pitch &+ c)
        if is3x3 {
          addTap(x, dy + c, to, columns.start, inside.start, job)
          addTap(x, dy + c, to, inside.end, columns.end, job)
        } else {
          addTap(x, dy + c, to, columns.start, columns.end, job)
        }
      }
    }
    c &+= T.Vector.scalarCount
  }
}

/// One tap over some columns, in four sums.
@inline(__always)
private func addTap<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ dy: UnsafePointer<T>, _ to: UnsafeMutablePointer<T>, _ start: Int, _ end: Int,
  _ job: DepthwiseJob
) {
  if start >= end { return }
  let (pitch, step) = (job.pitch, job.shape.strideW &* job.pitch)
  var (a0, a1, a2, a3) = (to.vector(at: 0), T.Vector(), T.Vector(), T.Vector())
  var column = start
  while column &+ 4 <= end {
    let (x, dy) = (x + column &* step, dy + column &* pitch)
    a0 = T.multiplyAdd(x.vector(at: 0), dy.vector(at: 0), a0)
    a1 = T.multiplyAdd(x.vector(at: step), dy.vector(at: pitch), a1)
    a2 = T.multiplyAdd(x.vector(at: 2 &* step), dy.vector(at: 2 &* pitch), a2)
    a3 = T.multiplyAdd(x.vector(at: 3 &* step), dy.vector(at: 3 &* pitch), a3)
    column &+= 4
  }
  while column < end {
    a0 = T.multiplyAdd(x.vector(at: column &* step), dy.vector(at: column &* pitch), a0)
    column &+= 1
  }
  to.store((a0 + a1) + (a2 + a3), at: 0)
}

/// All nine taps over the columns whose windows are inside, held in registers.
@inline(__always)
private func addInterior3x3<T: KernelScalar>(
  _ rows: UnsafePointer<UnsafePointer<T>>, _ dy: UnsafePointer<T>, _ sums: UnsafeMutablePointer<T>, _ c: Int,
  _ inside: (start: Int, end: Int), _ job: DepthwiseJob
) {
  let (s, pitch) = (job.shape, job.pitch)
  let (step, tap) = (s.strideW &* pitch, s.dilationW &* pitch)
  let base = inside.start &* step &- s.padLeft &* pitch &+ c
  var (x0, x1, x2) = (rows[0] + base, rows[1] + base, rows[2] + base)
  var gradient = dy + inside.start &* pitch
  var (a00, a01, a02) = (sums.vector(at: 0), sums.vector(at: pitch), sums.vector(at: 2 &* pitch))
  var (a10, a11, a12) = (sums.vector(at: 3 &* pitch), sums.vector(at: 4 &* pitch), sums.vector(at: 5 &* pitch))
  var (a20, a21, a22) = (sums.vector(at: 6 &* pitch), sums.vector(at: 7 &* pitch), sums.vector(at: 8 &* pitch))
  for _ in inside.start..<inside.end {
    let g = gradient.vector(at: 0)
    a00 = T.multiplyAdd(x0.vector(at: 0), g, a00)
    a01 = T.multiplyAdd(x0.vector(at: tap), g, a01)
    a02 = T.multiplyAdd(x0.vector(at: 2 &* tap), g, a02)
    a10 = T.multiplyAdd(x1.vector(at: 0), g, a10)
    a11 = T.multiplyAdd(x1.vector(at: tap), g, a11)
    a12 = T.multiplyAdd(x1.vector(at: 2 &* tap), g, a12)
    a20 = T.multiplyAdd(x2.vector(at: 0), g, a20)
    a21 = T.multiplyAdd(x2.vector(at: tap), g, a21)
    a22 = T.multiplyAdd(x2.vector(at: 2 &* tap), g, a22)
    x0 += step
    x1 += step
    x2 += step
    gradient += pitch
  }
  sums.store(a00, at: 0)
  sums.store(a01, at: pitch)
  sums.store(a02, at: 2 &* pitch)
  sums.store(a10, at: 3 &* pitch)
  sums.store(a11, at: 4 &* pitch)
  sums.store(a12, at: 5 &* pitch)
  sums.store(a20, at: 6 &* pitch)
  sums.store(a21, at: 7 &* pitch)
  sums.store(a22, at: 8 &* pitch)
}
