import Parallel

/// Elements of products that are held at a time, about: what fits the second-level cache.
private let productElements = 1 << 17
/// Rows of dx that one chunk of work adds up.
private let rowsPerChunk = 8

/// How many products are formed at a time: those of whole images, or of some rows of one.
private struct ProductSteps {
  let images, rows: Int
  /// Elements of the products; the last vector may be read beyond them.
  let room: Int

  init(_ shape: ConvolutionShape, lanes: Int) {
    let perRow = shape.outWidth &* shape.kernelHeight &* shape.kernelWidth &* shape.inChannels
    let perImage = Swift.max(1, shape.outHeight &* perRow)
    images = Swift.max(1, Swift.min(shape.n, productElements / perImage))
    rows = Swift.min(
      shape.outHeight, images > 1 ? shape.outHeight : Swift.max(1, productElements / Swift.max(1, perRow)))
    room = shape.isEmpty ? 0 : images &* rows &* perRow &+ lanes
  }
}

/// Elements of the `products` that `convolution2DStridedInputGradient` works in.
public func stridedInputGradientRoom(_ shape: ConvolutionShape) -> Int {
  ProductSteps(shape, lanes: FloatVector.scalarCount).room
}

/// dx of `convolution2D` with strides above 1 or few channels, or the transposed convolution: every pixel of dy times the
/// whole kernel, a matrix product, and these products added up where they belong. A convolution of the spread-out dy
/// would multiply stride · stride times as much, mostly zeros, and few channels leave vectors empty. Overwrites dx.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func convolution2DStridedInputGradient<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ w: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ shape: ConvolutionShape,
  products: UnsafeMutablePointer<T>
) {
  T.requireSpecialization()
  if shape.n == 0 || shape.inputCount == 0 { return }
  if shape.isEmpty || shape.kernelHeight == 0 || shape.kernelWidth == 0 {
    dx.update(repeating: 0, count: shape.n &* shape.inputCount)
    return
  }
  let steps = ProductSteps(shape, lanes: T.Vector.scalarCount)
  var image = 0
  while image < shape.n {
    let images = Swift.min(steps.images, shape.n &- image)
    var row = 0
    while row < shape.outHeight {
      let rows = row..<Swift.min(shape.outHeight, row &+ steps.rows)
      matrixMultiply(
        dy + (image &* shape.outHeight &+ row) &* shape.outWidth &* shape.outChannels, w, products,
        m: images &* rows.count &* shape.outWidth, n: shape.kernelHeight &* shape.kernelWidth &* shape.inChannels,
        k: shape.outChannels, transposeA: false, transposeB: true, bias: nil, activation: .none, accumulate: false)
      addProducts(UnsafePointer(products), dx + image &* shape.inputCount, shape, images: images, outRows: rows)
      row = rows.upperBound
    }
    image &+= images
  }
}

extension ConvolutionShape {
  /// The end of the rows of x that output rows before `row` reach.
  fileprivate func rowsReached(before row: Int) -> Int {
    if row == 0 || row == outHeight { return row == 0 ? 0 : height }
    return Swift.max(0, Swift.min(height, reachRows(row) &- padTop))
  }
}

/// Adds the products of some output rows to the rows of dx that they reach; those that no earlier one has reached are
/// overwritten.
@inline(__always)
private func addProducts<T: KernelScalar>(
  _ products: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ shape: ConvolutionShape, images: Int,
  outRows: Range<Int>
) {
  let fresh = shape.rowsReached(before: outRows.lowerBound)
  let first = Swift.min(fresh, Swift.max(0, outRows.lowerBound &* shape.strideH &- shape.padTop))
  let rows = first..<Swift.max(first, shape.rowsReached(before: outRows.upperBound))
  let chunksPerImage = (rows.count &+ rowsPerChunk &- 1) / rowsPerChunk
  let runs = OverlappingRuns(shape, lanes: T.Vector.scalarCount)
  let areNarrow = shape.inChannels < T.Vector.scalarCount && shape.dilationW == 1 && shape.padLeft >= 0
  parallel(
    images &* chunksPerImage, scratchBytes: areNarrow ? runs.room &* MemoryLayout<T>.stride : 0,
    (products, dx, shape, outRows, (rows, fresh, chunksPerImage), runs, areNarrow)
  ) { context, chunk, scratch in
    let (products, dx, s, outRows, (rows, fresh, chunksPerImage), runs, areNarrow) = context
    let (image, part) = (chunk / chunksPerImage, chunk % chunksPerImage)
    let begin = rows.lowerBound &+ part &* rowsPerChunk
    let lines = products + image &* outRows.count &* s.outWidth &* s.kernelHeight &* s.kernelWidth &* s.inChannels
    let scratch = scratch.assumingMemoryBound(to: T.self)
    if areNarrow { scratch.update(repeating: 0, count: runs.room) }
    for row in begin..<Swift.min(rows.upperBound, begin &+ rowsPerChunk) {
      let to = dx + (image &* s.height &+ row) &* s.width &* s.inChannels
      if areNarrow {
        addRuns(lines, to, s, outRows, row: row, isFresh: row >= fresh, runs, scratch)
      } else {
        addPixels(lines, to, s, outRows, row: row, isFresh: row >= fresh)
      }
    }
  }
}

