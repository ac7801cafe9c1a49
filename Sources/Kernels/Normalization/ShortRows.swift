#if SWIFTBN_V4
  import CIntrinsics

  /// How planes of short rows are walked under windows of 2 × 2 pixels: by groups of as many pairs of rows as 64 pixels and
  /// 16 windows allow. The windows of a group lie in one vector, whatever the rows' width; its pixels, which follow each
  /// other in memory, have one bit each in a word.
  struct ShortRows {
    let width: Int
    /// Pixels and windows of a plane.
    let pixels, windows: Int
    /// Bits of pixels in windows' upper rows, and of those with a pixel of their window on the right or on the left.
    let upper, left, right: UInt64
    /// Windows whose pixels are in the second half of the word.
    let far: UInt16
    /// The groups of a plane.
    let groups: UnsafeBufferPointer<Group>
    /// The window of each pixel, 64 numbers, then the first pixel of each window, 16 numbers.
    private let table: UnsafePointer<Int32>

    struct Group {
      var pixels, windows: Int
      /// Bits of its pixels, of those of windows, and of its windows.
      var all, inWindows: UInt64
      var windowBits: UInt16
    }

    private static var tableCount: Int { 80 }
    private static var mostPixels: Int { 2048 }
    /// No group but the last has fewer than 32 pixels.
    private static var tableBytes: Int { tableCount &* MemoryLayout<Int32>.stride }
    static var scratchBytes: Int { tableBytes &+ mostPixels / 32 &* MemoryLayout<Group>.stride }

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
      let pairs = min(16 / shape.outWidth, 32 / shape.width)
      (width, pixels, windows) = (shape.width, shape.height &* shape.width, shape.outHeight &* shape.outWidth)
      let table = memory.assumingMemoryBound(to: Int32.self)
      table.update(repeating: 0, count: ShortRows.tableCount)
      let (groupPixels, groupWindows) = (2 &* pairs &* shape.width, pairs &* shape.outWidth)
      var (inWindows, upper, left, far) = (UInt64(0), UInt64(0), UInt64(0), UInt16(0))
      for pixel in 0..<groupPixels {
        let (row, column) = (pixel / width, pixel % width)
        if column >= 2 &* shape.outWidth { continue }
        let window = row / 2 &* shape.outWidth &+ column / 2
        let bit = UInt64(1) << UInt64(pixel)
        table[pixel] = Int32(truncatingIfNeeded: window)
        inWindows |= bit
        if row % 2 == 0 { upper |= bit }
        if column % 2 == 0 && column &+ 1 < width { left |= bit }
        if row % 2 == 0 && column % 2 == 0 {
          table[64 &+ window] = Int32(truncatingIfNeeded: pixel)
          if pixel >= 32 { far |= 1 << UInt16(window) }
        }
      }
      (self.upper, self.left, right, self.far) = (upper, left, left << 1, far)
      self.table = UnsafePointer(table)

      let groups = (memory + ShortRows.tableBytes).assumingMemoryBound(to: Group.self)
      let covered = min(2 &* shape.outHeight, shape.height) &* width
      var (count, pixel, window) = (0, 0, 0)
      while pixel < pixels {
        let group = Group(
          pixels: min(groupPixels, pixels &- pixel), windows: max(0, min(groupWindows, windows &- window)),
          all: ShortRows.bits(pixels &- pixel) & ShortRows.bits(groupPixels),
          inWindows: inWindows & ShortRows.bits(covered &- pixel),
          windowBits: UInt16(truncatingIfNeeded: ShortRows.bits(min(groupWindows, windows &- window))))
        groups[count] = group
        (count, pixel, window) = (count &+ 1, pixel &+ group.pixels, window &+ group.windows)
      }
      self.groups = UnsafeBufferPointer(start: groups, count: count)
    }

    /// The first `count` bits of a word.
    @inline(__always)
    private static func bits(_ count: Int) -> UInt64 { (1 << UInt64(truncatingIfNeeded: max(0, count))) &- 1 }

    /// The windows of the 16 pixels from `pixel` on.
    @inline(__always)
    func windows(from pixel: Int) -> sbn_indices {
      UnsafeRawPointer(table + pixel).loadUnaligned(as: sbn_indices.self)
    }

    /// The first pixel of each window.
    @inline(__always)
    var corners: sbn_indices { windows(from: 64) }

    /// Of the pixels whose bits are set, the first one in each window.
    @inline(__always)
    func firstInWindows(_ pixels: UInt64) -> UInt64 {
      // A pixel falls to the one on its left, then those of the lower row to those of the upper row.
      let inRows = pixels & ~((pixels & left) &<< 1)
      let found = inRows & upper
      let pairs = found | (found & left) &<< 1 | (found & right) &>> 1
      return inRows & ~(pairs &<< UInt64(truncatingIfNeeded: width))
    }
  }

  /// The elements of a vector of floats whose bits are set; loads fill the others from `rest`.
  struct ChosenLanes: VectorReach {
    @inline(__always) static var isStreamed: Bool { false }

    let bits: UInt16

    /// Those of the 16 bits from `offset` on.
    @inline(__always)
    init(_ bits: UInt64, from offset: Int) {
      self.bits = UInt16(truncatingIfNeeded: bits &>> UInt64(truncatingIfNeeded: offset))
    }
    @inline(__always)
    init(_ bits: UInt16) { self.bits = bits }

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
