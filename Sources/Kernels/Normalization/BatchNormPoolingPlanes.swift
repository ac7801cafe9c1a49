import Parallel

/// How the windows of a channels-first image are walked: those of 2 × 2 pixels by vectors, the others one by one.
struct PlaneWindows {
  /// Rows and columns of windows whose windows are squares of 2 × 2 pixels; windows lie side by side.
  let rows, columns: Range<Int>
  /// The first square's window and pixel within their planes.
  let out, corner: Int
  let planes, perChunk: Int

  @inline(__always)
  init(_ shape: PoolingShape) {
    func squares(_ padding: Int, _ length: Int, _ count: Int) -> Range<Int> {
      if shape.poolHeight != 2 || shape.poolWidth != 2 { return 0..<0 }
      let first = (padding &+ 1) / 2
      return first..<max(first, min(count, (length &+ padding) / 2))
    }
    rows = squares(shape.padTop, shape.height, shape.outHeight)
    columns = squares(shape.padLeft, shape.width, shape.outWidth)
    out = rows.lowerBound &* shape.outWidth &+ columns.lowerBound
    corner =
      (2 &* rows.lowerBound &- shape.padTop) &* shape.width &+ 2 &* columns.lowerBound &- shape.padLeft
    planes = shape.n &* shape.channels
    perChunk = max(1, normalizationChunkElements / max(1, shape.height &* shape.width))
  }

  @inline(__always) var chunks: Int { (planes &+ perChunk &- 1) / perChunk }

  /// Planes of a chunk; the chunks are counted backwards, because the end of x is what passes before left in the cache.
  @inline(__always)
  func planes(ofChunk number: Int) -> Range<Int> {
    let chunk = chunks &- 1 &- number
    return chunk &* perChunk..<min((chunk &+ 1) &* perChunk, planes)
  }

  /// Calls `body(i, j)` for the windows that are no squares.
  @inline(__always)
  func forEachOther(_ shape: PoolingShape, _ body: (Int, Int) -> Void) {
    if rows.count == shape.outHeight && columns.count == shape.outWidth { return }
    for i in 0..<shape.outHeight {
      for j in 0..<shape.outWidth where !(rows.contains(i) && columns.contains(j)) { body(i, j) }
    }
  }
}

/// What a step takes of two rows of pixels and a row of windows: `low` and `high` are two vectors of pixels in a row.
struct SquareReach<R: VectorReach> {
  let low, high, windows: R
}

extension SquareReach where R == PartVector {
  /// Fewer windows than a vector has lanes.
  @inline(__always)
  init(count: Int, lanes: Int) {
    low = PartVector(count: min(lanes, 2 &* count))
    high = PartVector(count: max(0, 2 &* count &- lanes))
    windows = PartVector(count: count)
  }
}

/// Windows of channels-first images.
@inline(__always)
func pickPlanes<T: KernelScalar, Relu: Flag, Use: WindowUse>(
  _ work: PickedWindows<T>, _ relu: Relu.Type, _ use: Use.Type
) {
  if work.shape.outputCount == 0 { return }
  let windows = PlaneWindows(work.shape)
  #if SWIFTBN_V4
    let areWhole = windows.rows.count == work.shape.outHeight && windows.columns.count == work.shape.outWidth
    if T.self == Float.self && areWhole && ShortRows.fit(work.shape) {
      guard let memory = sharedScratch(bytes: ShortRows.scratchBytes) else { return }
      let rows = ShortRows(work.shape, memory)
      let floats = unsafeBitCast(work, to: PickedWindows<Float>.self)
      return parallel(windows.chunks, (floats, rows, windows)) { context, number in
        let (work, rows, windows) = context
        pickShortRows(work, rows, windows.planes(ofChunk: number), Relu.self, Use.self)
      }
    }
  #endif
  parallel(windows.chunks, (work, windows)) { context, number in
    let (work, windows) = context
    for plane in windows.planes(ofChunk: number) { pickPlane(work, windows, plane, Relu.self, Use.self) }
  }
}

