/// Tiles of one vector whose rows lie at a distance that the compiler knows. In the plain tiles an address goes from row
/// to row by additions that wait for each other, which takes as long as two vectors' products.

/// Elements between a tile's rows.
protocol RowDistance { static var elements: Int { get } }

/// Rows are pixels of copies.
enum NextVector: RowDistance {
  static var elements: Int { @inline(__always) get { Float.Vector.scalarCount } }
}

/// Rows are neighbours in memory.
enum NextElement: RowDistance {
  static var elements: Int { @inline(__always) get { 1 } }
}

/// What becomes of a pixel: `Epilogue` for whole vectors.
struct PixelFinish: TileFinish {
  let accumulates: Bool
  let bias: UnsafePointer<Float>?
  let relu: Bool

  @inline(__always)
  func apply(_ row: Strip1<Float>, _ c: UnsafeMutablePointer<Float>) {
    var result = row
    if accumulates { result = result.added(to: .load(UnsafePointer(c))) }
    if let bias { result = result.added(to: .load(bias)) }
    if relu { result = result.rectified() }
    result.store(c)
  }
}

private struct SumFinish: TileFinish {
  @inline(__always)
  func apply(_ row: Strip1<Float>, _ c: UnsafeMutablePointer<Float>) {
    row.added(to: .load(UnsafePointer(c))).store(c)
  }
}

/// `tile`, but for the distance of rows.
@inline(never)
private func spacedTile<R: TileRows, D: RowDistance, F: TileFinish>(
  _: R.Type, _: D.Type, _ runs: Runs<R.S.T>, _ c: UnsafeMutablePointer<R.S.T>, _ cStep: Int, _ finish: F
) where F.S == R.S {
  var rows = R()
  var (aRun, bRun) = (runs.a, runs.b)
  for _ in 0..<runs.count {
    var (a, b) = (aRun, bRun)
    for _ in 0..<runs.length {
      rows.step(a, D.elements, R.S.load(b))
      a += runs.step
      b += R.S.T.Vector.scalarCount
    }
    aRun += runs.aJump
    bRun += runs.bJump
  }
  rows.finish(c, cStep, finish)
}

#if SWIFTBN_V4
  private let mostPixels = 14
  private typealias Rows14<S: Strip> = Stack<Rows8<S>, Rows6<S>>
  private typealias LowRows<S: Strip> = Rows8<S>
  private typealias MiddleRows<S: Strip> = Stack<Rows8<S>, Rows8<S>>
  private typealias TallRows<S: Strip> = Stack<Rows12<S>, Rows12<S>>
#else
  private let mostPixels = 12
  private typealias LowRows<S: Strip> = Rows4<S>
  private typealias MiddleRows<S: Strip> = Rows8<S>
  private typealias TallRows<S: Strip> = Rows12<S>
#endif

/// Computes a line of pixels, in tiles of nearly equal height.
@inline(__always)
func pixelTiles(
  _ pixels: Int, _ runs: Runs<Float>, _ c: UnsafeMutablePointer<Float>, _ cStep: Int, _ finish: PixelFinish
) {
  let tiles = (pixels &+ mostPixels &- 1) / mostPixels
  var first = 0
  for index in 0..<tiles {
    let height = (pixels &- first &+ (tiles &- index) &- 1) / (tiles &- index)
    var part = runs
    part.a += first &* NextVector.elements
    pixelTile(height, part, c + first &* cStep, cStep, finish)
    first &+= height
  }
}

@inline(__always)
private func pixelTile(
  _ height: Int, _ runs: Runs<Float>, _ c: UnsafeMutablePointer<Float>, _ cStep: Int, _ finish: PixelFinish
) {
  typealias S = Strip1<Float>
  typealias D = NextVector
  switch height {
  case 1: spacedTile(Row<S>.self, D.self, runs, c, cStep, finish)
  case 2: spacedTile(Rows2<S>.self, D.self, runs, c, cStep, finish)
  case 3: spacedTile(Rows3<S>.self, D.self, runs, c, cStep, finish)
  case 4: spacedTile(Rows4<S>.self, D.self, runs, c, cStep, finish)
  case 5: spacedTile(Rows5<S>.self, D.self, runs, c, cStep, finish)
  case 6: spacedTile(Rows6<S>.self, D.self, runs, c, cStep, finish)
  case 7: spacedTile(Rows7<S>.self, D.self, runs, c, cStep, finish)
  case 8: spacedTile(Rows8<S>.self, D.self, runs, c, cStep, finish)
  case 9: spacedTile(Rows9<S>.self, D.self, runs, c, cStep, finish)
  case 10: spacedTile(Rows10<S>.self, D.self, runs, c, cStep, finish)
  case 11: spacedTile(Rows11<S>.self, D.self, runs, c, cStep, finish)
  case 12: spacedTile(Rows12<S>.self, D.self, runs, c, cStep, finish)
  #if SWIFTBN_V4
    case 13: spacedTile(Rows13<S>.self, D.self, runs, c, cStep, finish)
    case 14: spacedTile(Rows14<S>.self, D.self, runs, c, cStep, finish)
  #endif
  default: break
  }
}

/// Adds to sums of so many scalars, whole vectors of them, each times a vector: [scalar][lane].
@inline(__always)
func scalarTiles(_ scalars: Int, _ runs: Runs<Float>, _ sums: UnsafeMutablePointer<Float>) {
  typealias S = Strip1<Float>
  let lanes = Float.Vector.scalarCount
  var (part, to, rest) = (runs, sums, scalars)
  while rest > 0 {
    let height: Int
    if rest >= TallRows<S>.rowCount {
      height = TallRows<S>.rowCount
      spacedTile(TallRows<S>.self, NextElement.self, part, to, lanes, SumFinish())
    } else if rest >= MiddleRows<S>.rowCount {
      height = MiddleRows<S>.rowCount
      spacedTile(MiddleRows<S>.self, NextElement.self, part, to, lanes, SumFinish())
    } else {
      height = LowRows<S>.rowCount
      spacedTile(LowRows<S>.self, NextElement.self, part, to, lanes, SumFinish())
    }
    part.a += height
    to += height &* lanes
    rest &-= height
  }
}
