import Parallel

/// `groupedConvolution2D` where channels fill vectors and rows are dense.
func groupedStripsForward(
  _ x: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ grouped: GroupedShape,
  bias: UnsafePointer<Float>?, relu: Bool
) {
  let job = GroupedStrips(grouped.one, groups: grouped.groups)
  convolveStrips(x, y, job, bias: bias, relu: relu) { packed, tap, input, output in
    let lanes = Float.Vector.scalarCount
    let from = w + ((tap &* job.one.inChannels &+ input % job.one.inChannels) &* job.outputs &+ output)
    for k in 0..<lanes { packed.store(from.vector(at: k &* job.outputs), at: k &* lanes) }
  }
}

/// `groupedConvolution2DInputGradient` where channels fill vectors and rows are dense.
func groupedStripsInputGradient(
  _ dy: UnsafePointer<Float>, _ w: UnsafePointer<Float>, _ dx: UnsafeMutablePointer<Float>, _ grouped: GroupedShape
) {
  let job = GroupedStrips(grouped.oneInputGradient, groups: grouped.groups)
  convolveStrips(dy, dx, job, bias: nil, relu: false) { packed, tap, input, output in
    // Rows of w are inputs, columns outputs.
    let row = (job.taps &- 1 &- tap) &* job.one.outChannels &+ output % job.one.outChannels
    Float.transposeSquare(w + (row &* job.inputs &+ input), job.inputs, packed, Float.Vector.scalarCount)
  }
}

/// - Parameter pack: writes the weights of a tap from a vector of inputs to one of outputs, given the first of each among
///   all groups': [input][output].
@inline(__always)
private func convolveStrips(
  _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ job: GroupedStrips, bias: UnsafePointer<Float>?,
  relu: Bool, pack: (_ packed: UnsafeMutablePointer<Float>, _ tap: Int, _ input: Int, _ output: Int) -> Void
) {
  let lanes = Float.Vector.scalarCount
  let count = job.groups &* job.outputVectors &* job.inputVectors &* job.taps &* lanes &* lanes
  guard let packed = sharedScratch(bytes: count &* MemoryLayout<Float>.stride)?.assumingMemoryBound(to: Float.self)
  else { return }
  var to = packed
  for group in 0..<job.groups {
    for output in 0..<job.outputVectors {
      for input in 0..<job.inputVectors {
        for tap in 0..<job.taps {
          pack(to, tap, group &* job.one.inChannels &+ input &* lanes, group &* job.one.outChannels &+ output &* lanes)
          to += lanes &* lanes
        }
      }
    }
  }
  parallel(
    job.one.n &* job.bands &* job.bundles, scratchBytes: job.room &* MemoryLayout<Float>.stride,
    (x, y, UnsafePointer(packed), job, bias, relu)
  ) { context, chunk, scratch in
    let (x, y, packed, job, bias, relu) = context
    convolveBundle(x, y, packed, job, bias, relu, chunk, scratch.assumingMemoryBound(to: Float.self))
  }
}

/// Some rows of one image, of one bundle of groups.
@inline(never)
private func convolveBundle(
  _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ packed: UnsafePointer<Float>, _ job: GroupedStrips,
  _ bias: UnsafePointer<Float>?, _ relu: Bool, _ chunk: Int, _ room: UnsafeMutablePointer<Float>
) {
  let (part, groups) = (chunk / job.bundles, job.groups(ofBundle: chunk % job.bundles))
  let (image, rows) = (part / job.bands, job.rows(ofBand: part % job.bands))
  let (s, lanes) = (job.one, Float.Vector.scalarCount)
  let source = x + (image &* s.height &* s.width &* job.inputs &+ groups.lowerBound &* s.inChannels)
  job.copy(source, room, groups: groups.count, rows: rows)
  let (copyCount, vectorCount) = (job.copyCount(rows.count), job.vectorCount(rows.count))
  let rowStep = s.reachWidth &* lanes
  let length = s.kernelWidth &* lanes
  let weightCount = job.taps &* lanes &* lanes
  for group in groups {
    let copies = UnsafePointer(room) + (group &- groups.lowerBound) &* copyCount
    for vector in 0..<job.outputVectors {
      let weights = packed + (group &* job.outputVectors &+ vector) &* job.inputVectors &* weightCount
      let channel = group &* s.outChannels &+ vector &* lanes
      let out = y + ((image &* s.outHeight &+ rows.lowerBound) &* s.outWidth &* job.outputs &+ channel)
      for row in 0..<rows.count {
        for input in 0..<job.inputVectors {
          let isLast = input == job.inputVectors &- 1
          // A kernel's row meets one run of the copy.
          let runs = Runs(
            a: copies + (input &* vectorCount &+ row &* rowStep), b: weights + input &* weightCount, length: length,
            step: 1, rowStep: lanes, bStep: lanes, count: s.kernelHeight, aJump: s.dilationH &* rowStep,
            bJump: length &* lanes)
          let finish = PixelFinish(
            accumulates: input > 0, bias: isLast ? bias.map { $0 + channel } : nil, relu: isLast && relu)
          pixelTiles(s.outWidth, runs, out + row &* s.outWidth &* job.outputs, job.outputs, finish)
        }
      }
    }
  }
}