/// One row of dx, pixel by pixel.
@inline(never)
private func addPixels<T: KernelScalar>(
  _ products: UnsafePointer<T>, _ to: UnsafeMutablePointer<T>, _ s: ConvolutionShape, _ outRows: Range<Int>, row: Int,
  isFresh: Bool
) {
  let c = s.inChannels
  if isFresh { to.update(repeating: 0, count: s.width &* c) }
  for i in 0..<s.kernelHeight {
    let from = s.outputRow(row, ofTap: i)
    if !outRows.contains(from) { continue }
    let line = products + ((from &- outRows.lowerBound) &* s.outWidth &* s.kernelHeight &+ i) &* s.kernelWidth &* c
    for j in 0..<s.kernelWidth {
      let columns = s.columns(ofTap: j)
      for column in columns.start..<columns.end {
        let from = line + (column &* s.kernelHeight &* s.kernelWidth &+ j) &* c
        let to = to + (column &* s.strideW &+ j &* s.dilationW &- s.padLeft) &* c
        var at = 0
        while at &+ T.Vector.scalarCount <= c {
          to.store(to.vector(at: at) + from.vector(at: at), at: at)
          at &+= T.Vector.scalarCount
        }
        while at < c {
          to[at] += from[at]
          at &+= 1
        }
      }
    }
  }
}

/// The products of an output pixel with one row of the kernel lie side by side, and so do their places in a row of dx.
/// As places of neighbouring pixels overlap, `lines` neighbours write lines of their own, where nothing is read before
/// all is written; their sum is the row.
private struct OverlappingRuns {
  /// Elements of a run, and whole vectors that hold it.
  let length, vectors: Int
  let lines: Int
  /// Elements of a line, and of all lines.
  let pitch, room: Int

  init(_ s: ConvolutionShape, lanes: Int) {
    length = s.kernelWidth &* s.inChannels
    vectors = (length &+ lanes &- 1) / lanes
    lines = (s.kernelWidth &+ s.strideW &- 1) / s.strideW
    let pixels = Swift.max(s.padLeft &+ s.width, (s.outWidth &- 1) &* s.strideW &+ s.kernelWidth)
    pitch = pixels &* s.inChannels &+ 2 &* lanes
    room = lines &* pitch
  }
}

/// One row of dx, run by run.
@inline(never)
private func addRuns<T: KernelScalar>(
  _ products: UnsafePointer<T>, _ to: UnsafeMutablePointer<T>, _ s: ConvolutionShape, _ outRows: Range<Int>, row: Int,
  isFresh: Bool, _ runs: OverlappingRuns, _ scratch: UnsafeMutablePointer<T>
) {
  let lanes = T.Vector.scalarCount
  let count = s.width &* s.inChannels
  // Kernel rows that meet this row come at equal steps, and so do the output rows that they meet.
  let line = s.kernelWidth &* s.inChannels
  var (taps, first, step) = (0, 0, 0)
  for i in 0..<s.kernelHeight {
    let from = s.outputRow(row, ofTap: i)
    if !outRows.contains(from) { continue }
    let offset = ((from &- outRows.lowerBound) &* s.outWidth &* s.kernelHeight &+ i) &* line
    if taps == 0 { first = offset }
    if taps == 1 { step = offset &- first }
    taps &+= 1
  }
  if taps == 0 {
    if isFresh { to.update(repeating: 0, count: count) }
    return
  }
  var lane = T.Vector()
  for i in 0..<lanes { lane[i] = T(i) }
  let inLastVector = T.Vector(repeating: T(runs.length &- (runs.vectors &- 1) &* lanes))
  let pixel = s.kernelHeight &* line
  for start in 0..<runs.lines {
    var column = start
    // In ascending order: what a vector has beyond its run is zero, and is overwritten by the next.
    while column < s.outWidth {
      let from = products + (first &+ column &* pixel)
      let target = scratch + (start &* runs.pitch &+ column &* s.strideW &* s.inChannels)
      for k in 0..<runs.vectors {
        var sum = from.vector(at: k &* lanes)
        for tap in 1..<Swift.max(1, taps) { sum += from.vector(at: tap &* step &+ k &* lanes) }
        if k == runs.vectors &- 1 { sum = T.select(inLastVector, greaterThan: lane, sum, else: T.Vector()) }
        target.store(sum, at: k &* lanes)
      }
      column &+= runs.lines
    }
  }
  let sums = UnsafePointer(scratch) + s.padLeft &* s.inChannels
  var at = 0
  while at < count {
    var sum = sums.vector(at: at)
    for k in 1..<Swift.max(1, runs.lines) { sum += sums.vector(at: k &* runs.pitch &+ at) }
    let part = Swift.min(lanes, count &- at)
    if !isFresh { sum += UnsafePointer(to).lanes(part, at: at, else: 0) }
    to.store(part, of: sum, at: at)
    at &+= lanes
  }
}
