import Parallel

/// `convolution2D` by Winograd's algorithm. With flipped weights it is the input gradient.
func winogradConvolution(
  _ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ shape: ConvolutionShape,
  bias: UnsafePointer<Float>?, relu: Bool, _ weights: WinogradWeights = .plain
) {
  let kernel =
    weights == .plain
    ? WinogradKernel(inChannels: shape.inChannels, outChannels: shape.outChannels, .plain)
    : WinogradKernel(inChannels: shape.outChannels, outChannels: shape.inChannels, weights)
  guard let u = sharedScratch(bytes: (kernel.room &+ kernel.paddedColumns) &* 4)?.assumingMemoryBound(to: Float.self)
  else { return }
  kernel.transform(w, u)
  // The bias takes the place of the taps.
  winogradConvolution(x, UnsafePointer(u), kernel, offsets: u + kernel.count, y, shape, bias: bias, relu: relu)
}

/// Elements that `transformWeights` writes.
public func transformedWeightCount(_ shape: ConvolutionShape) -> Int {
  WinogradKernel(inChannels: shape.inChannels, outChannels: shape.outChannels, .plain).room
}

/// The weights of a convolution for which `prefersTransformedWeights` holds as Winograd's algorithm takes them.
public func transformWeights(_ w: UnsafePointer<Float>, _ u: UnsafeMutablePointer<Float>, _ shape: ConvolutionShape) {
  WinogradKernel(inChannels: shape.inChannels, outChannels: shape.outChannels, .plain).transform(w, u)
}

/// `convolution2D` by Winograd's algorithm with weights from `transformWeights`.
public func convolution2D(
  _ x: UnsafePointer<Float>, transformedWeights u: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>,
  _ shape: ConvolutionShape, bias: UnsafePointer<Float>?, relu: Bool
) {
  if shape.isEmpty { return }
  let kernel = WinogradKernel(inChannels: shape.inChannels, outChannels: shape.outChannels, .plain)
  guard let offsets = sharedScratch(bytes: kernel.paddedColumns &* 4)?.assumingMemoryBound(to: Float.self) else {
    return
  }
  winogradConvolution(x, u, kernel, offsets: offsets, y, shape, bias: bias, relu: relu)
}

/// - Parameter offsets: room for the bias with the columns that pad the panels.
private func winogradConvolution(
  _ x: UnsafePointer<Float>, _ u: UnsafePointer<Float>, _ kernel: WinogradKernel,
  offsets: UnsafeMutablePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ shape: ConvolutionShape,
  bias: UnsafePointer<Float>?, relu: Bool
) {
  for i in 0..<kernel.paddedColumns { offsets[i] = 0 }
  if let bias { for i in 0..<shape.outChannels { offsets[i] = bias[i] } }
  let job = WinogradForward(x: x, u: u, bias: offsets, y: y, kernel: kernel, tiling: WinogradTiling(shape), relu: relu)
  parallel(job.blocks, scratchBytes: job.scratch &* 4, job) { job, block, scratch in
    job.run(job.tiling.tiles(ofBlock: block, of: job.blocks), scratch.assumingMemoryBound(to: Float.self))
  }
}

private struct WinogradForward {
  let x, u, bias: UnsafePointer<Float>
  let y: UnsafeMutablePointer<Float>
  let kernel: WinogradKernel
  let tiling: WinogradTiling
  let relu: Bool
  let blocks: Int
  /// Most tiles of a block.
  let height: Int

  init(
    x: UnsafePointer<Float>, u: UnsafePointer<Float>, bias: UnsafePointer<Float>, y: UnsafeMutablePointer<Float>,
    kernel: WinogradKernel, tiling: WinogradTiling, relu: Bool
  ) {
    (self.x, self.u, self.bias, self.y, self.kernel) = (x, u, bias, y, kernel)
    (self.tiling, self.relu) = (tiling, relu)
    // Few tiles still give every thread some: which block a tile is in does not change its result.
    blocks = Swift.max(
      tiling.blocks(most: tiling.shape.inChannels <= 64 ? 36 : 24), Swift.min(threadCount, (tiling.total &+ 3) / 4))
    height = (tiling.total &+ blocks &- 1) / blocks
  }

