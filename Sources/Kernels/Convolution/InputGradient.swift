import Parallel

/// dx of `convolution2D`: for each phase of the strides a convolution of dy with the kernel's taps that the phase meets,
/// flipped in space and transposed in their channels. Overwrites dx.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func convolution2DInputGradient<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ w: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ shape: ConvolutionShape,
  algorithm: ConvolutionAlgorithm = .automatic
) {
  T.requireSpecialization()
  if shape.n == 0 || shape.inputCount == 0 { return }
  if shape.isEmpty {
    for i in 0..<(shape.n &* shape.inputCount) { dx[i] = 0 }
    return
  }
  if shape.usesWinograd(T.self, algorithm) {
    return winogradInputGradient(asFloat(dy), asFloat(w), asFloat(dx), shape)
  }
  if shape.isPointwise {
    return matrixMultiply(
      dy, w, dx, m: shape.n &* shape.height &* shape.width, n: shape.inChannels, k: shape.outChannels,
      transposeA: false, transposeB: true, bias: nil, activation: .none, accumulate: false)
  }
  for down in 0..<shape.strideH {
    let vertical = GradientPhase(
      down, size: shape.height, stride: shape.strideH, kernel: shape.kernelHeight, dilation: shape.dilationH,
      pad: shape.padTop)
    for across in 0..<shape.strideW {
      let horizontal = GradientPhase(
        across, size: shape.width, stride: shape.strideW, kernel: shape.kernelWidth, dilation: shape.dilationW,
        pad: shape.padLeft)
      gradientOfPhase(dy, w, dx, shape, vertical, horizontal)
    }
  }
}

/// Along one axis, the elements of dx that lie a stride apart: all of them meet the same taps of the kernel. With those
/// taps, flipped, they are a plain convolution of dy: element n is Σ dy[n - pad + t · dilation] · w[last - t · tapStep].
private struct GradientPhase {
  /// First element of dx, and how many there are.
  let first, count: Int
  /// Taps, the last of them, and what separates them in the kernel.
  let taps, last, tapStep: Int
  let dilation, pad: Int

  init(_ phase: Int, size: Int, stride: Int, kernel: Int, dilation: Int, pad: Int) {
    first = phase
    count = phase < size ? (size &- 1 &- phase) / stride &+ 1 : 0
    // Tap i reads dy[(phase + pad - i · dilation) / stride] where that is a whole number.
    var tap = 0
    while tap < Swift.min(kernel, stride) && (phase &+ pad &- tap &* dilation) % stride != 0 { tap &+= 1 }
    var step = 1
    while step &* dilation % stride != 0 { step &+= 1 }
    taps = tap < Swift.min(kernel, stride) ? (kernel &- 1 &- tap) / step &+ 1 : 0
    tapStep = step
    last = tap &+ (taps &- 1) &* step
    self.dilation = step &* dilation / stride
    self.pad = (taps &- 1) &* self.dilation &- (phase &+ pad &- tap &* dilation) / stride
  }
}

@inline(__always)
private func gradientOfPhase<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ w: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ shape: ConvolutionShape,
  _ vertical: GradientPhase, _ horizontal: GradientPhase
) {
  if vertical.count == 0 || horizontal.count == 0 { return }
  let (c, o) = (shape.inChannels, shape.outChannels)
  let panels = ColumnPanels(columns: c, lanes: T.Vector.scalarCount)
  let (kh, kw) = (vertical.taps, horizontal.taps)
  guard
    let packed = sharedScratch(bytes: kh &* kw &* o &* panels.count &* panels.width &* MemoryLayout<T>.stride)?
      .assumingMemoryBound(to: T.self)
  else { return }
  for panel in 0..<panels.count {
    for i in 0..<kh {
      for j in 0..<kw {
        let (row, column) = (vertical.last &- i &* vertical.tapStep, horizontal.last &- j &* horizontal.tapStep)
        let from = w + (row &* shape.kernelWidth &+ column) &* c &* o
        let to = packed + ((panel &* kh &+ i) &* kw &+ j) &* o &* panels.width
        for lane in 0..<panels.width {
          let channel = panel &* panels.width &+ lane
          for k in 0..<o { to[k &* panels.width &+ lane] = channel < c ? from[channel &* o &+ k] : 0 }
        }
      }
    }
  }
  let phase = ConvolutionShape(
    n: shape.n, height: shape.outHeight, width: shape.outWidth, inChannels: o, kernelHeight: kh, kernelWidth: kw,
    outChannels: c, strideH: 1, strideW: 1, dilationH: vertical.dilation, dilationW: horizontal.dilation,
    padTop: vertical.pad, padLeft: horizontal.pad, outHeight: vertical.count, outWidth: horizontal.count)
  let bandRows = (phase.outHeight &+ phase.bands &- 1) / phase.bands
  let scratch = (bandRows &+ Swift.max(0, kh &- 1) &* phase.dilationH) &* phase.reachWidth &* o
  parallel(
    shape.n &* phase.bands, scratchBytes: Swift.max(0, scratch) &* MemoryLayout<T>.stride,
    (dy, UnsafePointer(packed), dx + (vertical.first &* shape.width &+ horizontal.first) &* c, shape, phase, panels)
  ) { context, chunk, scratch in
    let (dy, packed, dx, shape, phase, panels) = context
    let (image, rows) = (chunk / phase.bands, phase.rows(ofBand: chunk % phase.bands))
    let rowStep = shape.strideH &* shape.width &* shape.inChannels
    let pixelStep = shape.strideW &* shape.inChannels
    let out = dx + (image &* shape.inputCount &+ rows.lowerBound &* rowStep)
    if phase.kernelHeight == 0 || phase.kernelWidth == 0 {
      for row in 0..<rows.count {
        for column in 0..<phase.outWidth {
          for k in 0..<phase.outChannels { out[row &* rowStep &+ column &* pixelStep &+ k] = 0 }
        }
      }
      return
    }
    let room = scratch.assumingMemoryBound(to: T.self)
    padRows(dy + image &* shape.outputCount, room, phase, outRows: rows)
    let band = Band(
      x: UnsafePointer(room), rowStep: phase.reachWidth &* phase.inChannels, rows: rows.count, y: out,
      yRowStep: rowStep, yPixelStep: pixelStep)
    switch panels.vectors {
    case 4: convolveBand(Strip4<T>.self, band, packed, phase, panels, nil, false, isGathered: false)
    case 2: convolveBand(Strip2<T>.self, band, packed, phase, panels, nil, false, isGathered: false)
    default: convolveBand(Strip1<T>.self, band, packed, phase, panels, nil, false, isGathered: false)
    }
  }
}
