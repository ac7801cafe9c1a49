import Parallel

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
      for i in 0..<depth {
        let row = to + i &* width
        if isTransposed {
          let from = source + (first &* rowStride &+ i)
          for j in 0..<used { row[j] = from[j &* rowStride] }
        } else {
          row.update(from: source + (i &* rowStride &+ first), count: used)
        }
        for j in used..<width { row[j] = 0 }
      }
    }
  }

  /// c = a · matrix (+ c) (+ bias), for rows of a and c that are `aStride` and `cStride` apart.
  @inline(never)
  func multiply(
    rows: Int, _ a: UnsafePointer<T>, _ aStride: Int, _ c: UnsafeMutablePointer<T>, _ cStride: Int, accumulates: Bool,
    bias: UnsafePointer<T>? = nil
  ) {
    let width = Self.width
    var column = 0
    while column < columns {
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
