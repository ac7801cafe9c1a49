#if SWIFTBN_V4
  import CIntrinsics

  /// Windows of consecutive planes of short rows; no window is clipped.
  @inline(never)
  func pickShortRows<Relu: Flag, Use: WindowUse>(
    _ work: PickedWindows<Float>, _ rows: ShortRows, _ planes: Range<Int>, _ relu: Relu.Type, _ use: Use.Type
  ) {
    let channels = work.shape.channels
    let (left, right) = (rows.corners, rows.corners &+ sbn_indices(repeating: 1))
    let isShort = rows.groups[0].pixels <= 32
    var channel = planes.lowerBound % channels
    var (index, out) = (planes.lowerBound &* rows.pixels, planes.lowerBound &* rows.windows)
    for _ in planes {
      let result = WindowResult<Float, Relu, Use>(work, channel: channel)
      // All z of a window are equal then, and its first pixel counts.
      let isFlat = !(abs(work.scale[channel]) > 0)
      for group in rows.groups {
        let upper = UpperRows(x: work.x + index, bits: group.inWindows & rows.upper, width: rows.width)
        var (a, b) = (upper.larger(result, 0), upper.larger(result, 16))
        var (best, other) = (sbn_permute_pair(a, b, left), sbn_permute_pair(a, b, right))
        if !isShort {
          (a, b) = (upper.larger(result, 32), upper.larger(result, 48))
          best = sbn_blend_lanes(best, sbn_permute_pair(a, b, left), rows.far)
          other = sbn_blend_lanes(other, sbn_permute_pair(a, b, right), rows.far)
        }
        best = result.larger(best, other)
        var first = best
        if isFlat {
          first = sbn_blend_lanes(
            sbn_permute_pair(upper.pixels(0), upper.pixels(16), left),
            sbn_permute_pair(upper.pixels(32), upper.pixels(48), left), rows.far)
        }
        result.store(best, first: first, work, out, ChosenLanes(group.windowBits))
        index &+= group.pixels
        out &+= group.windows
      }
      channel = channel &+ 1 == channels ? 0 : channel &+ 1
    }
  }

  /// The pixels of a group in the upper rows of windows.
  private struct UpperRows {
    let x: UnsafePointer<Float>
    let bits: UInt64
    let width: Int

    @inline(__always)
    func pixels(_ offset: Int) -> FloatVector {
      ChosenLanes(bits, from: offset).load(x, offset, else: FloatVector.zero)
    }

    /// The larger x · sign of each pixel and the one below it.
    @inline(__always)
    func larger<Relu: Flag, Use: WindowUse>(_ result: WindowResult<Float, Relu, Use>, _ offset: Int) -> FloatVector {
      let below = ChosenLanes(bits, from: offset).load(x, offset &+ width, else: FloatVector.zero)
      return result.larger(pixels(offset) * result.sign, below * result.sign)
    }
  }
#endif
