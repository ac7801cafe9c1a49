import Parallel

/// Images are summed in at most this many parts, whose results are added in order.
private let maximumParts = 8
/// Chunks that keep the threads busy: with as many bundles of groups, images need no parts.
private let enoughChunks = 16

/// `groupedConvolution2DWeightGradient` where channels fill vectors: sums of scalars of x, each times a vector of dy.
func groupedStripsWeightGradient(
  _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, _ dw: UnsafeMutablePointer<Float>, _ grouped: GroupedShape
) {
  let s = grouped.one
  let job = GroupedStrips(s, groups: grouped.groups)
  let gradient = GroupedStrips(
    ConvolutionShape(
      n: s.n, height: s.outHeight, width: s.outWidth, inChannels: s.outChannels, kernelHeight: 1, kernelWidth: 1,
      outChannels: s.outChannels, strideH: 1, strideW: 1, dilationH: 1, dilationW: 1, padTop: 0, padLeft: 0,
      outHeight: s.outHeight, outWidth: s.outWidth), groups: grouped.groups)
  let parts = Swift.min(s.n, Swift.min(maximumParts, (enoughChunks &+ job.bundles &- 1) / job.bundles))
  guard
    let partial = sharedScratch(bytes: parts &* job.groups &* s.weightCount &* MemoryLayout<Float>.stride)?
      .assumingMemoryBound(to: Float.self)
  else { return }
  let scratch = job.room &+ job.bundle &* gradient.copyCount(job.bandRows)
  parallel(
    parts &* job.bundles, scratchBytes: scratch &* MemoryLayout<Float>.stride, (x, dy, partial, job, gradient, parts)
  ) { context, chunk, scratch in
    let (x, dy, partial, job, gradient, parts) = context
    let (part, bundle) = (chunk / job.bundles, chunk % job.bundles)
    addImages(
      x, dy, partial + part &* job.groups &* job.one.weightCount, job, gradient,
      images: (part &* job.one.n / parts)..<((part &+ 1) &* job.one.n / parts), job.groups(ofBundle: bundle),
      scratch.assumingMemoryBound(to: Float.self))
  }
  parallel(job.groups, (UnsafePointer(partial), dw, job, parts)) { context, group in
    let (partial, dw, job, parts) = context
    addParts(partial, dw, job, parts: parts, group: group)
  }
}

/// sums[group][vector of outputs][vector of inputs][tap][input][output] of some images and groups.
@inline(never)
private func addImages(
  _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, _ sums: UnsafeMutablePointer<Float>, _ job: GroupedStrips,
  _ gradient: GroupedStrips, images: Range<Int>, _ groups: Range<Int>, _ room: UnsafeMutablePointer<Float>
) {
  let (s, lanes) = (job.one, Float.Vector.scalarCount)
  let other = room + job.room
  let perVectors = job.taps &* lanes &* lanes
  (sums + groups.lowerBound &* s.weightCount).update(repeating: 0, count: groups.count &* s.weightCount)
  for image in images {
    for band in 0..<job.bands {
      let rows = job.rows(ofBand: band)
      let source = x + (image &* s.height &* s.width &* job.inputs &+ groups.lowerBound &* s.inChannels)
      job.copy(source, room, groups: groups.count, rows: rows)
      let seeds = dy + (image &* s.outHeight &* s.outWidth &* job.outputs &+ groups.lowerBound &* s.outChannels)
      gradient.copy(seeds, other, groups: groups.count, rows: rows)
      var to = sums + groups.lowerBound &* s.weightCount
      for output in 0..<(groups.count &* job.outputVectors) {
        let group = output / job.outputVectors
        for input in (group &* job.inputVectors)..<((group &+ 1) &* job.inputVectors) {
          addBand(
            UnsafePointer(room) + input &* job.vectorCount(rows.count),
            UnsafePointer(other) + output &* gradient.vectorCount(rows.count), to, s, rows: rows.count)
          to += perVectors
        }
      }
    }
  }
}

/// Adds a band's part to the sums of a vector of inputs and one of outputs.
@inline(__always)
private func addBand(
  _ x: UnsafePointer<Float>, _ dy: UnsafePointer<Float>, _ sums: UnsafeMutablePointer<Float>, _ s: ConvolutionShape,
  rows: Int
) {
  let lanes = Float.Vector.scalarCount
  let rowStep = s.reachWidth &* lanes
  // Taps of a kernel row are neighbours in memory unless dilated.
  let taps = s.dilationW == 1 ? 1 : s.kernelWidth
  let scalars = s.kernelWidth / taps &* lanes
  for i in 0..<s.kernelHeight {
    for j in 0..<taps {
      let runs = Runs(
        a: x + (i &* s.dilationH &* rowStep &+ j &* s.dilationW &* lanes), b: dy, length: s.outWidth,
        step: s.strideW &* lanes, rowStep: 1, bStep: lanes, count: rows, aJump: s.strideH &* rowStep,
        bJump: s.outWidth &* lanes)
      scalarTiles(scalars, runs, sums + (i &* s.kernelWidth &+ j) &* lanes &* lanes)
    }
  }
}

/// Adds all parts of a group's sums and writes them to where they belong.
@inline(never)
private func addParts(
  _ partial: UnsafePointer<Float>, _ dw: UnsafeMutablePointer<Float>, _ job: GroupedStrips, parts: Int, group: Int
) {
  let (s, lanes) = (job.one, Float.Vector.scalarCount)
  var from = partial + group &* s.weightCount
  for output in 0..<job.outputVectors {
    for input in 0..<job.inputVectors {
      for tap in 0..<job.taps {
        for k in 0..<lanes {
          var total = from.vector(at: 0)
          for part in 1..<Swift.max(parts, 1) { total += from.vector(at: part &* job.groups &* s.weightCount) }
          let row = tap &* s.inChannels &+ input &* lanes &+ k
          dw.store(total, at: row &* job.outputs &+ group &* s.outChannels &+ output &* lanes)
          from += lanes
        }
      }
    }
  }
}
