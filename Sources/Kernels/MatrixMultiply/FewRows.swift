import Parallel

/// With more rows of C it pays to copy B to panels.
private let mostRows = 6
/// Elements of B that are worth a second thread.
private let parallelElements = 1 << 17
/// Blocks of the depth from which on threads share these and not the columns.
private let fewestBlocks = 4

/// Products of so few rows that every element of B is used rarely: it is read where it lies.
///
/// In blocks of the same depth as in `band`, so that a row's result does not depend on how many rows there are.
extension MatrixProduct {
  var hasFewRows: Bool { m <= mostRows && !transposeB && n % T.Vector.scalarCount == 0 && k > 0 }

  func multiplyFewRows() {
    if n &* k < parallelElements || threadCount == 1 { return direct(0..<n) }
    let blocks = (k &+ panelDepth &- 1) / panelDepth
    if blocks < fewestBlocks {
      let width = 8 &* T.Vector.scalarCount
      return parallel((n &+ width &- 1) / width, self) { product, strip in
        let width = 8 &* T.Vector.scalarCount
        product.direct(strip &* width..<Swift.min(product.n, (strip &+ 1) &* width))
      }
    }
    // Whole rows of B, as the processor fetches beyond parts of rows what another thread needs (1.4 times the time).
    guard let room = sharedScratch(bytes: blocks &* m &* n &* MemoryLayout<T>.stride) else { return }
    let partial = room.assumingMemoryBound(to: T.self)
    parallel(blocks, (self, partial)) { context, block in
      let (product, partial) = context
      product.part(block, partial + block &* product.m &* product.n).direct(0..<product.n)
    }
    finish(UnsafePointer(partial), blocks: blocks)
  }

  /// One block of the depth, which is stored to memory of its own.
  @inline(__always)
  private func part(_ block: Int, _ partial: UnsafeMutablePointer<T>) -> MatrixProduct {
    let depth = block &* panelDepth
    return MatrixProduct(
      a: a + depth &* aStep, b: b + depth &* n, c: partial, m: m, n: n, k: Swift.min(panelDepth, k &- depth),
      aRow: aRow, aStep: aStep, transposeB: false, bias: nil, relu: false, accumulate: false,
      rowsPerChunk: rowsPerChunk)
  }

  /// Adds the blocks in order, as they are added where one thread computes them one after the other.
  @inline(never)
  private func finish(_ partial: UnsafePointer<T>, blocks: Int) {
    for row in 0..<m {
      for column in stride(from: 0, to: n, by: T.Vector.scalarCount) {
        let place = row &* n &+ column
        var sum = Strip1<T>.load(partial + place)
        if accumulate { sum = sum.added(to: Strip1<T>.load(UnsafePointer(c + place))) }
        for block in 1..<blocks { sum = Strip1<T>.load(partial + (block &* m &* n &+ place)).added(to: sum) }
        if let bias { sum = sum.added(to: Strip1<T>.load(bias + column)) }
        if relu { sum = sum.rectified() }
        sum.store(c + place)
      }
    }
  }

  /// All rows times columns of B, which are read in the order of its memory as far as the registers permit.
  @inline(never)
  func direct(_ columns: Range<Int>) {
    var depth = 0
    while depth < k {
      var column = columns.lowerBound
      if m == 1 { direct(Strip8<T>.self, &column, columns.upperBound, depth) }
      direct(Strip4<T>.self, &column, columns.upperBound, depth)
      direct(Strip2<T>.self, &column, columns.upperBound, depth)
      direct(Strip1<T>.self, &column, columns.upperBound, depth)
      depth &+= panelDepth
    }
  }

  /// As many strips as fit between the columns, over one block of the depth.
  @inline(__always)
  private func direct<S: Strip>(_: S.Type, _ column: inout Int, _ end: Int, _ depth: Int) where S.T == T {
    let width = S.vectorCount &* T.Vector.scalarCount
    let length = Swift.min(panelDepth, k &- depth)
    let isLast = depth &+ length == k
    while column &+ width <= end {
      let runs = Runs(
        a: a + depth &* aStep, b: b + (depth &* n &+ column), length: length, step: aStep, rowStep: aRow, bStep: n,
        count: 1, aJump: 0, bJump: 0)
      let epilogue = Epilogue<S>(
        columns: width, accumulates: accumulate || depth > 0, bias: isLast ? bias.map { $0 + column } : nil,
        relu: isLast && relu)
      if S.vectorCount == 8 {
        tile(Row<S>.self, runs, c + column, n, epilogue)
      } else {
        stripRows(S.self, rows: m, runs, c + column, n, epilogue)
      }
      column &+= width
    }
  }
}
