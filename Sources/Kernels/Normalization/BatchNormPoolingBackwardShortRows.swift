#if SWIFTBN_V4
  import CIntrinsics

  /// Vectors that hold the sums of dx of planes until there are so many.
  private let sumRoom = 16
  let sumRoomBytes = sumRoom &* MemoryLayout<FloatVector>.stride

  /// dx of consecutive planes of short rows; with `Rectified`, the sum of each plane's dx to its place in `sums`, for which
  /// `room` of `sumRoomBytes` is used.
  @inline(__always)
  func spreadShortRows<Masked: Flag, Rectified: Flag>(
    _ work: PooledGradient<Float>, _ rows: ShortRows, _ planes: Range<Int>, _ sums: UnsafeMutablePointer<Double>,
    _ room: UnsafeMutableRawPointer, _ masked: Masked.Type, _ rectified: Rectified.Type
  ) {
    if !Rectified.isSet { return spread(work, rows, planes, sums, room, Masked.self, Rectified.self) }
    var first = planes.lowerBound
    while first < planes.upperBound {
      let last = min(first &+ sumRoom, planes.upperBound)
      spread(work, rows, first..<last, sums, room, Masked.self, Rectified.self)
      first = last
    }
  }

  /// The same for at most `sumRoom` planes, if there are sums.
  @inline(never)
  private func spread<Masked: Flag, Rectified: Flag>(
    _ work: PooledGradient<Float>, _ rows: ShortRows, _ planes: Range<Int>, _ sums: UnsafeMutablePointer<Double>,
    _ room: UnsafeMutableRawPointer, _ masked: Masked.Type, _ rectified: Rectified.Type
  ) {
    let vectors = room.assumingMemoryBound(to: FloatVector.self)
    let channels = work.shape.channels
    // Loaded once: registers hold them.
    let parts = (rows.windows(of: 0), rows.windows(of: 1), rows.windows(of: 2), rows.windows(of: 3))
    let (zero, nothing) = (FloatVector.zero, FloatVector(repeating: -.infinity))
    var channel = planes.lowerBound % channels
    var (index, out) = (planes.lowerBound &* rows.pixels, planes.lowerBound &* rows.windows)
    for plane in planes {
      let pixel = PixelGradient<Float, Rectified>(work, channel: channel)
      var sum = zero
      for group in rows.groups {
        let reach = ChosenLanes(bits: group.windowBits)
        let picked = reach.load(work.picked, out, else: nothing)
        let all = work.windowGradient(out, picked, reach, Masked.self)
        let x = GroupPixels(work.x + index, group)
        let windows = GroupGradient(pixel: pixel, all: all, dx: work.dx + index)
        // Windows that have a gradient have one pixel or more that equals what was picked, and mostly these are all. Behind
        // ReLU 0 gets nothing, but is picked where the others are 0 too.
        var (counted, sought) = (group.windowBits, picked)
        if Masked.isSet { counted &= sbn_greater_bits(FloatVector(repeating: .infinity), picked) }
        if Rectified.isSet {
          let positive = sbn_greater_bits(picked, zero)
          counted &= positive
          sought = sbn_blend_lanes(nothing, picked, positive)
        }
        let equal = (
          sbn_equal_bits(x.a, sbn_permute(sought, parts.0)), sbn_equal_bits(x.b, sbn_permute(sought, parts.1)),
          sbn_equal_bits(x.c, sbn_permute(sought, parts.2)), sbn_equal_bits(x.d, sbn_permute(sought, parts.3))
        )
        if count(equal) == counted.nonzeroBitCount {
          windows.spread(x, parts, equal, group, &sum)
        } else {
          windows.spread(x, parts, rows.firstPixels(of: x, equal: picked), group, &sum)
        }
        index &+= group.pixels
        out &+= group.windows
      }
      if Rectified.isSet { vectors[plane &- planes.lowerBound] = sum }
      channel = channel &+ 1 == channels ? 0 : channel &+ 1
    }
    // Side by side: plane by plane each would wait for the one before.
    if Rectified.isSet { for plane in planes { sums[plane] = sbn_lane_sum(vectors[plane &- planes.lowerBound]) } }
  }

  /// Bits for the pixels of a group, vector by vector.
  private typealias PixelBits = (UInt16, UInt16, UInt16, UInt16)

  @inline(__always)
  private func count(_ bits: PixelBits) -> Int {
    let (low, high) = (UInt64(bits.0) | UInt64(bits.1) << 16, UInt64(bits.2) | UInt64(bits.3) << 16)
    return (low | high << 32).nonzeroBitCount
  }

  extension ShortRows {
    /// Of each window the first pixel that equals what was picked.
    @inline(__always)
    fileprivate func firstPixels(of x: GroupPixels, equal picked: FloatVector) -> PixelBits {
      // Places from the last to the first, which stays; 4 is none.
      var place = sbn_indices(repeating: 4)
      place = sbn_set_lanes(place, sbn_equal_bits(x.pick(pixels(at: 3), far: far.3), picked), 3)
      place = sbn_set_lanes(place, sbn_equal_bits(x.pick(pixels(at: 2), far: far.2), picked), 2)
      place = sbn_set_lanes(place, sbn_equal_bits(x.pick(pixels(at: 1), far: far.1), picked), 1)
      place = sbn_set_lanes(place, sbn_equal_bits(x.pick(pixels(at: 0), far: far.0), picked), 0)
      func bits(_ k: Int) -> UInt16 { sbn_same_bits(sbn_permute_indices(place, windows(of: k)), places(of: k)) }
      return (bits(0), bits(1), bits(2), bits(3))
    }
  }

  /// The gradients of a group's windows.
  private struct GroupGradient<Rectified: Flag> {
    let pixel: PixelGradient<Float, Rectified>
    let all: FloatVector
    let dx: UnsafeMutablePointer<Float>

    /// dx of a group's pixels: those that are chosen get their window's gradient.
    @inline(__always)
    func spread(
      _ x: GroupPixels, _ windows: (sbn_indices, sbn_indices, sbn_indices, sbn_indices), _ chosen: PixelBits,
      _ group: ShortRows.Group, _ sum: inout FloatVector
    ) {
      let (whole, last) = (WholeVector(), ChosenLanes(bits: group.lastBits))
      if group.pixels > 32 {
        spread(0, x.a, windows.0, chosen.0, whole, &sum)
        spread(1, x.b, windows.1, chosen.1, whole, &sum)
        if group.pixels > 48 {
          spread(2, x.c, windows.2, chosen.2, whole, &sum)
          spread(3, x.d, windows.3, chosen.3, last, &sum)
        } else {
          spread(2, x.c, windows.2, chosen.2, last, &sum)
        }
      } else if group.pixels > 16 {
        spread(0, x.a, windows.0, chosen.0, whole, &sum)
        spread(1, x.b, windows.1, chosen.1, last, &sum)
      } else {
        spread(0, x.a, windows.0, chosen.0, last, &sum)
      }
    }

    /// The k-th 16 of them.
    @inline(__always)
    private func spread<R: VectorReach>(
      _ k: Int, _ x: FloatVector, _ windows: sbn_indices, _ chosen: UInt16, _ reach: R, _ sum: inout FloatVector
    ) {
      let d = pixel.value(x, sbn_keep_lanes(sbn_permute(all, windows), chosen))
      reach.store(d, dx, 16 &* k)
      if Rectified.isSet { sum = sbn_add_lanes(sum, d) }
    }
  }
#endif
