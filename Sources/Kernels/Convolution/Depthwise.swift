import Parallel

/// Output rows of one chunk: an even number, since sliding windows make two at once.
private let bandRows = 8

/// y[n,h,w,c·M+m] = Σ x[n, h·s + i·d - p, w·s + j·d - p, c] · w[i,j,c,m] (+ bias[c·M+m]), rectified if asked.
///
/// x [N, H, W, C], w [KH, KW, C, M], y [N, OH, OW, C·M]; `shape` holds C and C·M as its channels.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func depthwiseConvolution2D<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ w: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ shape: ConvolutionShape,
  bias: UnsafePointer<T>?, relu: Bool
) {
  T.requireSpecialization()
  if shape.isEmpty { return }
  let job = DepthwiseJob(
    shape, source: shape.inChannels, destination: shape.outChannels, lanes: T.Vector.scalarCount, overlaps: true)
  depthwiseImages(x, w, y, job, bias: bias, relu: relu, isFlipped: false)
}

/// dx of `depthwiseConvolution2D`. Overwrites dx.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func depthwiseConvolution2DInputGradient<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ w: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ shape: ConvolutionShape
) {
  T.requireSpecialization()
  if shape.n == 0 || shape.inputCount == 0 { return }
  if shape.isEmpty {
    dx.update(repeating: 0, count: shape.n &* shape.inputCount)
    return
  }
  if shape.strideH > 1 || shape.strideW > 1 { return depthwiseStridedInputGradient(dy, w, dx, shape) }
  // With stride 1 it is the convolution of dy with the flipped kernel.
  var mirrored = shape
  (mirrored.height, mirrored.width) = (shape.outHeight, shape.outWidth)
  (mirrored.outHeight, mirrored.outWidth) = (shape.height, shape.width)
  mirrored.padTop = (shape.kernelHeight &- 1) &* shape.dilationH &- shape.padTop
  mirrored.padLeft = (shape.kernelWidth &- 1) &* shape.dilationW &- shape.padLeft
  let job = DepthwiseJob(
    mirrored, source: shape.outChannels, destination: shape.inChannels, lanes: T.Vector.scalarCount, overlaps: true)
  depthwiseImages(dy, w, dx, job, bias: nil, relu: false, isFlipped: true)
}

@inline(__always)
private func depthwiseImages<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ w: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ job: DepthwiseJob,
  bias: UnsafePointer<T>?, relu: Bool, isFlipped: Bool
) {
  let (s, pitch) = (job.shape, job.pitch)
  // Packed kernels, where sums start, and a row of zeros for what lies above and below an image.
  guard
    let shared = sharedScratch(bytes: (job.taps &* pitch &+ pitch &+ s.width &* pitch) &* MemoryLayout<T>.stride)?
      .assumingMemoryBound(to: T.self)
  else { return }
  packTaps(w, shared, job, isFlipped: isFlipped)
  let start = shared + job.taps &* pitch
  for c in 0..<pitch { start[c] = 0 }
  if let bias { for c in 0..<job.channels { start[c] = bias[c] } }
  let zeros = start + pitch
  zeros.update(repeating: 0, count: s.width &* pitch)
  let end = DepthwiseEnd(start: UnsafePointer(start), relu: relu)

  let bands = (s.outHeight &+ bandRows &- 1) / bandRows
  let inRows = (Swift.min(bandRows, s.outHeight) &- 1) &* s.strideH &+ (s.kernelHeight &- 1) &* s.dilationH &+ 1
  let elements =
    (job.copiesSource ? inRows &* s.width &* pitch : 0) &+ (job.copiesDestination ? 2 &* s.outWidth &* pitch : 0)
  let pointerBytes = (s.kernelHeight &+ 1) &* MemoryLayout<UnsafePointer<T>>.stride
  parallel(
    s.n &* bands, scratchBytes: elements &* MemoryLayout<T>.stride &+ pointerBytes,
    (x, UnsafePointer(shared), UnsafePointer(zeros), y, job, end, bands, inRows)
  ) { context, chunk, scratch in
    let (x, w, zeros, y, job, end, bands, inRows) = context
    let (s, pitch) = (job.shape, job.pitch)
    let image = chunk / bands
    let first = chunk % bands &* bandRows
    let last = Swift.min(first &+ bandRows, s.outHeight)
    let top = first &* s.strideH &- s.padTop
    let copies = scratch.assumingMemoryBound(to: T.self)
    let finished = copies + (job.copiesSource ? inRows &* s.width &* pitch : 0)
    let pointers = UnsafeMutableRawPointer(finished + (job.copiesDestination ? 2 &* s.outWidth &* pitch : 0))
      .assumingMemoryBound(to: UnsafePointer<T>.self)
    // Where image row `top` would begin, and what separates rows.
    var origin = x + (image &* s.height &+ top) &* s.width &* job.sourceChannels
    let rowStep = s.width &* (job.copiesSource ? pitch : job.sourceChannels)
    if job.copiesSource {
      let used = (last &- 1 &- first) &* s.strideH &+ (s.kernelHeight &- 1) &* s.dilationH &+ 1
      for row in Swift.max(0, -top)..<Swift.max(Swift.max(0, -top), Swift.min(used, s.height &- top)) {
        spreadChannels(
          origin + row &* s.width &* job.sourceChannels, copies + row &* rowStep, pixels: s.width, job)
      }
      origin = UnsafePointer(copies)
    }
    var row = first
    while row < last {
      let isPair = job.isSliding3x3 && row &+ 1 < last
      for i in 0..<(isPair ? 4 : s.kernelHeight) {
        let from = (row &- first) &* s.strideH &+ i &* s.dilationH
        let isInside = top &+ from >= 0 && top &+ from < s.height
        pointers[i] = isInside ? origin + from &* rowStep : zeros
      }
      let made = isPair ? 2 : 1
      let out = y + (image &* s.outHeight &+ row) &* s.outWidth &* job.destinationChannels
      let to = job.copiesDestination ? finished : out
      if isPair {
        depthwiseRowPair(UnsafePointer(pointers), w, to, s.outWidth &* pitch, job, end)
      } else {
        depthwiseRow(UnsafePointer(pointers), w, to, job, end)
      }
      if job.copiesDestination { gatherChannels(finished, out, pixels: made &* s.outWidth, job) }
      row &+= made
    }
  }
}

