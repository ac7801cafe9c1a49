import Parallel

/// Which 36 matrices are made of a kernel w (3, 3, C, O).
enum WinogradWeights {
  /// (C, O): for the convolution.
  case plain
  /// (O, C) of the kernel flipped in space: for the input gradient as a convolution.
  case flipped
  /// (O, C): for the input gradient as the transpose of the convolution.
  case transposed
}

/// Transformed weights U as 36 planes of panels [panel][row][width].
struct WinogradKernel {
  let panels: ColumnPanels
  let rows, columns: Int
  let weights: WinogradWeights
  /// Between planes, and between panels of one plane.
  let step, panelStep: Int
  /// Elements of taps as (3, 3, rows, padded columns), where w itself cannot be taken.
  let tapCount: Int

  init(inChannels: Int, outChannels: Int, _ weights: WinogradWeights) {
    self.weights = weights
    (rows, columns) = weights == .plain ? (inChannels, outChannels) : (outChannels, inChannels)
    panels = ColumnPanels(columns: columns, lanes: FloatVector.scalarCount)
    panelStep = rows &* panels.width
    step = Planes.step(rows: rows, width: panels.count &* panels.width)
    let padded = panels.count &* panels.width
    tapCount = weights == .plain && padded == columns ? 0 : 9 &* rows &* padded
  }

  var paddedColumns: Int { panels.count &* panels.width }
  var count: Int { 36 &* step }
  /// Elements that `transform` needs.
  var room: Int { count &+ tapCount }

  /// Fills `u` (and uses what follows it, `room` in all).
  func transform(_ w: UnsafePointer<Float>, _ u: UnsafeMutablePointer<Float>) {
    var taps = w
    if tapCount > 0 {
      let to = u + count
      parallel(9, (self, w, to)) { context, tap in
        let (kernel, w, to) = context
        kernel.copyTap(w + tap &* kernel.rows &* kernel.columns, to + tap &* kernel.rows &* kernel.paddedColumns)
      }
      taps = UnsafePointer(to)
    }
    let chunks = (rows &+ 15) / 16
    parallel(chunks, scratchBytes: transformRoom &* 4, (self, taps, u)) { context, chunk, scratch in
      let (kernel, taps, u) = context
      let room = scratch.assumingMemoryBound(to: Float.self)
      let step = kernel.rows &* kernel.paddedColumns
      for row in (chunk &* 16)..<Swift.min(kernel.rows, chunk &* 16 &+ 16) {
        for panel in 0..<kernel.panels.count {
          let place = row &* kernel.paddedColumns &+ panel &* kernel.panels.width
          // A flipped kernel is walked from its last tap backwards.
          let from =
            kernel.weights == .flipped
            ? Grid(p: taps + (8 &* step &+ place), rowStep: -3 &* step, columnStep: -step)
            : Grid(p: taps + place, rowStep: 3 &* step, columnStep: step)
          let to = u + (panel &* kernel.panelStep &+ row &* kernel.panels.width)
          winogradTransform(
            WeightMatrix.self, from, Grid(p: to, rowStep: 6 &* kernel.step, columnStep: kernel.step),
            channels: kernel.panels.width, room, Unchanged())
        }
      }
    }
  }

  /// One tap (C, O) as (rows, padded columns).
  @inline(__always)
  private func copyTap(_ w: UnsafePointer<Float>, _ to: UnsafeMutablePointer<Float>) {
    let padded = paddedColumns
    if weights == .plain {
      for row in 0..<rows {
        for column in 0..<columns { to[row &* padded &+ column] = w[row &* columns &+ column] }
        for column in columns..<padded { to[row &* padded &+ column] = 0 }
      }
      return
    }
    // Transposed in strips of 16 rows: as many lines as are written to at a time.
    var first = 0
    while first < rows {
      let last = Swift.min(first &+ 16, rows)
      for column in 0..<columns {
        for row in first..<last { to[row &* padded &+ column] = w[column &* rows &+ row] }
      }
      for row in first..<last {
        for column in columns..<padded { to[row &* padded &+ column] = 0 }
      }
      first = last
    }
  }
}
