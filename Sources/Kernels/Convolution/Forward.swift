import Parallel

/// y[n,h,w,o] = Σ x[n, h·s + i·d - p, w·s + j·d - p, c] · w[i,j,c,o] (+ bias[o]), rectified if asked.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func convolution2D<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ w: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ shape: ConvolutionShape,
  bias: UnsafePointer<T>?, relu: Bool, algorithm: ConvolutionAlgorithm = .automatic
) {
  T.requireSpecialization()
  if shape.isEmpty { return }
  if shape.usesWinograd(T.self, algorithm) {
    return winogradConvolution(
      asFloat(x), asFloat(w), asFloat(y), shape, bias: bias.map { asFloat($0) }, relu: relu)
  }
  if shape.isPointwise {
    return matrixMultiply(
      x, w, y, m: shape.n &* shape.outHeight &* shape.outWidth, n: shape.outChannels, k: shape.inChannels,
      transposeA: false, transposeB: false, bias: bias, activation: relu ? .relu : .none, accumulate: false)
  }
  let panels = ColumnPanels(columns: shape.outChannels, lanes: T.Vector.scalarCount)
  let terms = shape.kernelHeight &* shape.kernelWidth &* shape.inChannels
  var packed = w
  if panels.count > 1 || panels.width != shape.outChannels {
    guard
      let room = sharedScratch(bytes: panels.count &* terms &* panels.width &* MemoryLayout<T>.stride)?
        .assumingMemoryBound(to: T.self)
    else { return }
    packPanels(w, room, rows: terms, columns: shape.outChannels, panels)
    packed = UnsafePointer(room)
  }
  let bandRows = (shape.outHeight &+ shape.bands &- 1) / shape.bands
  let scratch =
    shape.gathersWindowsForward
    ? bandRows &* shape.outWidth &* shape.gathered.inChannels
    : ((bandRows &- 1) &* shape.strideH &+ (shape.kernelHeight &- 1) &* shape.dilationH &+ 1) &* shape.reachWidth
      &* shape.inChannels
  parallel(
    shape.n &* shape.bands, scratchBytes: scratch &* MemoryLayout<T>.stride,
    (x, packed, y, shape, panels, bias, relu)
  ) { context, chunk, scratch in
    let (x, packed, y, s, panels, bias, relu) = context
    let (image, rows) = (chunk / s.bands, s.rows(ofBand: chunk % s.bands))
    let source = x + image &* s.inputCount
    let room = scratch.assumingMemoryBound(to: T.self)
    let isCopied = s.gathersWindowsForward || s.isPadded
    if s.gathersWindowsForward {
      gatherWindows(source, room, s, outRows: rows)
    } else if s.isPadded {
      padRows(source, room, s, outRows: rows)
    }
    let out = y + (image &* s.outputCount &+ rows.lowerBound &* s.outWidth &* s.outChannels)
    let band = Band(
      x: isCopied ? UnsafePointer(room) : source + rows.lowerBound &* s.strideH &* s.width &* s.inChannels,
      rowStep: (isCopied ? s.reachWidth : s.width) &* s.inChannels, rows: rows.count, y: out,
      yRowStep: s.outWidth &* s.outChannels, yPixelStep: s.outChannels)
    switch panels.vectors {
    case 4: convolveBand(Strip4<T>.self, band, packed, s, panels, bias, relu, isGathered: s.gathersWindowsForward)
    case 2: convolveBand(Strip2<T>.self, band, packed, s, panels, bias, relu, isGathered: s.gathersWindowsForward)
    default: convolveBand(Strip1<T>.self, band, packed, s, panels, bias, relu, isGathered: s.gathersWindowsForward)
    }
  }
}

/// Some rows of one image.
struct Band<T: KernelScalar> {
  /// Where the first output row's windows begin, and what separates input rows.
  let x: UnsafePointer<T>
  let rowStep: Int
  let rows: Int
  let y: UnsafeMutablePointer<T>
  /// What separates the output's rows and pixels.
  let yRowStep, yPixelStep: Int
}

@inline(__always)
func convolveBand<S: Strip>(
  _: S.Type, _ band: Band<S.T>, _ packed: UnsafePointer<S.T>, _ s: ConvolutionShape, _ panels: ColumnPanels,
  _ bias: UnsafePointer<S.T>?, _ relu: Bool, isGathered: Bool
) {
  let terms = s.kernelHeight &* s.kernelWidth &* s.inChannels
  for panel in 0..<panels.count {
    let column = panel &* panels.width
    let columns = Swift.min(panels.width, s.outChannels &- column)
    let weights = packed + panel &* terms &* panels.width
    let bias = bias.map { $0 + column }
    if isGathered {
      // One column of the matrix of windows per pixel.
      let runs = Runs(
        a: band.x, b: weights, length: terms, step: band.rows &* s.outWidth, rowStep: 1, bStep: panels.width, count: 1,
        aJump: 0, bJump: 0)
      let epilogue = Epilogue<S>(columns: columns, accumulates: false, bias: bias, relu: relu)
      stripRows(S.self, rows: band.rows &* s.outWidth, runs, band.y + column, s.outChannels, epilogue)
      continue
    }
    for row in 0..<band.rows {
      let a = band.x + row &* s.strideH &* band.rowStep
      let out = band.y + (row &* band.yRowStep &+ column)
      if s.dilationW == 1 {
        // A kernel row meets one contiguous run of the image.
        let length = s.kernelWidth &* s.inChannels
        let runs = Runs(
          a: a, b: weights, length: length, step: 1, rowStep: s.strideW &* s.inChannels, bStep: panels.width,
          count: s.kernelHeight, aJump: s.dilationH &* band.rowStep, bJump: length &* panels.width)
        let epilogue = Epilogue<S>(columns: columns, accumulates: false, bias: bias, relu: relu)
        stripRows(S.self, rows: s.outWidth, runs, out, band.yPixelStep, epilogue)
        continue
      }
      for i in 0..<s.kernelHeight {
        let isLast = i == s.kernelHeight &- 1
        let runs = Runs(
          a: a + i &* s.dilationH &* band.rowStep,
          b: weights + i &* s.kernelWidth &* s.inChannels &* panels.width, length: s.inChannels, step: 1,
          rowStep: s.strideW &* s.inChannels, bStep: panels.width, count: s.kernelWidth,
          aJump: s.dilationW &* s.inChannels, bJump: s.inChannels &* panels.width)
        let epilogue = Epilogue<S>(
          columns: columns, accumulates: i > 0, bias: isLast ? bias : nil, relu: isLast && relu)
        stripRows(S.self, rows: s.outWidth, runs, out, band.yPixelStep, epilogue)
      }
    }
  }
}
