import Parallel

/// Terms of the reduction that are worked on at a time: a panel of B of this depth stays in the first-level cache.
let panelDepth = 256
/// Rows of C that one chunk computes: twice as many where that leaves many chunks, as each copies a panel of B.
private let leastRowsPerChunk = 156
private let manyChunks = 128
/// Rows of A come from memory, where it has this many elements or more.
private let streamedElements = 1 << 18
/// Terms between two requests for rows to come: a line of the cache.
private let termsPerLine = 16

/// C = op(A)·op(B) (+ C) (+ bias), then the activation.
///
/// C is (m, n); op(A) is (m, k): A itself, or the transpose of a stored (k, m); op(B) is (k, n): B itself, or the
/// transpose of a stored (n, k). All row-major and contiguous; C overlaps nothing. The bias (n,) is added to every row.
/// With k = 0 the product is 0.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func matrixMultiply<T: KernelScalar>(
  _ a: UnsafePointer<T>, _ b: UnsafePointer<T>, _ c: UnsafeMutablePointer<T>, m: Int, n: Int, k: Int,
  transposeA: Bool, transposeB: Bool, bias: UnsafePointer<T>?, activation: Activation, accumulate: Bool
) {
  T.requireSpecialization()
  if m == 0 || n == 0 { return }
  let width = 2 &* T.Vector.scalarCount
  let panels = (n &+ width &- 1) / width
  let isMany = (m &+ leastRowsPerChunk &- 1) / leastRowsPerChunk &* panels >= manyChunks
  let product = MatrixProduct(
    a: a, b: b, c: c, m: m, n: n, k: k, aRow: transposeA ? 1 : k, aStep: transposeA ? m : 1,
    transposeB: transposeB, bias: bias, relu: activation == .relu, accumulate: accumulate,
    rowsPerChunk: isMany ? 2 &* leastRowsPerChunk : leastRowsPerChunk)
  if product.hasFewRows { return product.multiplyFewRows() }
  let bands = (m &+ product.rowsPerChunk &- 1) / product.rowsPerChunk
  // Two panels in a row find the rows of A in the second-level cache.
  let perChunk = isMany ? 2 : 1
  let groups = (panels &+ perChunk &- 1) / perChunk
  parallel(
    groups &* bands, scratchBytes: panelDepth &* width &* MemoryLayout<T>.stride, (product, panels, groups, perChunk)
  ) { context, chunk, scratch in
    let (product, panels, groups, perChunk) = context
    let first = chunk % groups &* perChunk
    for panel in first..<Swift.min(panels, first &+ perChunk) {
      product.band(chunk / groups, panel: panel, scratch.assumingMemoryBound(to: T.self))
    }
  }
}

struct MatrixProduct<T: KernelScalar> {
  let a, b: UnsafePointer<T>
  let c: UnsafeMutablePointer<T>
  let m, n, k: Int
  /// Steps of op(A) from row to row and along the reduction.
  let aRow, aStep: Int
  let transposeB: Bool
  let bias: UnsafePointer<T>?
  let relu, accumulate: Bool
  let rowsPerChunk: Int

  /// Rows of one band times one panel of columns.
  @inline(never)
  func band(_ band: Int, panel: Int, _ packed: UnsafeMutablePointer<T>) {
    let lanes = T.Vector.scalarCount
    let first = band &* rowsPerChunk
    let rows = Swift.min(rowsPerChunk, m &- first)
    let column = panel &* 2 &* lanes
    let columns = Swift.min(2 &* lanes, n &- column)
    let out = c + (first &* n &+ column)
    var depth = 0
    repeat {
      let length = Swift.min(panelDepth, k &- depth)
      let isLast = depth &+ length >= k
      let isNarrow = columns <= lanes
      let stride = isNarrow ? lanes : 2 &* lanes
      pack(packed, column: column, columns: columns, depth: depth, length: length, stride: stride)
      var runs = Runs(
        a: a + (first &* aRow &+ depth &* aStep), b: UnsafePointer(packed), length: length, step: aStep, rowStep: aRow,
        bStep: stride, count: 1, aJump: 0, bJump: 0)
      // Longer rows, or those in the cache, would be in the way of each other (measured: 0.8 to 0.9 times the speed).
      if aStep == 1 && k <= panelDepth && k % termsPerLine == 0 && m &* k >= streamedElements {
        (runs.length, runs.count, runs.ahead) = (termsPerLine, length / termsPerLine, aRow)
        (runs.aJump, runs.bJump) = (termsPerLine, termsPerLine &* stride)
      }
      let adds = accumulate || depth > 0
      let bias = isLast ? bias.map { $0 + column } : nil
      if isNarrow {
        let epilogue = Epilogue<Strip1<T>>(columns: columns, accumulates: adds, bias: bias, relu: isLast && relu)
        stripRows(Strip1<T>.self, rows: rows, runs, out, n, epilogue)
      } else {
        let epilogue = Epilogue<Strip2<T>>(columns: columns, accumulates: adds, bias: bias, relu: isLast && relu)
        stripRows(Strip2<T>.self, rows: rows, runs, out, n, epilogue)
      }
      depth &+= length
    } while depth < k
  }

  /// Copies columns of op(B) to a contiguous panel, padded with zeros to whole vectors.
  @inline(__always)
  func pack(
    _ packed: UnsafeMutablePointer<T>, column: Int, columns: Int, depth: Int, length: Int, stride: Int
  ) {
    if transposeB {
      transposeTile(b + (column &* k &+ depth), k, packed, stride, columns, length)
      for i in 0..<length {
        for j in columns..<stride { packed[i &* stride &+ j] = 0 }
      }
      return
    }
    let lanes = T.Vector.scalarCount
    for i in 0..<length {
      let from = b + ((depth &+ i) &* n &+ column)
      let to = packed + i &* stride
      var j = 0
      while j < stride {
        let count = Swift.min(lanes, columns &- j)
        to.store(count == lanes ? from.vector(at: j) : from.lanes(Swift.max(0, count), at: j, else: 0), at: j)
        j &+= lanes
      }
    }
  }
}
