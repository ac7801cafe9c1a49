import CIntrinsics

/// The reductions that a tile can run over. Each is a sum over runs; in a run the k-th term of row i is
/// a[i · rowStep + k · step] · b[k · bStep …].
struct Runs<T: KernelScalar> {
  /// First run.
  var a: UnsafePointer<T>
  var b: UnsafePointer<T>
  /// Terms per run, and what separates them.
  var length: Int
  var step: Int
  var rowStep: Int
  var bStep: Int
  /// Number of runs, and what separates them.
  var count: Int
  var aJump: Int
  var bJump: Int
  /// Elements from a row of a to the one that is fetched into the cache meanwhile, once a run; 0 for none.
  var ahead = 0
}

/// Computes one tile: all runs into registers, then the epilogue.
@inline(never)
func tile<R: TileRows>(
  _: R.Type, _ runs: Runs<R.S.T>, _ c: UnsafeMutablePointer<R.S.T>, _ cStep: Int, _ epilogue: Epilogue<R.S>
) {
  var rows = R()
  var (aRun, bRun) = (runs.a, runs.b)
  for _ in 0..<runs.count {
    var (a, b) = (aRun, bRun)
    if runs.ahead != 0 {
      for row in 0..<R.rowCount { sbn_prefetch(a + (row &* runs.rowStep &+ runs.ahead)) }
    }
    for _ in 0..<runs.length {
      rows.step(a, runs.rowStep, R.S.load(b))
      a += runs.step
      b += runs.bStep
    }
    aRun += runs.aJump
    bRun += runs.bJump
  }
  rows.finish(c, cStep, epilogue)
}

/// Rows that fit the registers of the level with a strip of one, two or four vectors.
func maximumRows(vectors: Int) -> Int {
  #if SWIFTBN_V4
    vectors == 4 ? 6 : 13
  #else
    vectors == 4 ? 2 : (vectors == 2 ? 6 : 12)
  #endif
}

/// Computes `rows` rows (at most `maximumRows`) of a strip of columns.
@inline(__always)
func tileRows<S: Strip>(
  _ strip: S.Type, rows: Int, _ runs: Runs<S.T>, _ c: UnsafeMutablePointer<S.T>, _ cStep: Int, _ epilogue: Epilogue<S>
) {
  switch rows {
  case 1: tile(Row<S>.self, runs, c, cStep, epilogue)
  case 2: tile(Rows2<S>.self, runs, c, cStep, epilogue)
  case 3: tile(Rows3<S>.self, runs, c, cStep, epilogue)
  case 4: tile(Rows4<S>.self, runs, c, cStep, epilogue)
  case 5: tile(Rows5<S>.self, runs, c, cStep, epilogue)
  case 6: tile(Rows6<S>.self, runs, c, cStep, epilogue)
  default:
    // Taller ones exist for narrow strips only.
    if S.vectorCount < 4 { tallTileRows(S.self, rows: rows, runs, c, cStep, epilogue) }
  }
}

@inline(__always)
private func tallTileRows<S: Strip>(
  _ strip: S.Type, rows: Int, _ runs: Runs<S.T>, _ c: UnsafeMutablePointer<S.T>, _ cStep: Int, _ epilogue: Epilogue<S>
) {
  switch rows {
  case 7: tile(Rows7<S>.self, runs, c, cStep, epilogue)
  case 8: tile(Rows8<S>.self, runs, c, cStep, epilogue)
  case 9: tile(Rows9<S>.self, runs, c, cStep, epilogue)
  case 10: tile(Rows10<S>.self, runs, c, cStep, epilogue)
  case 11: tile(Rows11<S>.self, runs, c, cStep, epilogue)
  case 12: tile(Rows12<S>.self, runs, c, cStep, epilogue)
  case 13: tile(Rows13<S>.self, runs, c, cStep, epilogue)
  default: break
  }
}

/// Computes any number of rows of a strip, in tiles of nearly equal height. With `runs.ahead` the step from row to row, a
/// tile fetches the rows of the next one.
@inline(__always)
func stripRows<S: Strip>(
  _ strip: S.Type, rows: Int, _ runs: Runs<S.T>, _ c: UnsafeMutablePointer<S.T>, _ cStep: Int, _ epilogue: Epilogue<S>
) {
  let most = maximumRows(vectors: S.vectorCount)
  let tiles = (rows &+ most &- 1) / most
  var first = 0
  for index in 0..<tiles {
    let height = (rows &- first &+ (tiles &- index) &- 1) / (tiles &- index)
    var part = runs
    part.a += first &* runs.rowStep
    part.ahead = height &* runs.ahead
    tileRows(S.self, rows: height, part, c + first &* cStep, cStep, epilogue)
    first &+= height
  }
}
