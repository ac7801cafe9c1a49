#if SWIFTBN_V4
  import CIntrinsics

  /// How planes of short rows are walked under windows of 2 × 2 pixels: by groups of as many pairs of rows as 64 pixels and
  /// 16 windows allow. A group's pixels follow each other in memory, and its windows lie in one vector, whatever the width
  /// of the rows.
  struct ShortRows {
    /// Pixels and windows of a plane.
    let pixels, windows: Int
    /// The groups of a plane.
    let groups: UnsafeBufferPointer<Group>
    /// Windows of which the pixel at that place (upper left, upper right, lower left, lower right) is in the second half
    /// of a group.
    let far: (UInt16, UInt16, UInt16, UInt16)
    /// Of 64 pixels the window, then the place in it; then of 16 windows the pixel at each place.
    private let table: UnsafePointer<Int32>

    struct Group {
      var pixels, windows: Int
      /// Bits of its windows, and of the pixels in the last vector of them.
      var windowBits, lastBits: UInt16
    }

    private static var tableCount: Int { 3 &* 64 }
    private static var mostPixels: Int { 2048 }
    /// No group but the last has fewer than 32 pixels.
    static var scratchBytes: Int {
      tableCount &* MemoryLayout<Int32>.stride &+ mostPixels / 32 &* MemoryLayout<Group>.stride
    }

    /// Whether windows begin in the first pixel and follow each other without padding before them. The last ones may have
    /// fewer pixels. In planes this small, lanes add few numbers.
    @inline(__always)
    static func fit(_ shape: PoolingShape) -> Bool {
      shape.poolHeight == 2 && shape.poolWidth == 2 && shape.strideH == 2 && shape.strideW == 2
        && shape.padTop == 0 && shape.padLeft == 0 && shape.width <= 31 && shape.height &* shape.width <= mostPixels
        && shape.outWidth > 0 && shape.outWidth <= 15 && 2 &* shape.outWidth <= shape.width &+ 1
        && shape.outHeight > 0 && 2 &* shape.outHeight <= shape.height &+ 1
    }

    /// Uses `memory` of `scratchBytes`.
    @inline(never)
    init(_ shape: PoolingShape, _ memory: UnsafeMutableRawPointer) {
      let (width, pairs) = (shape.width, min(16 / shape.outWidth, 32 / shape.width))
      (pixels, windows) = (shape.height &* width, shape.outHeight &* shape.outWidth)
      let (groupPixels, groupWindows) = (2 &* pairs &* width, pairs &* shape.outWidth)

      let table = memory.assumingMemoryBound(to: Int32.self)
      let (places, positions) = (table + 64, table + 128)
      table.update(repeating: 0, count: 64)
      places.update(repeating: -1, count: 64)
      positions.update(repeating: 0, count: 64)
      for window in 0..<groupWindows {
        let (row, column) = (window / shape.outWidth &* 2, window % shape.outWidth &* 2)
        for place in 0..<4 {
          // Where there is no column on the right, that on the left stands in for it; its place comes first.
          let isOutside = column &+ place % 2 >= width
          let pixel = (row &+ place / 2) &* width &+ column &+ (isOutside ? 0 : place % 2)
          positions[16 &* place &+ window] = Int32(truncatingIfNeeded: pixel)
          if isOutside { continue }
          table[pixel] = Int32(truncatingIfNeeded: window)
          places[pixel] = Int32(truncatingIfNeeded: place)
        }
      }
      func far(_ place: Int) -> UInt16 {
        (0..<16).reduce(0) { positions[16 &* place &+ $1] >= 32 ? $0 | 1 << UInt16($1) : $0 }
      }
      self.far = (far(0), far(1), far(2), far(3))
      self.table = UnsafePointer(table)

      let groups = UnsafeMutableRawPointer(table + ShortRows.tableCount).assumingMemoryBound(to: Group.self)
      var (count, pixel, window) = (0, 0, 0)
      while pixel < pixels {
        let group = (min(groupPixels, pixels &- pixel), min(groupWindows, windows &- window))
        groups[count] = Group(
          pixels: group.0, windows: group.1, windowBits: ShortRows.bits(group.1),
          lastBits: ShortRows.bits((group.0 &- 1) % 16 &+ 1))
        (count, pixel, window) = (count &+ 1, pixel &+ group.0, window &+ group.1)
      }
      self.groups = UnsafeBufferPointer(start: groups, count: count)
    }

    /// The first `count` of 16 bits.
    @inline(__always)
    private static func bits(_ count: Int) -> UInt16 { UInt16(truncatingIfNeeded: 1 &<< count &- 1) }

    /// Of the k-th 16 pixels of a group.
    @inline(__always) func windows(of k: Int) -> sbn_indices { indices(16 &* k) }
    @inline(__always) func places(of k: Int) -> sbn_indices { indices(64 &+ 16 &* k) }
    /// The pixel at that place of each window.
    @inline(__always) func pixels(at place: Int) -> sbn_indices { indices(128 &+ 16 &* place) }

    @inline(__always)
    private func indices(_ offset: Int) -> sbn_indices {
      UnsafeRawPointer(table + offset).loadUnaligned(as: sbn_indices.self)
    }
  }

  /// The pixels of a group: vectors that follow each other, 0 where there are no pixels.
  struct GroupPixels {
    let a, b, c, d: FloatVector
    private let isLong: Bool

    @inline(__always)
    init(_ x: UnsafePointer<Float>, _ group: ShortRows.Group) {
      let (zero, last, whole) = (FloatVector.zero, ChosenLanes(bits: group.lastBits), WholeVector())
      isLong = group.pixels > 32
      if isLong {
        (a, b) = (whole.load(x, 0, else: zero), whole.load(x, 16, else: zero))
        let isFull = group.pixels > 48
        c = isFull ? whole.load(x, 32, else: zero) : last.load(x, 32, else: zero)
        d = isFull ? last.load(x, 48, else: zero) : zero
      } else {
        let isPair = group.pixels > 16
        a = isPair ? whole.load(x, 0, else: zero) : last.load(x, 0, else: zero)
        b = isPair ? last.load(x, 16, else: zero) : zero
        (c, d) = (zero, zero)
      }
    }

    /// Those with the given numbers, of which `far` are in the second half of a long group.
    @inline(__always)
    func pick(_ pixels: sbn_indices, far: UInt16) -> FloatVector {
      let near = sbn_permute_pair(a, b, pixels)
      return isLong ? sbn_blend_lanes(near, sbn_permute_pair(c, d, pixels), far) : near
    }
  }

  /// The elements of a vector of floats whose bits are set; loads fill the others from `rest`.
  struct ChosenLanes: VectorReach {
    @inline(__always) static var isStreamed: Bool { false }

    let bits: UInt16

    @inline(__always)
    func load<T: KernelScalar>(_ pointer: UnsafePointer<T>, _ index: Int, else rest: T.Vector) -> T.Vector {
      let source = UnsafeRawPointer(pointer + index).assumingMemoryBound(to: Float.self)
      return unsafeBitCast(sbn_load_lanes(source, bits, unsafeBitCast(rest, to: FloatVector.self)), to: T.Vector.self)
    }

    @inline(__always)
    func store<T: KernelScalar>(_ vector: T.Vector, _ pointer: UnsafeMutablePointer<T>, _ index: Int) {
      let target = UnsafeMutableRawPointer(pointer + index).assumingMemoryBound(to: Float.self)
      sbn_store_lanes(target, bits, unsafeBitCast(vector, to: FloatVector.self))
    }
  }
#endif
