/// How the output is cut into tiles of 4×4 pixels. Tiles are numbered over all images; those at the right and lower
/// edges may reach over them.
struct WinogradTiling {
  let shape: ConvolutionShape
  let down, across: Int
  let total: Int

  init(_ shape: ConvolutionShape) {
    self.shape = shape
    down = (shape.outHeight &+ 3) / 4
    across = (shape.outWidth &+ 3) / 4
    total = Swift.max(0, shape.n) &* Swift.max(0, down) &* Swift.max(0, across)
  }

  var perImage: Int { down &* across }

  /// Image and first output pixel of a tile.
  @inline(__always)
  func tile(_ index: Int) -> (image: Int, row: Int, column: Int) {
    let (image, rest) = (index / perImage, index % perImage)
    return (image, rest / across &* 4, rest % across &* 4)
  }

  /// Blocks of at most `most` tiles that threads work on; of 12 when there are few, so that several threads find work.
  func blocks(most: Int) -> Int {
    let blocks = (total &+ most &- 1) / most
    return blocks >= 8 ? blocks : Swift.min(8, (total &+ 11) / 12)
  }

  @inline(__always)
  func tiles(ofBlock block: Int, of blocks: Int) -> Range<Int> {
    (block &* total / blocks)..<((block &+ 1) &* total / blocks)
  }
}

/// 36 matrices (rows, width), one for each element of the transformed patches.
struct Planes {
  let p: UnsafeMutablePointer<Float>
  let width: Int
  /// Between planes. One cache line more than needed, so that the 36 places of one tile do not share a set.
  let step: Int

  init(_ p: UnsafeMutablePointer<Float>, rows: Int, width: Int) {
    self.p = p
    self.width = width
    step = Planes.step(rows: rows, width: width)
  }

  @inline(__always)
  static func step(rows: Int, width: Int) -> Int { rows &* width &+ 16 }
  @inline(__always)
  static func room(rows: Int, width: Int) -> Int { 36 &* step(rows: rows, width: width) }

  /// Row `row` of all planes, from `column` on, as a 6×6 matrix of channels.
  @inline(__always)
  func grid(row: Int, column: Int = 0) -> Grid<UnsafeMutablePointer<Float>> {
    Grid(p: p + (row &* width &+ column), rowStep: 6 &* step, columnStep: step)
  }

  /// self[k] = (+=) a[k]·b[k] for `rows` rows; `depth` terms, those of row i at a[i · rowStep + term · termStep].
  @inline(__always)
  func multiply(
    _ a: Planes, rows: Int, rowStep: Int, depth: Int, termStep: Int, _ b: UnsafePointer<Float>, bStep: Int,
    _ panels: ColumnPanels, accumulates: Bool
  ) {
    for k in 0..<36 {
      let runs = Runs<Float>(
        a: UnsafePointer(a.p + k &* a.step), b: b + k &* bStep, length: depth, step: termStep, rowStep: rowStep,
        bStep: panels.width, count: 1, aJump: 0, bJump: 0)
      let c = p + k &* step
      switch panels.vectors {
      case 4: planeRows(Strip4<Float>.self, rows, runs, c, width, accumulates)
      case 2: planeRows(Strip2<Float>.self, rows, runs, c, width, accumulates)
      default: planeRows(Strip1<Float>.self, rows, runs, c, width, accumulates)
      }
    }
  }
}

@inline(__always)
private func planeRows<S: Strip>(
  _: S.Type, _ rows: Int, _ runs: Runs<Float>, _ c: UnsafeMutablePointer<Float>, _ cStep: Int, _ accumulates: Bool
) where S.T == Float {
  let epilogue = Epilogue<S>(
    columns: S.vectorCount &* FloatVector.scalarCount, accumulates: accumulates, bias: nil, relu: false)
  stripRows(S.self, rows: rows, runs, c, cStep, epilogue)
}

@inline(__always)
func wholeVectors(_ count: Int) -> Int {
  (count &+ FloatVector.scalarCount &- 1) / FloatVector.scalarCount &* FloatVector.scalarCount
}