  var depth: Int { wholeVectors(tiling.shape.inChannels) }
  var inputRoom: Int { Planes.room(rows: height, width: depth) }
  var outputRoom: Int { Planes.room(rows: height, width: kernel.panels.width) }
  var patchRoom: Int { WinogradImages.patchRoom(count: tiling.shape.inChannels) }
  var scratch: Int { inputRoom &+ outputRoom &+ transformRoom &+ patchRoom &+ 16 &* kernel.panels.width }

  @inline(__always)
  func run(_ tiles: Range<Int>, _ scratch: UnsafeMutablePointer<Float>) {
    let s = tiling.shape
    let input = Planes(scratch, rows: height, width: depth)
    let output = Planes(scratch + inputRoom, rows: height, width: kernel.panels.width)
    let room = scratch + (inputRoom &+ outputRoom)
    let images = WinogradImages(
      x, height: s.height, width: s.width, channels: s.inChannels, first: 0, count: s.inChannels, room: room,
      patch: room + transformRoom)
    for index in tiles {
      let tile = tiling.tile(index)
      images.transform(
        InputMatrix.self, image: tile.image, row: tile.row &- s.padTop, column: tile.column &- s.padLeft,
        input.grid(row: index &- tiles.lowerBound))
    }
    for panel in 0..<kernel.panels.count {
      output.multiply(
        input, rows: tiles.count, rowStep: depth, depth: s.inChannels, termStep: 1, u + panel &* kernel.panelStep,
        bStep: kernel.step, kernel.panels, accumulates: false)
      for index in tiles {
        store(output.grid(row: index &- tiles.lowerBound), tile: index, panel: panel, room)
      }
    }
  }

  /// Transforms one tile of one panel back and writes what of it lies inside the image.
  @inline(__always)
  private func store(
    _ from: Grid<UnsafeMutablePointer<Float>>, tile index: Int, panel: Int,
    _ room: UnsafeMutablePointer<Float>
  ) {
    let s = tiling.shape
    let tile = tiling.tile(index)
    let width = kernel.panels.width
    let first = panel &* width
    let columns = Swift.min(width, s.outChannels &- first)
    let place = y + (((tile.image &* s.outHeight &+ tile.row) &* s.outWidth &+ tile.column) &* s.outChannels &+ first)
    let from = Grid(p: UnsafePointer(from.p), rowStep: from.rowStep, columnStep: from.columnStep)
    let (rows, across) = (Swift.min(4, s.outHeight &- tile.row), Swift.min(4, s.outWidth &- tile.column))
    if rows == 4 && across == 4 && columns == width {
      finish(
        from, Grid(p: place, rowStep: s.outWidth &* s.outChannels, columnStep: s.outChannels), width, first, room)
      return
    }
    let patch = room + (transformRoom &+ patchRoom)
    finish(from, Grid(p: patch, rowStep: 4 &* width, columnStep: width), width, first, room)
    for i in 0..<rows {
      for j in 0..<across {
        let to = place + (i &* s.outWidth &+ j) &* s.outChannels
        copyChannels(UnsafePointer(patch + (i &* 4 &+ j) &* width), to, columns)
      }
    }
  }

  @inline(__always)
  private func finish(
    _ from: Grid<UnsafePointer<Float>>, _ to: Grid<UnsafeMutablePointer<Float>>, _ width: Int, _ first: Int,
    _ room: UnsafeMutablePointer<Float>
  ) {
    if relu {
      winogradTransform(OutputMatrix.self, from, to, channels: width, room, Rectified(bias: bias + first))
    } else {
      winogradTransform(OutputMatrix.self, from, to, channels: width, room, Biased(bias: bias + first))
    }
  }
}