/// Each row of dx from the rows of dy whose windows hold it: stride by stride, the pixels of dy are added to where they
/// came from.
@inline(__always)
private func depthwiseStridedInputGradient<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ w: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ shape: ConvolutionShape
) {
  let job = DepthwiseJob(
    shape, source: shape.outChannels, destination: shape.inChannels, lanes: T.Vector.scalarCount, overlaps: false)
  let pitch = job.pitch
  guard let packed = sharedScratch(bytes: job.taps &* pitch &* MemoryLayout<T>.stride)?.assumingMemoryBound(to: T.self)
  else { return }
  packTaps(w, packed, job, isFlipped: false)
  let sourceRoom = job.copiesSource ? shape.outWidth &* pitch : 0
  let destinationRoom = job.copiesDestination ? shape.width &* pitch : 0
  parallel(
    shape.n &* shape.height, scratchBytes: (sourceRoom &+ destinationRoom) &* MemoryLayout<T>.stride,
    (dy, UnsafePointer(packed), dx, job, sourceRoom)
  ) { context, chunk, scratch in
    let (dy, w, dx, job, sourceRoom) = context
    let (s, pitch) = (job.shape, job.pitch)
    let (image, row) = (chunk / s.height, chunk % s.height)
    let copy = scratch.assumingMemoryBound(to: T.self)
    let out = dx + chunk &* s.width &* job.destinationChannels
    let sums = job.copiesDestination ? copy + sourceRoom : out
    sums.update(repeating: 0, count: s.width &* pitch)
    for i in 0..<s.kernelHeight {
      let from = s.outputRow(row, ofTap: i)
      if from < 0 { continue }
      var source = dy + (image &* s.outHeight &+ from) &* s.outWidth &* job.sourceChannels
      if job.copiesSource {
        spreadChannels(source, copy, pixels: s.outWidth, job)
        source = UnsafePointer(copy)
      }
      for j in 0..<s.kernelWidth {
        let columns = s.columns(ofTap: j)
        let weights = w + (i &* s.kernelWidth &+ j) &* pitch
        for column in columns.start..<columns.end {
          let to = sums + (column &* s.strideW &+ j &* s.dilationW &- s.padLeft) &* pitch
          var c = 0
          while c < pitch {
            let product = T.multiplyAdd(
              source.vector(at: column &* pitch &+ c), weights.vector(at: c), to.vector(at: c))
            to.store(product, at: c)
            c &+= T.Vector.scalarCount
          }
        }
      }
    }
    if job.copiesDestination { gatherChannels(sums, out, pixels: s.width, job) }
  }
}
