import Parallel

/// `convolution2DInputGradient` by Winograd's algorithm: where the output has clearly fewer tiles than the input (small
/// images without padding), by the transposed algorithm on the output's tiles, else as a convolution of dy.
func winogradInputGradient(
  _ dy: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ dx: UnsafeMutablePointer<Float>, _ shape: ConvolutionShape
) {
  let correlation = shape.inputGradientConvolution
  let tiling = WinogradTiling(shape)
  // The transposed algorithm is cut by images, because patches of dx overlap.
  if shape.n >= 4 && tiling.total &* 5 <= WinogradTiling(correlation).total &* 4 {
    return transposedConvolution(dy, w, dx, tiling)
  }
  winogradConvolution(dy, w, dx, correlation, bias: nil, relu: false, .flipped)
}

extension ConvolutionShape {
  /// The convolution of dy with the flipped kernel that gives dx, for stride 1 without dilation.
  var inputGradientConvolution: ConvolutionShape {
    ConvolutionShape(
      n: n, height: outHeight, width: outWidth, inChannels: outChannels, kernelHeight: kernelHeight,
      kernelWidth: kernelWidth, outChannels: inChannels, strideH: 1, strideW: 1, dilationH: 1, dilationW: 1,
      padTop: kernelHeight &- 1 &- padTop, padLeft: kernelWidth &- 1 &- padLeft, outHeight: height, outWidth: width)
  }
}

/// dx = Σ over tiles of B[U ⊙ (A dy Aᵀ)]Bᵀ.
private func transposedConvolution(
  _ dy: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ dx: UnsafeMutablePointer<Float>, _ tiling: WinogradTiling
) {
  let shape = tiling.shape
  let kernel = WinogradKernel(inChannels: shape.inChannels, outChannels: shape.outChannels, .transposed)
  guard let u = sharedScratch(bytes: kernel.room &* 4)?.assumingMemoryBound(to: Float.self) else { return }
  kernel.transform(w, u)
  let job = TransposedConvolution(dy: dy, u: u, dx: dx, kernel: kernel, tiling: tiling)
  parallel(job.chunks, scratchBytes: job.scratch &* 4, job) { job, chunk, scratch in
    job.run(chunk, scratch.assumingMemoryBound(to: Float.self))
  }
}

private struct TransposedConvolution {
  let dy, u: UnsafePointer<Float>
  let dx: UnsafeMutablePointer<Float>
  let kernel: WinogradKernel
  let tiling: WinogradTiling
  /// Chunks of whole images, and the most tiles that are worked on at a time.
  let chunks, height: Int

  init(
    dy: UnsafePointer<Float>, u: UnsafePointer<Float>, dx: UnsafeMutablePointer<Float>, kernel: WinogradKernel,
    tiling: WinogradTiling
  ) {
    (self.dy, self.u, self.dx, self.kernel, self.tiling) = (dy, u, dx, kernel, tiling)
    let most = tiling.shape.outChannels <= 64 ? 36 : 24
    let n = tiling.shape.n
    let images = Swift.max(1, Swift.min(most / tiling.perImage, n / 8))
    chunks = (n &+ images &- 1) / images
    height = Swift.min(most, (n &+ chunks &- 1) / chunks &* tiling.perImage)
  }

  var depth: Int { wholeVectors(tiling.shape.outChannels) }
  var inputRoom: Int { Planes.room(rows: height, width: depth) }
  var outputRoom: Int { Planes.room(rows: height, width: kernel.panels.width) }
  var patchRoom: Int { WinogradImages.patchRoom(count: tiling.shape.outChannels) }
  var scratch: Int { inputRoom &+ outputRoom &+ transformRoom &+ patchRoom &+ 36 &* kernel.panels.width }

  @inline(__always)
  func run(_ chunk: Int, _ scratch: UnsafeMutablePointer<Float>) {
    let s = tiling.shape
    let images = (chunk &* s.n / chunks)..<((chunk &+ 1) &* s.n / chunks)
    let end = images.upperBound &* s.inputCount
    var i = images.lowerBound &* s.inputCount
    while i &+ FloatVector.scalarCount <= end {
      dx.store(FloatVector(), at: i)
      i &+= FloatVector.scalarCount
    }
    while i < end {
      dx[i] = 0
      i &+= 1
    }
    var first = images.lowerBound &* tiling.perImage
    let last = images.upperBound &* tiling.perImage
    while first < last {
      let tiles = first..<Swift.min(first &+ height, last)
      add(tiles, scratch)
      first = tiles.upperBound
    }
  }

  /// Adds what some tiles of dy contribute.
  @inline(__always)
  private func add(_ tiles: Range<Int>, _ scratch: UnsafeMutablePointer<Float>) {
    let s = tiling.shape
    let input = Planes(scratch, rows: height, width: depth)
    let output = Planes(scratch + inputRoom, rows: height, width: kernel.panels.width)
    let room = scratch + (inputRoom &+ outputRoom)
    let gradients = WinogradImages(
      dy, height: s.outHeight, width: s.outWidth, channels: s.outChannels, first: 0, count: s.outChannels, room: room,
      patch: room + transformRoom)
    for index in tiles {
      let tile = tiling.tile(index)
      gradients.transform(
        OutputGradientMatrix.self, image: tile.image, row: tile.row, column: tile.column,
        input.grid(row: index &- tiles.lowerBound))
    }
    for panel in 0..<kernel.panels.count {
      output.multiply(
        input, rows: tiles.count, rowStep: depth, depth: s.outChannels, termStep: 1, u + panel &* kernel.panelStep,
        bStep: kernel.step, kernel.panels, accumulates: false)
      for index in tiles { add(output.grid(row: index &- tiles.lowerBound), tile: index, panel: panel, room) }
    }
  }

  /// Transforms one tile of one panel and adds what of the 6×6 patch lies inside the image.
  @inline(__always)
  private func add(
    _ from: Grid<UnsafeMutablePointer<Float>>, tile index: Int, panel: Int, _ room: UnsafeMutablePointer<Float>
  ) {
    let s = tiling.shape
    let tile = tiling.tile(index)
    let (row, column) = (tile.row &- s.padTop, tile.column &- s.padLeft)
    let width = kernel.panels.width
    let columns = Swift.min(width, s.inChannels &- panel &* width)
    let patch = room + (transformRoom &+ patchRoom)
    winogradTransform(
      InputGradientMatrix.self, Grid(p: UnsafePointer(from.p), rowStep: from.rowStep, columnStep: from.columnStep),
      Grid(p: patch, rowStep: 6 &* width, columnStep: width), channels: width, room, Unchanged())
    for i in Swift.max(0, -row)..<Swift.max(0, -row, Swift.min(6, s.height &- row)) {
      for j in Swift.max(0, -column)..<Swift.max(0, -column, Swift.min(6, s.width &- column)) {
        let to =
          dx + (((tile.image &* s.height &+ row &+ i) &* s.width &+ column &+ j) &* s.inChannels &+ panel &* width)
        addChannels(UnsafePointer(patch + (i &* 6 &+ j) &* width), to, columns)
      }
    }
  }
}

@inline(__always)
private func addChannels(_ from: UnsafePointer<Float>, _ to: UnsafeMutablePointer<Float>, _ count: Int) {
  var channel = 0
  while channel &+ FloatVector.scalarCount <= count {
    to.store(to.vector(at: channel) + from.vector(at: channel), at: channel)
    channel &+= FloatVector.scalarCount
  }
  while channel < count {
    to[channel] += from[channel]
    channel &+= 1
  }
}
