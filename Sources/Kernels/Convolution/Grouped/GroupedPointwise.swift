import CIntrinsics
import Parallel

/// Pixels that meet all weights while they are in the first-level cache: two tiles.
private let blockRows = 26
/// Blocks of a chunk.
private let chunkBlocks = 6

/// A convolution of 1 × 1 at strides of 1 by groups of many channels: y[p, g·o+j] = Σ x[p, g·c+k] · w[k, g·o+j]
/// (+ bias[g·o+j]), rectified if asked, over `pixels` pixels. Or, with `transposed`, its input gradient, where
/// y[p, g·o+j] = Σ x[p, g·c+k] · w[j, g·c+k].
///
/// - Parameters:
///   - inputs: c, those of one group.
///   - outputs: o, those of one group.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func groupedPointwiseConvolution<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ w: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, pixels: Int, groups: Int, inputs: Int,
  outputs: Int, transposed: Bool, bias: UnsafePointer<T>?, relu: Bool
) {
  T.requireSpecialization()
  if pixels == 0 || groups == 0 || outputs == 0 { return }
  let width = 2 &* T.Vector.scalarCount
  let panels = (outputs &+ width &- 1) / width
  guard
    let packed = sharedScratch(bytes: groups &* panels &* inputs &* width &* MemoryLayout<T>.stride)?
      .assumingMemoryBound(to: T.self)
  else { return }
  let product = PointwiseProduct(
    x: x, w: w, y: y, pixels: pixels, groups: groups, inputs: inputs, outputs: outputs, panels: panels,
    transposed: transposed, bias: bias, relu: relu)
  parallel(groups &* panels, (product, packed)) { context, panel in
    let (product, packed) = context
    product.pack(panel, packed)
  }
  let chunkRows = blockRows &* chunkBlocks
  parallel(
    (pixels &+ chunkRows &- 1) / chunkRows, scratchBytes: blockRows &* inputs &* MemoryLayout<T>.stride,
    (product, UnsafePointer(packed))
  ) { context, chunk, scratch in
    let (product, packed) = context
    for block in (chunk &* chunkBlocks)..<((chunk &+ 1) &* chunkBlocks) {
      product.block(block, packed, scratch.assumingMemoryBound(to: T.self))
    }
  }
}

private struct PointwiseProduct<T: KernelScalar> {
  let x, w: UnsafePointer<T>
  let y: UnsafeMutablePointer<T>
  let pixels, groups, inputs, outputs: Int
  /// Of each group's outputs, two vectors wide.
  let panels: Int
  let transposed: Bool
  let bias: UnsafePointer<T>?
  let relu: Bool

  @inline(__always)
  func columns(ofPanel panel: Int) -> Int {
    Swift.min(2 &* T.Vector.scalarCount, outputs &- panel &* 2 &* T.Vector.scalarCount)
  }

  /// Elements of a row of a panel of so many columns: whole vectors.
  @inline(__always)
  func packedWidth(_ columns: Int) -> Int {
    columns > T.Vector.scalarCount ? 2 &* T.Vector.scalarCount : T.Vector.scalarCount
  }

  /// Packs the weights of panel `index` of all groups': [input][column], padded with zeros.
  @inline(never)
  func pack(_ index: Int, _ packed: UnsafeMutablePointer<T>) {
    let (group, panel) = (index / panels, index % panels)
    let (first, columns) = (panel &* 2 &* T.Vector.scalarCount, columns(ofPanel: panel))
    let width = packedWidth(columns)
    let to = packed + index &* inputs &* 2 &* T.Vector.scalarCount
    if transposed {
      let rowLength = groups &* inputs
      transposeTile(w + (first &* rowLength &+ group &* inputs), rowLength, to, width, columns, inputs)
    } else {
      let from = w + (group &* outputs &+ first)
      for k in 0..<inputs { (to + k &* width).update(from: from + k &* groups &* outputs, count: columns) }
    }
    if columns == width { return }
    for k in 0..<inputs { for j in columns..<width { to[k &* width &+ j] = 0 } }
  }

