import Parallel

/// Images are summed in at most this many groups, whose results are added in order.
private let maximumGroups = 8

/// dw of `convolution2D`: for each kernel tap the product of x, shifted, with dy over all pixels. Overwrites dw.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func convolution2DWeightGradient<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ dy: UnsafePointer<T>, _ dw: UnsafeMutablePointer<T>, _ shape: ConvolutionShape,
  algorithm: ConvolutionAlgorithm = .automatic
) {
  T.requireSpecialization()
  let count = shape.weightCount
  if shape.isEmpty || shape.inputCount == 0 {
    for i in 0..<count { dw[i] = 0 }
    return
  }
  if shape.usesWinograd(T.self, algorithm) {
    return winogradWeightGradient(asFloat(x), asFloat(dy), asFloat(dw), shape)
  }
  let panels = ColumnPanels(columns: shape.outChannels, lanes: T.Vector.scalarCount)
  let isRagged = panels.count &* panels.width != shape.outChannels
  let groups = Swift.min(shape.n, maximumGroups)
  guard let partial = sharedScratch(bytes: groups &* count &* MemoryLayout<T>.stride)?.assumingMemoryBound(to: T.self)
  else { return }
  let imageRoom =
    shape.gathersWindows
    ? shape.outHeight &* shape.outWidth &* shape.gathered.inChannels
    : (shape.isPadded ? shape.reachHeight &* shape.reachWidth &* shape.inChannels : 0)
  let gradientRoom = isRagged ? shape.outHeight &* shape.outWidth &* panels.count &* panels.width : 0
  parallel(
    groups, scratchBytes: (imageRoom &+ gradientRoom) &* MemoryLayout<T>.stride,
    (x, dy, partial, shape, panels, groups, imageRoom)
  ) { context, group, scratch in
    let (x, dy, partial, s, panels, groups, imageRoom) = context
    let count = s.weightCount
    let sums = partial + group &* count
    for i in 0..<count { sums[i] = 0 }
    let room = scratch.assumingMemoryBound(to: T.self)
    for image in (group &* s.n / groups)..<((group &+ 1) &* s.n / groups) {
      var source = x + image &* s.inputCount
      var rowStep = s.width &* s.inChannels
      if s.gathersWindows {
        gatherWindows(source, room, s, outRows: 0..<s.outHeight)
        source = UnsafePointer(room)
      } else if s.isPadded {
        padRows(source, room, s, outRows: 0..<s.outHeight)
        source = UnsafePointer(room)
        rowStep = s.reachWidth &* s.inChannels
      }
      var gradient = dy + image &* s.outputCount
      var gradientStep = s.outChannels
      if panels.count &* panels.width != s.outChannels {
        gradientStep = panels.count &* panels.width
        let padded = room + imageRoom
        for pixel in 0..<(s.outHeight &* s.outWidth) {
          for j in 0..<s.outChannels { padded[pixel &* gradientStep &+ j] = gradient[pixel &* s.outChannels &+ j] }
          for j in s.outChannels..<gradientStep { padded[pixel &* gradientStep &+ j] = 0 }
        }
        gradient = UnsafePointer(padded)
      }
      switch panels.vectors {
      case 4: addImage(Strip4<T>.self, source, rowStep, gradient, gradientStep, sums, s, panels)
      case 2: addImage(Strip2<T>.self, source, rowStep, gradient, gradientStep, sums, s, panels)
      default: addImage(Strip1<T>.self, source, rowStep, gradient, gradientStep, sums, s, panels)
      }
    }
  }
  for i in 0..<count {
    var total = partial[i]
    for group in 1..<Swift.max(groups, 1) { total += partial[group &* count &+ i] }
    dw[i] = total
  }
}

/// Adds one image's part: (kw, C_in) rows of the kernel times C_out columns, summed over all pixels in registers.
@inline(__always)
private func addImage<S: Strip>(
  _: S.Type, _ x: UnsafePointer<S.T>, _ rowStep: Int, _ dy: UnsafePointer<S.T>, _ dyStep: Int,
  _ dw: UnsafeMutablePointer<S.T>, _ s: ConvolutionShape, _ panels: ColumnPanels
) {
  for panel in 0..<panels.count {
    let column = panel &* panels.width
    let columns = Swift.min(panels.width, s.outChannels &- column)
    let epilogue = Epilogue<S>(columns: columns, accumulates: true, bias: nil, relu: false)
    if s.gathersWindows {
      let terms = s.kernelHeight &* s.kernelWidth &* s.inChannels
      let runs = Runs(
        a: x, b: dy + column, length: s.outHeight &* s.outWidth, step: 1, rowStep: s.outHeight &* s.outWidth,
        bStep: dyStep, count: 1, aJump: 0, bJump: 0)
      stripRows(S.self, rows: terms, runs, dw + column, s.outChannels, epilogue)
      continue
    }
    // Taps of a kernel row are neighbours in memory unless dilated.
    let taps = s.dilationW == 1 ? 1 : s.kernelWidth
    let rows = s.kernelWidth / taps &* s.inChannels
    for i in 0..<s.kernelHeight {
      for j in 0..<taps {
        let runs = Runs(
          a: x + (i &* s.dilationH &* rowStep &+ j &* s.dilationW &* s.inChannels), b: dy + column,
          length: s.outWidth, step: s.strideW &* s.inChannels, rowStep: 1, bStep: dyStep, count: s.outHeight,
          aJump: s.strideH &* rowStep, bJump: s.outWidth &* dyStep)
        let first = (i &* s.kernelWidth &+ j) &* s.inChannels
        stripRows(S.self, rows: rows, runs, dw + (first &* s.outChannels &+ column), s.outChannels, epilogue)
      }
    }
  }
}
