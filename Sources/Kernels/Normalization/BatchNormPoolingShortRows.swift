#if SWIFTBN_V4
  import CIntrinsics

  /// Windows of consecutive planes of short rows; no window is clipped.
  @inline(never)
  func pickShortRows<Relu: Flag, Use: WindowUse>(
    _ work: PickedWindows<Float>, _ rows: ShortRows, _ planes: Range<Int>, _ relu: Relu.Type, _ use: Use.Type
  ) {
    let channels = work.shape.channels
    let (pixels0, pixels1) = (rows.pixels(at: 0), rows.pixels(at: 1))
    let (pixels2, pixels3) = (rows.pixels(at: 2), rows.pixels(at: 3))
    var channel = planes.lowerBound % channels
    var (index, out) = (planes.lowerBound &* rows.pixels, planes.lowerBound &* rows.windows)
    for _ in planes {
      let result = WindowResult<Float, Relu, Use>(work, channel: channel)
      for group in rows.groups {
        let x = GroupPixels(work.x + index, group)
        let first = x.pick(pixels0, far: rows.far.0)
        let upper = result.larger(first * result.sign, x.pick(pixels1, far: rows.far.1) * result.sign)
        let lower = result.larger(
          x.pick(pixels2, far: rows.far.2) * result.sign, x.pick(pixels3, far: rows.far.3) * result.sign)
        result.store(result.larger(upper, lower), first: first, work, out, ChosenLanes(bits: group.windowBits))
        index &+= group.pixels
        out &+= group.windows
      }
      channel = channel &+ 1 == channels ? 0 : channel &+ 1
    }
  }
#endif
