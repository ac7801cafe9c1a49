import Parallel

/// Elements from which a matrix is multiplied by several threads, and those of one chunk of it.
private let cutElements = 1 << 17
private let runElements = 1 << 14

/// A matrix laid out for many products with few rows: panels of two vectors of columns, padded with zeros, each panel
/// contiguous along the reduction.
struct PackedMatrix<T: KernelScalar> {
  let panels: UnsafePointer<T>
  /// Extent of the reduction, and columns.
  let depth: Int
  let columns: Int

  static var width: Int { @inline(__always) get { 2 &* T.Vector.scalarCount } }

  static func count(depth: Int, columns: Int) -> Int { (columns &+ width &- 1) / width &* width &* depth }

  /// Packs rows of `source`, `rowStride` apart, or its transpose: then `source` has `columns` rows of `depth` elements.
  init(
    _ source: UnsafePointer<T>, rowStride: Int, isTransposed: Bool, depth: Int, columns: Int,
    into memory: UnsafeMutablePointer<T>
  ) {
    (panels, self.depth, self.columns) = (UnsafePointer(memory), depth, columns)
    let width = Self.width
    let count = (columns &+ width &- 1) / width
    parallel(count, (source, rowStride, isTransposed, depth, columns, memory)) { context, panel in
      let (source, rowStride, isTransposed, depth, columns, memory) = context
      let width = Self.width
      let first = panel &* width
      let used = Swift.min(width, columns &- first)
      let to = memory + panel &* width &* depth
      if isTransposed {
        transposeTile(source + first &* rowStride, rowStride, to, width, used, depth)
        for i in 0..<depth {
          for j in used..<width { to[i &* width &+ j] = 0 }
        }
        return
      }
      for i in 0..<depth {
        let row = to + i &* width
        row.update(from: source + (i &* rowStride &+ first), count: used)
        for j in used..<width { row[j] = 0 }
      }
    }
  }

  /// c = a · matrix (+ c) (+ bias), for rows of a and c that are `aStride` and `cStride` apart.
  ///
  /// A large matrix is cut into runs of panels, for the threads that the samples leave idle: the caller has one block of
  /// them only, or is one of many chunks already, and then this runs as one.
  @inline(__always)
  func multiply(
    rows: Int, _ a: UnsafePointer<T>, _ aStride: Int, _ c: UnsafeMutablePointer<T>, _ cStride: Int, accumulates: Bool,
    bias: UnsafePointer<T>? = nil
  ) {
    if depth &* columns < cutElements {
      return multiply(
        columns: 0..<columns, rows: rows, a, aStride, c, cStride, accumulates: accumulates, bias: bias)
    }
    let run = Swift.max(1, runElements / (depth &* Self.width)) &* Self.width
    parallel((columns &+ run &- 1) / run, (self, run, rows, a, aStride, c, cStride, accumulates, bias)) {
      context, chunk in
      let (matrix, run, rows, a, aStride, c, cStride, accumulates, bias) = context
      let first = chunk &* run
      matrix.multiply(
        columns: first..<Swift.min(first &+ run, matrix.columns), rows: rows, a, aStride, c, cStride,
        accumulates: accumulates, bias: bias)
    }
  }

  /// The same for columns that begin with a panel.
  @inline(never)
  private func multiply(
    columns range: Range<Int>, rows: Int, _ a: UnsafePointer<T>, _ aStride: Int, _ c: UnsafeMutablePointer<T>,
    _ cStride: Int, accumulates: Bool, bias: UnsafePointer<T>?
  ) {
    let width = Self.width
    var column = range.lowerBound
    while column < range.upperBound {
      let used = Swift.min(width, columns &- column)
      let runs = Runs(
        a: a, b: panels + column &* depth, length: depth, step: 1, rowStep: aStride, bStep: width, count: 1, aJump: 0,
        bJump: 0)
      let bias = bias.map { $0 + column }
      if used <= T.Vector.scalarCount {
        let epilogue = Epilogue<Strip1<T>>(columns: used, accumulates: accumulates, bias: bias, relu: false)
        stripRows(Strip1<T>.self, rows: rows, runs, c + column, cStride, epilogue)
      } else {
        let epilogue = Epilogue<Strip2<T>>(columns: used, accumulates: accumulates, bias: bias, relu: false)
        stripRows(Strip2<T>.self, rows: rows, runs, c + column, cStride, epilogue)
      }
      column &+= width
    }
  }
}

/// Elements of memory for a packed (depth, columns) matrix.
public func packedMatrixCount<T: KernelScalar>(_: T.Type, depth: Int, columns: Int) -> Int {
  PackedMatrix<T>.count(depth: depth, columns: columns)
}
