/// Images (N, height, width, channels) whose patches are transformed: channels `first..<first + count` of them.
struct WinogradImages {
  let p: UnsafePointer<Float>
  let height, width, channels: Int
  let first, count: Int
  /// Scratch: `transformRoom` and `patchRoom` elements.
  let room, patch: UnsafeMutablePointer<Float>

  /// Elements of one patch, channels padded to whole vectors.
  static func patchRoom(count: Int) -> Int { 36 &* wholeVectors(count) }

  init(
    _ p: UnsafePointer<Float>, height: Int, width: Int, channels: Int, first: Int, count: Int,
    room: UnsafeMutablePointer<Float>, patch: UnsafeMutablePointer<Float>
  ) {
    (self.p, self.height, self.width, self.channels) = (p, height, width, channels)
    (self.first, self.count) = (first, count)
    (self.room, self.patch) = (room, patch)
  }

  /// Transforms the patch whose first pixel is (row, column), either of which may be outside: pixels outside are zero.
  @inline(__always)
  func transform<M: WinogradMatrix>(
    _: M.Type, image: Int, row: Int, column: Int, _ to: Grid<UnsafeMutablePointer<Float>>
  ) {
    let size = M.Input.count
    let padded = wholeVectors(count)
    let isInside = row >= 0 && column >= 0 && row &+ size <= height && column &+ size <= width
    var from = Grid(
      p: p + (((image &* height &+ row) &* width &+ column) &* channels &+ first), rowStep: width &* channels,
      columnStep: channels)
    if !isInside || padded != count {
      copyPatch(from, row: row, column: column, size: size, padded: padded)
      from = Grid(p: UnsafePointer(patch), rowStep: size &* padded, columnStep: padded)
    }
    winogradTransform(M.self, from, to, channels: padded, room, Unchanged())
  }

  @inline(never)
  private func copyPatch(_ from: Grid<UnsafePointer<Float>>, row: Int, column: Int, size: Int, padded: Int) {
    let lanes = FloatVector.scalarCount
    for i in 0..<size {
      for j in 0..<size {
        let to = patch + (i &* size &+ j) &* padded
        if row &+ i >= 0 && row &+ i < height && column &+ j >= 0 && column &+ j < width {
          copyChannels(from.p + (i &* from.rowStep &+ j &* from.columnStep), to, count)
          for channel in count..<padded { to[channel] = 0 }
        } else {
          var channel = 0
          while channel < padded {
            to.store(FloatVector(), at: channel)
            channel &+= lanes
          }
        }
      }
    }
  }
}

@inline(__always)
func copyChannels(_ from: UnsafePointer<Float>, _ to: UnsafeMutablePointer<Float>, _ count: Int) {
  var channel = 0
  while channel &+ FloatVector.scalarCount <= count {
    to.store(from.vector(at: channel), at: channel)
    channel &+= FloatVector.scalarCount
  }
  while channel < count {
    to[channel] = from[channel]
    channel &+= 1
  }
}
