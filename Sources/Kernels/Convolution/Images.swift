/// Copies of images in forms that the inner loops can walk without looking at edges.

/// Rows `rows` of the padded image: reach (rows, reachWidth, C_in) with zeros where windows reach over an edge. Returns
/// where output row `rows.lowerBound` begins.
@inline(__always)
func padRows<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ padded: UnsafeMutablePointer<T>, _ s: ConvolutionShape, outRows: Range<Int>
) {
  let first = outRows.lowerBound &* s.strideH &- s.padTop
  let count = (outRows.count &- 1) &* s.strideH &+ (s.kernelHeight &- 1) &* s.dilationH &+ 1
  let (rowLength, c) = (s.reachWidth &* s.inChannels, s.inChannels)
  // Columns that lie inside; negative padding begins inside.
  let left = Swift.max(0, Swift.min(s.padLeft, s.reachWidth))
  let copied = Swift.max(0, Swift.min(s.width &+ s.padLeft, s.reachWidth) &- left)
  for row in 0..<count {
    let to = padded + row &* rowLength
    let source = first &+ row
    guard source >= 0, source < s.height else {
      for i in 0..<rowLength { to[i] = 0 }
      continue
    }
    for i in 0..<(left &* c) { to[i] = 0 }
    UnsafeMutableRawPointer(to + left &* c).copyMemory(
      from: x + (source &* s.width &+ left &- s.padLeft) &* c, byteCount: copied &* c &* MemoryLayout<T>.stride)
    for i in ((left &+ copied) &* c)..<rowLength { to[i] = 0 }
  }
}

/// Windows of output rows as columns of a matrix (KH·KW·C_in, pixels), zeros where they reach over an edge: each row of
/// it is then made of runs of the image.
@inline(__always)
func gatherWindows<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ windows: UnsafeMutablePointer<T>, _ s: ConvolutionShape, outRows: Range<Int>
) {
  var to = windows
  let (c, lanes) = (s.inChannels, T.Vector.scalarCount)
  for i in 0..<s.kernelHeight {
    for j in 0..<s.kernelWidth {
      // Columns of the output whose tap lies inside: offset >= 0 and offset < width at both ends.
      let offset = j &* s.dilationW &- s.padLeft
      let first = Swift.min(s.outWidth, offset >= 0 ? 0 : (s.strideW &- 1 &- offset) / s.strideW)
      let room = s.width &- 1 &- offset
      let last = Swift.max(first, room < 0 ? 0 : Swift.min(s.outWidth, room / s.strideW &+ 1))
      let step = s.strideW &* c
      for k in 0..<c {
        for row in outRows {
          let h = row &* s.strideH &+ i &* s.dilationH &- s.padTop
          guard h >= 0, h < s.height, first < last else {
            for column in 0..<s.outWidth { to[column] = 0 }
            to += s.outWidth
            continue
          }
          for column in 0..<first { to[column] = 0 }
          for column in last..<s.outWidth { to[column] = 0 }
          let from = x + ((h &* s.width &+ first &* s.strideW &+ offset) &* c &+ k)
          let run = to + first
          var column = 0
          if step == 1 {
            while column &+ lanes <= last &- first {
              run.store(from.vector(at: column), at: column)
              column &+= lanes
            }
          }
          while column < last &- first {
            run[column] = from[column &* step]
            column &+= 1
          }
          to += s.outWidth
        }
      }
    }
  }
}

/// Rows of `columns` elements as panels [panel][row][width], padded with zeros.
@inline(__always)
func packPanels<T: KernelScalar>(
  _ w: UnsafePointer<T>, _ packed: UnsafeMutablePointer<T>, rows: Int, columns: Int, _ panels: ColumnPanels
) {
  for panel in 0..<panels.count {
    let first = panel &* panels.width
    let copied = Swift.min(panels.width, columns &- first)
    for row in 0..<rows {
      let to = packed + (panel &* rows &+ row) &* panels.width
      for j in 0..<copied { to[j] = w[row &* columns &+ first &+ j] }
      for j in copied..<panels.width { to[j] = 0 }
    }
  }
}
