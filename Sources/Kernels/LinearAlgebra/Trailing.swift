import Parallel

/// Rows of C that one chunk updates, and matrices from which on a factorization is left to all threads together.
private let rowsPerChunk = 156
private let manyMatrices = 8

/// Runs `body(context, matrix)` for each matrix of a batch: several at a time where there are many or they are small, else
/// one after the other, so that all threads work on each. `work` is about the number of multiplications of one.
@inline(__always)
func forEachMatrix<Context>(
  _ batch: Int, work: Int, _ context: Context, _ body: @escaping (Context, Int) -> Void
) {
  let perChunk = matricesPerChunk(work: work)
  if batch < manyMatrices && perChunk == 1 {
    for matrix in 0..<batch { body(context, matrix) }
    return
  }
  parallel((batch &+ perChunk &- 1) / perChunk, (context, body, batch, perChunk)) { all, chunk in
    let (context, body, batch, perChunk) = all
    for matrix in chunk &* perChunk..<min(batch, (chunk &+ 1) &* perChunk) { body(context, matrix) }
  }
}

/// A part of a matrix: element (i, j) is at `start[i · row + j · column]`.
struct Block<T: KernelScalar> {
  let start: UnsafePointer<T>
  let row, column: Int
}

/// C -= A·B for parts of matrices: C (m, n) with rows `pitch` apart, A (m, k), B (k, n) with k small. C overlaps neither.
@inline(__always)
func subtractProduct<T: KernelScalar>(
  _ c: UnsafeMutablePointer<T>, pitch: Int, _ a: Block<T>, _ b: Block<T>, m: Int, n: Int, k: Int
) {
  if m <= 0 || n <= 0 || k <= 0 { return }
  let width = 2 &* T.Vector.scalarCount
  let panels = (n &+ width &- 1) / width
  let bands = (m &+ rowsPerChunk &- 1) / rowsPerChunk
  parallel(
    panels &* bands, scratchBytes: k &* width &* MemoryLayout<T>.stride, (c, pitch, a, b, panels, (m, n, k))
  ) { context, chunk, scratch in
    let (c, pitch, a, b, panels, (m, n, k)) = context
    let width = 2 &* T.Vector.scalarCount
    let (first, column) = (chunk / panels &* rowsPerChunk, chunk % panels &* width)
    let columns = min(width, n &- column)
    let packed = scratch.assumingMemoryBound(to: T.self)
    for i in 0..<k {
      let from = b.start + (i &* b.row &+ column &* b.column)
      for j in 0..<columns { packed[i &* width &+ j] = -from[j &* b.column] }
      for j in columns..<width { packed[i &* width &+ j] = 0 }
    }
    let runs = Runs(
      a: a.start + first &* a.row, b: UnsafePointer(packed), length: k, step: a.column, rowStep: a.row, bStep: width,
      count: 1, aJump: 0, bJump: 0)
    let epilogue = Epilogue<Strip2<T>>(columns: columns, accumulates: true, bias: nil, relu: false)
    stripRows(
      Strip2<T>.self, rows: min(rowsPerChunk, m &- first), runs, c + (first &* pitch &+ column), pitch, epilogue)
  }
}