  /// All groups' outputs of some pixels, so that x is read and y written in the order of memory.
  @inline(never)
  func block(_ index: Int, _ packed: UnsafePointer<T>, _ room: UnsafeMutablePointer<T>) {
    let first = index &* blockRows
    let rows = Swift.min(blockRows, pixels &- first)
    if rows <= 0 { return }
    let (xRow, yRow, steps) = (groups &* inputs, groups &* outputs, groups &* panels)
    for step in 0..<steps {
      let (group, panel) = (step / panels, step % panels)
      // The next block is fetched meanwhile.
      fetch(first &+ blockRows, step, of: steps)
      let (column, columns) = (panel &* 2 &* T.Vector.scalarCount, columns(ofPanel: panel))
      let runs = Runs(
        a: x + (first &* xRow &+ group &* inputs), b: packed + step &* inputs &* 2 &* T.Vector.scalarCount,
        length: inputs, step: 1, rowStep: xRow, bStep: packedWidth(columns), count: 1, aJump: 0, bJump: 0)
      let place = group &* outputs &+ column
      let (to, bias) = (y + (first &* yRow &+ place), bias.map { $0 + place })
      if columns > T.Vector.scalarCount {
        let epilogue = Epilogue<Strip2<T>>(columns: columns, accumulates: false, bias: bias, relu: relu)
        stripRows(Strip2<T>.self, rows: rows, runs, to, yRow, epilogue)
      } else if T.self == Float.self && columns == T.Vector.scalarCount && inputs % columns == 0 {
        let finish = PixelFinish(accumulates: false, bias: bias.map { asFloat($0) }, relu: relu)
        narrow(asFloat(runs.a), asFloat(runs.b), asFloat(room), rows: rows, asFloat(to), finish)
      } else {
        let epilogue = Epilogue<Strip1<T>>(columns: columns, accumulates: false, bias: bias, relu: relu)
        stripRows(Strip1<T>.self, rows: rows, runs, to, yRow, epilogue)
      }
    }
  }

  /// A panel of one vector, from a copy [vector of inputs][pixel][input]: one vector's products take less time than the
  /// way from row to row does in a plain tile.
  @inline(__always)
  private func narrow(
    _ x: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, _ room: UnsafeMutablePointer<Float>, rows: Int,
    _ to: UnsafeMutablePointer<Float>, _ finish: PixelFinish
  ) {
    let lanes = Float.Vector.scalarCount
    let vectors = inputs / lanes
    for row in 0..<rows {
      let from = x + row &* groups &* inputs
      for vector in 0..<vectors { room.store(from.vector(at: vector &* lanes), at: (vector &* rows &+ row) &* lanes) }
    }
    let runs = Runs(
      a: UnsafePointer(room), b: weights, length: lanes, step: 1, rowStep: lanes, bStep: lanes, count: vectors,
      aJump: rows &* lanes, bJump: lanes &* lanes)
    pixelTiles(rows, runs, to, groups &* outputs, finish)
  }

  /// Asks for a part of the block that begins with pixel `first`, as if there were `parts`.
  @inline(__always)
  func fetch(_ first: Int, _ part: Int, of parts: Int) {
    let line = 64 / MemoryLayout<T>.stride
    let (xCount, yCount) = (blockRows &* groups &* inputs, blockRows &* groups &* outputs)
    var i = part &* xCount / parts
    while i < (part &+ 1) &* xCount / parts {
      sbn_prefetch_far(x + (first &* groups &* inputs &+ i))
      i &+= line
    }
    i = part &* yCount / parts
    while i < (part &+ 1) &* yCount / parts {
      sbn_prefetch_write(y + (first &* groups &* outputs &+ i))
      i &+= line
    }
  }
}
