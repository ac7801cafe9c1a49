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
    let vectors = room.assumingMemoryBound(to: FloatVector.self)
    if !Rectified.isSet { return spread(work, rows, planes, vectors, Masked.self, Rectified.self) }
    var first = planes.lowerBound
    while first < planes.upperBound {
      let last = min(first &+ sumRoom, planes.upperBound)
      spread(work, rows, first..<last, vectors, Masked.self, Rectified.self)
      // Side by side, as a plane would wait for the steps of the one before (measured: a third of the time).
      for plane in first..<last { sums[plane] = sbn_lane_sum(vectors[plane &- first]) }
      first = last
    }
  }

  /// With `Rectified`, the sums of the planes' dx by lanes go to `sums`.
  ///
  /// For the windows of a group, the place of the first pixel that equals what was picked is found; a pixel whose place
  /// that is gets its window's gradient.
  @inline(never)
  private func spread<Masked: Flag, Rectified: Flag>(
    _ work: PooledGradient<Float>, _ rows: ShortRows, _ planes: Range<Int>, _ sums: UnsafeMutablePointer<FloatVector>,
    _ masked: Masked.Type, _ rectified: Rectified.Type
  ) {
    let channels = work.shape.channels
    // Loaded once: registers hold them.
    let (pixels0, pixels1) = (rows.pixels(at: 0), rows.pixels(at: 1))
    let (pixels2, pixels3) = (rows.pixels(at: 2), rows.pixels(at: 3))
    let (part0, part1, part2, part3) = (Part(rows, 0), Part(rows, 1), Part(rows, 2), Part(rows, 3))
    let (whole, zero) = (WholeVector(), FloatVector.zero)
    var channel = planes.lowerBound % channels
    var (index, out) = (planes.lowerBound &* rows.pixels, planes.lowerBound &* rows.windows)
    for plane in planes {
      let pixel = PixelGradient<Float, Rectified>(work, channel: channel)
      var sum = zero
      for group in rows.groups {
        let (reach, last) = (ChosenLanes(bits: group.windowBits), ChosenLanes(bits: group.lastBits))
        let picked = reach.load(work.picked, out, else: zero)
        let all = work.windowGradient(out, picked, reach, Masked.self)
        let x = GroupPixels(work.x + index, group)
        // Places from the last to the first, which stays; 4 is none.
        var place = sbn_indices(repeating: 4)
        place = sbn_set_lanes(place, sbn_equal_bits(x.pick(pixels3, far: rows.far.3), picked), 3)
        place = sbn_set_lanes(place, sbn_equal_bits(x.pick(pixels2, far: rows.far.2), picked), 2)
        place = sbn_set_lanes(place, sbn_equal_bits(x.pick(pixels1, far: rows.far.1), picked), 1)
        place = sbn_set_lanes(place, sbn_equal_bits(x.pick(pixels0, far: rows.far.0), picked), 0)
        let windows = GroupGradient(pixel: pixel, all: all, place: place, dx: work.dx + index)
        if group.pixels > 32 {
          windows.spread(x.a, part0, whole, &sum)
          windows.spread(x.b, part1, whole, &sum)
          if group.pixels > 48 {
            windows.spread(x.c, part2, whole, &sum)
            windows.spread(x.d, part3, last, &sum)
          } else {
            windows.spread(x.c, part2, last, &sum)
          }
        } else if group.pixels > 16 {
          windows.spread(x.a, part0, whole, &sum)
          windows.spread(x.b, part1, last, &sum)
        } else {
          windows.spread(x.a, part0, last, &sum)
        }
        index &+= group.pixels
        out &+= group.windows
      }
      if Rectified.isSet { sums[plane &- planes.lowerBound] = sum }
      channel = channel &+ 1 == channels ? 0 : channel &+ 1
    }
  }

  /// What is known of the k-th 16 pixels of all groups.
  private struct Part {
    let offset: Int
    let windows, places: sbn_indices

    @inline(__always)
    init(_ rows: ShortRows, _ k: Int) { (offset, windows, places) = (16 &* k, rows.windows(of: k), rows.places(of: k)) }
  }

  /// The gradients of a group's windows, and the places in them that get these.
  private struct GroupGradient<Rectified: Flag> {
    let pixel: PixelGradient<Float, Rectified>
    let all: FloatVector
    let place: sbn_indices
    let dx: UnsafeMutablePointer<Float>

    @inline(__always)
    func spread<R: VectorReach>(_ x: FloatVector, _ part: Part, _ reach: R, _ sum: inout FloatVector) {
      let bits = sbn_same_bits(sbn_permute_indices(place, part.windows), part.places)
      let d = pixel.value(x, sbn_keep_lanes(sbn_permute(all, part.windows), bits))
      reach.store(d, dx, part.offset)
      if Rectified.isSet { sum = sbn_add_lanes(sum, d) }
    }
  }
#endif
