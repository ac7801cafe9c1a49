import Parallel

/// `convolution2DWeightGradient` by Winograd's algorithm: dw = Gᵀ[Σ over tiles of (Bᵀ d B) ⊙ (A dy Aᵀ)]G.
///
/// Chunks are groups of tiles times blocks of input channels times panels of output channels. Each keeps its 36 sums
/// (channels, outputs) in memory of its own; those of the groups are added at the end, in order.
func winogradWeightGradient(
  _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, _ dw: UnsafeMutablePointer<Float>, _ shape: ConvolutionShape
) {
  var job = WinogradWeightGradient(x: x, dy: dy, dw: dw, tiling: WinogradTiling(shape))
  guard let sums = sharedScratch(bytes: job.groups &* job.parts &* job.sumsRoom &* 4) else { return }
  job.sums = sums.assumingMemoryBound(to: Float.self)
  parallel(job.groups &* job.parts, scratchBytes: job.scratch &* 4, job) { job, chunk, scratch in
    job.sum(group: chunk / job.parts, part: chunk % job.parts, scratch.assumingMemoryBound(to: Float.self))
  }
  parallel(shape.inChannels, scratchBytes: 3 &* transformRoom &* 4, job) { job, channel, scratch in
    job.finish(channel: channel, scratch.assumingMemoryBound(to: Float.self))
  }
}

private struct WinogradWeightGradient {
  let x, dy: UnsafePointer<Float>
  let dw: UnsafeMutablePointer<Float>
  let tiling: WinogradTiling
  let panels: ColumnPanels
  /// Input channels per block, and blocks.
  let blockWidth, blocks: Int
  let groups: Int
  var sums: UnsafeMutablePointer<Float>

  /// Most tiles that are worked on at a time.
  static var height: Int { 30 }

  init(
    x: UnsafePointer<Float>, dy: UnsafePointer<Float>, dw: UnsafeMutablePointer<Float>, tiling: WinogradTiling
  ) {
    (self.x, self.dy, self.dw, self.tiling, sums) = (x, dy, dw, tiling, dw)
    let channels = tiling.shape.inChannels
    panels = ColumnPanels(columns: tiling.shape.outChannels, lanes: FloatVector.scalarCount)
    let least = (channels &+ 63) / 64
    blockWidth = wholeVectors((channels &+ least &- 1) / least)
    blocks = (channels &+ blockWidth &- 1) / blockWidth
    // Sums of a group cost to add what about 15 tiles cost to compute.
    let wanted = (7 &+ blocks &* panels.count) / (blocks &* panels.count)
    groups = Swift.max(1, Swift.min(wanted, tiling.total / 144))
  }

  /// Blocks of channels times panels.
  var parts: Int { blocks &* panels.count }
  var sumsRoom: Int { Planes.room(rows: blockWidth, width: panels.width) }
  var inputRoom: Int { Planes.room(rows: Self.height, width: blockWidth) }
  var gradientRoom: Int { Planes.room(rows: Self.height, width: panels.width) }
  var scratch: Int {
    inputRoom &+ gradientRoom &+ transformRoom
      &+ WinogradImages.patchRoom(count: Swift.max(blockWidth, panels.width))
  }

  private func sums(group: Int, part: Int) -> Planes {
    Planes(sums + (group &* parts &+ part) &* sumsRoom, rows: blockWidth, width: panels.width)
  }

  @inline(__always)
  func sum(group: Int, part: Int, _ scratch: UnsafeMutablePointer<Float>) {
    let s = tiling.shape
    let (block, panel) = (part / panels.count, part % panels.count)
    let room = scratch + (inputRoom &+ gradientRoom)
    let channels = Swift.min(blockWidth, s.inChannels &- block &* blockWidth)
    let images = WinogradImages(
      x, height: s.height, width: s.width, channels: s.inChannels, first: block &* blockWidth, count: channels,
      room: room, patch: room + transformRoom)
    let gradients = WinogradImages(
      dy, height: s.outHeight, width: s.outWidth, channels: s.outChannels, first: panel &* panels.width,
      count: Swift.min(panels.width, s.outChannels &- panel &* panels.width), room: room, patch: room + transformRoom)
    let input = Planes(scratch, rows: Self.height, width: blockWidth)
    let gradient = Planes(scratch + inputRoom, rows: Self.height, width: panels.width)
    let sums = sums(group: group, part: part)
    let all = (group &* tiling.total / groups)..<((group &+ 1) &* tiling.total / groups)
    let steps = (all.count &+ Self.height &- 1) / Self.height
    for step in 0..<steps {
      let tiles = (all.lowerBound &+ step &* all.count / steps)..<(all.lowerBound &+ (step &+ 1) &* all.count / steps)
      for index in tiles {
        let tile = tiling.tile(index)
        let row = index &- tiles.lowerBound
        images.transform(
          InputMatrix.self, image: tile.image, row: tile.row &- s.padTop, column: tile.column &- s.padLeft,
          input.grid(row: row))
        gradients.transform(
          OutputGradientMatrix.self, image: tile.image, row: tile.row, column: tile.column, gradient.grid(row: row))
      }
      sums.multiply(
        input, rows: channels, rowStep: 1, depth: tiles.count, termStep: blockWidth, UnsafePointer(gradient.p),
        bStep: gradient.step, panels, accumulates: step > 0)
    }
  }

  /// Adds the groups' sums for one input channel and transforms them back.
  @inline(__always)
  func finish(channel: Int, _ scratch: UnsafeMutablePointer<Float>) {
    let s = tiling.shape
    let lanes = FloatVector.scalarCount
    let totals = scratch + transformRoom
    let taps = totals + transformRoom
    let (block, row) = (channel / blockWidth, channel % blockWidth)
    let tapStep = s.inChannels &* s.outChannels
    var column = 0
    while column < s.outChannels {
      let part = block &* panels.count &+ column / panels.width
      for k in 0..<36 {
        var total = FloatVector()
        for group in 0..<groups {
          let plane = sums(group: group, part: part)
          total += plane.p.vector(at: k &* plane.step &+ row &* panels.width &+ column % panels.width)
        }
        totals.store(total, at: k &* lanes)
      }
      let from = Grid(p: UnsafePointer(totals), rowStep: 6 &* lanes, columnStep: lanes)
      let to = dw + (channel &* s.outChannels &+ column)
      if column &+ lanes <= s.outChannels {
        winogradTransform(
          WeightGradientMatrix.self, from, Grid(p: to, rowStep: 3 &* tapStep, columnStep: tapStep), channels: lanes,
          scratch, Unchanged())
      } else {
        winogradTransform(
          WeightGradientMatrix.self, from, Grid(p: taps, rowStep: 3 &* lanes, columnStep: lanes), channels: lanes,
          scratch, Unchanged())
        for tap in 0..<9 {
          for j in 0..<(s.outChannels &- column) { to[tap &* tapStep &+ j] = taps[tap &* lanes &+ j] }
        }
      }
      column &+= lanes
    }
  }
}
