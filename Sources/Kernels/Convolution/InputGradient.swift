import Parallel

/// dx of `convolution2D`: a convolution of the spread-out dy with the kernel flipped in space and transposed in its
/// channels. Overwrites dx.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func convolution2DInputGradient<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ w: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ shape: ConvolutionShape,
  algorithm: ConvolutionAlgorithm = .automatic
) {
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
  let (kh, kw, c, o) = (shape.kernelHeight, shape.kernelWidth, shape.inChannels, shape.outChannels)
  let panels = ColumnPanels(columns: c, lanes: T.Vector.scalarCount)
  let packed = sharedScratch(bytes: kh &* kw &* o &* panels.count &* panels.width &* MemoryLayout<T>.stride)
    .assumingMemoryBound(to: T.self)
  for panel in 0..<panels.count {
    for i in 0..<kh {
      for j in 0..<kw {
        let from = w + ((kh &- 1 &- i) &* kw &+ (kw &- 1 &- j)) &* c &* o
        let to = packed + ((panel &* kh &+ i) &* kw &+ j) &* o &* panels.width
        for lane in 0..<panels.width {
          let channel = panel &* panels.width &+ lane
          for k in 0..<o { to[k &* panels.width &+ lane] = channel < c ? from[channel &* o &+ k] : 0 }
        }
      }
    }
  }
  // The convolution of the spread form.
  let reach = ConvolutionShape(
    n: shape.n, height: shape.outHeight, width: shape.outWidth, inChannels: o, kernelHeight: kh, kernelWidth: kw,
    outChannels: c, strideH: 1, strideW: 1, dilationH: shape.dilationH, dilationW: shape.dilationW, padTop: 0,
    padLeft: 0, outHeight: shape.height, outWidth: shape.width)
  let bandRows = (reach.outHeight &+ reach.bands &- 1) / reach.bands
  let scratch = (bandRows &+ (kh &- 1) &* shape.dilationH) &* reach.reachWidth &* o
  parallel(
    shape.n &* reach.bands, scratchBytes: scratch &* MemoryLayout<T>.stride,
    (dy, UnsafePointer(packed), dx, shape, reach, panels)
  ) { context, chunk, scratch in
    let (dy, packed, dx, shape, reach, panels) = context
    let (image, rows) = (chunk / reach.bands, reach.rows(ofBand: chunk % reach.bands))
    let room = scratch.assumingMemoryBound(to: T.self)
    spreadGradient(dy + image &* shape.outputCount, room, shape, rows: rows)
    let band = Band(
      x: UnsafePointer(room), rowStep: reach.reachWidth &* reach.inChannels, rows: rows.count,
      y: dx + (image &* shape.inputCount &+ rows.lowerBound &* shape.width &* shape.inChannels))
    switch panels.vectors {
    case 4: convolveBand(Strip4<T>.self, band, packed, reach, panels, nil, false, isGathered: false)
    case 2: convolveBand(Strip2<T>.self, band, packed, reach, panels, nil, false, isGathered: false)
    default: convolveBand(Strip1<T>.self, band, packed, reach, panels, nil, false, isGathered: false)
    }
  }
}