@inline(never)
private func pickPlane<T: KernelScalar, Relu: Flag, Use: WindowUse>(
  _ work: PickedWindows<T>, _ windows: PlaneWindows, _ plane: Int, _ relu: Relu.Type, _ use: Use.Type
) {
  let shape = work.shape
  let lanes = T.Vector.scalarCount
  let channel = plane % shape.channels
  let pixels = plane &* shape.height &* shape.width
  let results = plane &* shape.outHeight &* shape.outWidth
  let (corner, out) = (pixels &+ windows.corner, results &+ windows.out)
  let (rows, steps, rest) = (windows.rows.count, windows.columns.count / lanes, windows.columns.count % lanes)
  let part = SquareReach(count: rest, lanes: lanes)
  if steps == 0 && rest > 0 {
    pickSquares(work, channel, corner, out, rows, 1, part, Relu.self, Use.self)
  } else if steps > 0 {
    let whole = SquareReach(low: WholeVector(), high: WholeVector(), windows: WholeVector())
    for row in 0..<rows {
      let (corner, out) = (corner &+ 2 &* row &* shape.width, out &+ row &* shape.outWidth)
      pickSquares(work, channel, corner, out, 1, steps, whole, Relu.self, Use.self)
      if rest > 0 {
        let done = steps &* lanes
        pickSquares(work, channel, corner &+ 2 &* done, out &+ done, 1, 1, part, Relu.self, Use.self)
      }
    }
  }
  windows.forEachOther(shape) { i, j in
    let ((top, bottom), (left, right)) = (shape.rows(i), shape.columns(j))
    let corner = pixels &+ top &* shape.width &+ left
    let size = (bottom &- top, right &- left)
    pickWindow(work, channel, corner, results &+ i &* shape.outWidth &+ j, size, Relu.self, Use.self)
  }
}

/// Windows of 2 × 2 pixels of one channel, `steps` vectors of them in each row.
@inline(never)
private func pickSquares<T: KernelScalar, R: VectorReach, Relu: Flag, Use: WindowUse>(
  _ work: PickedWindows<T>, _ channel: Int, _ corner: Int, _ out: Int, _ rows: Int, _ steps: Int,
  _ reach: SquareReach<R>, _ relu: Relu.Type, _ use: Use.Type
) {
  let zero = T.Vector.zero
  let lanes = T.Vector.scalarCount
  let (x, line) = (work.x, work.shape.width)
  let result = WindowResult<T, Relu, Use>(work, channel: channel)
  for row in 0..<rows {
    for step in 0..<steps {
      let at = corner &+ 2 &* (row &* line &+ step &* lanes)
      let (x0, x1) = T.split(reach.low.load(x, at, else: zero), reach.high.load(x, at &+ lanes, else: zero))
      let (x2, x3) = T.split(
        reach.low.load(x, at &+ line, else: zero), reach.high.load(x, at &+ line &+ lanes, else: zero))
      let upper = result.larger(x0 * result.sign, x1 * result.sign)
      let lower = result.larger(x2 * result.sign, x3 * result.sign)
      let index = out &+ row &* work.shape.outWidth &+ step &* lanes
      result.store(result.larger(upper, lower), first: x0, work, index, reach.windows)
    }
  }
}

/// One window of any size.
@inline(never)
private func pickWindow<T: KernelScalar, Relu: Flag, Use: WindowUse>(
  _ work: PickedWindows<T>, _ channel: Int, _ corner: Int, _ out: Int, _ size: (height: Int, width: Int),
  _ relu: Relu.Type, _ use: Use.Type
) {
  let result = WindowResult<T, Relu, Use>(work, channel: channel)
  let first = T.Vector(repeating: work.x[corner])
  var best = first * result.sign
  for h in 0..<size.height {
    for w in 0..<size.width {
      let x = T.Vector(repeating: work.x[corner &+ h &* work.shape.width &+ w])
      best = result.larger(best, x * result.sign)
    }
  }
  result.store(best, first: first, work, out, PartVector(count: 1))
}
