#if SWIFTBN_V4
  import CIntrinsics

  /// dx of consecutive planes of short rows; with `Rectified`, the sum of each plane's dx to its place in `sums`.
  @inline(never)
  func spreadShortRows<Masked: Flag, Rectified: Flag>(
    _ work: PooledGradient<Float>, _ rows: ShortRows, _ planes: Range<Int>, _ sums: UnsafeMutablePointer<Double>,
    _ masked: Masked.Type, _ rectified: Rectified.Type
  ) {
    let channels = work.shape.channels
    let zero = FloatVector.zero
    // Loaded once: registers hold them.
    let (windows0, windows1) = (rows.windows(from: 0), rows.windows(from: 16))
    let (windows2, windows3) = (rows.windows(from: 32), rows.windows(from: 48))
    var channel = planes.lowerBound % channels
    var (index, out) = (planes.lowerBound &* rows.pixels, planes.lowerBound &* rows.windows)
    for plane in planes {
      let pixel = PixelGradient<Float, Rectified>(work, channel: channel)
      var sum = zero
      for group in rows.groups {
        let reach = ChosenLanes(group.windowBits)
        let picked = reach.load(work.picked, out, else: zero)
        let all = work.windowGradient(out, picked, reach, Masked.self)
        let spread = GroupGradient(pixel: pixel, x: work.x + index, dx: work.dx + index, lanes: group.all)
        let count = group.pixels
        let x0 = spread.load(0)
        var (x1, x2, x3) = (zero, zero, zero)
        var equal = spread.equal(x0, picked, windows0, 0)
        if count > 16 {
          x1 = spread.load(16)
          equal |= spread.equal(x1, picked, windows1, 16)
          if count > 32 {
            x2 = spread.load(32)
            equal |= spread.equal(x2, picked, windows2, 32)
            if count > 48 {
              x3 = spread.load(48)
              equal |= spread.equal(x3, picked, windows3, 48)
            }
          }
        }
        let first = rows.firstInWindows(equal & group.inWindows)
        spread.store(x0, all, windows0, first, 0, &sum)
        if count > 16 {
          spread.store(x1, all, windows1, first, 16, &sum)
          if count > 32 {
            spread.store(x2, all, windows2, first, 32, &sum)
            if count > 48 { spread.store(x3, all, windows3, first, 48, &sum) }
          }
        }
        index &+= count
        out &+= group.windows
      }
      if Rectified.isSet { sums[plane] = (sbn_low_doubles(sum) + sbn_high_doubles(sum)).sum() }
      channel = channel &+ 1 == channels ? 0 : channel &+ 1
    }
  }

  /// The pixels of a group, 16 at a time.
  private struct GroupGradient<Rectified: Flag> {
    let pixel: PixelGradient<Float, Rectified>
    let x: UnsafePointer<Float>
    let dx: UnsafeMutablePointer<Float>
    let lanes: UInt64

    @inline(__always)
    func load(_ offset: Int) -> FloatVector {
      ChosenLanes(lanes, from: offset).load(x, offset, else: FloatVector.zero)
    }

    /// Bits of the pixels that equal what was picked of their windows.
    @inline(__always)
    func equal(_ x: FloatVector, _ picked: FloatVector, _ windows: sbn_indices, _ offset: Int) -> UInt64 {
      let bits = sbn_equal_bits(x, sbn_permute(picked, windows))
      return UInt64(truncatingIfNeeded: bits) &<< UInt64(truncatingIfNeeded: offset)
    }

    /// The pixels whose bits are in `first` get the gradients of their windows.
    @inline(__always)
    func store(
      _ x: FloatVector, _ all: FloatVector, _ windows: sbn_indices, _ first: UInt64, _ offset: Int,
      _ sum: inout FloatVector
    ) {
      let gradient = sbn_keep_lanes(sbn_permute(all, windows), ChosenLanes(first, from: offset).bits)
      let d = pixel.value(x, gradient)
      ChosenLanes(lanes, from: offset).store(d, dx, offset)
      if Rectified.isSet { sum += d }
    }
  }
#endif
