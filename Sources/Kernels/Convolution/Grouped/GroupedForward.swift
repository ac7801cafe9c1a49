import Parallel

/// y[n,h,w,g·o+j] = Σ x[n, h·s + i·d - p, w·s + j·d - p, g·c+k] · w[i,j,k,g·o+j] (+ bias[g·o+j]), rectified if asked.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func groupedConvolution2D<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ w: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ grouped: GroupedShape,
  bias: UnsafePointer<T>?, relu: Bool
) {
  T.requireSpecialization()
  let s = grouped.shape
  if s.isEmpty { return }
  if s.inChannels == 0 || grouped.taps == 0 {
    // Nothing is summed.
    for i in 0..<(s.n &* s.outputCount) {
      let value = bias.map { $0[i % s.outChannels] } ?? 0
      y[i] = relu && value < 0 ? 0 : value
    }
    return
  }
  if grouped.fillsVectors(T.self) && grouped.hasDenseRows {
    return groupedStripsForward(
      asFloat(x), asFloat(w), asFloat(y), grouped, bias: bias.map { asFloat($0) }, relu: relu)
  }
  let job = GroupedJob(grouped, overOutputsWith: T.Vector.scalarCount)
  guard let tables = PlaneTables<T>(job, taps: grouped.taps, phases: 1, hasBias: bias != nil) else { return }
  tables.tapCounts[0] = grouped.taps
  for i in 0..<s.kernelHeight {
    for j in 0..<s.kernelWidth {
      let tap = i &* s.kernelWidth &+ j
      tables.offsets[tap] = job.offset(ofTap: i, j, s, rows: job.bandRows)
      tables.offsets[grouped.taps &+ tap] = job.offset(ofTap: i, j, s, rows: job.lastRows)
      tables.packWeights(ofTap: tap) { group, k, j in
        w[(tap &* job.inputs &+ k) &* s.outChannels &+ group &* job.outputs &+ j]
      }
    }
  }
  if let bias { tables.packBias(bias) }
  let target = PlaneTarget(height: s.outHeight, width: s.outWidth, channels: s.outChannels, strideH: 1, strideW: 1)
  convolveGroups(x, y, job, tables, target, relu: relu)
}

/// dx of `groupedConvolution2D`: for each phase of the strides a convolution of dy with the taps that meet it. Overwrites
/// dx.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func groupedConvolution2DInputGradient<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ w: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ grouped: GroupedShape
) {
  T.requireSpecialization()
  let s = grouped.shape
  if s.n == 0 || s.inputCount == 0 { return }
  if s.isEmpty || grouped.taps == 0 {
    dx.update(repeating: 0, count: s.n &* s.inputCount)
    return
  }
  if grouped.fillsVectors(T.self) && grouped.hasDenseRows {
    return groupedStripsInputGradient(asFloat(dy), asFloat(w), asFloat(dx), grouped)
  }
  let job = GroupedJob(grouped, overInputsWith: T.Vector.scalarCount)
  let phases = s.strideH &* s.strideW
  guard let tables = PlaneTables<T>(job, taps: grouped.taps, phases: phases, hasBias: false) else { return }
  var place = 0
  for phase in 0..<phases {
    let first = place
    for i in 0..<s.kernelHeight {
      let down = GradientTap(i, s.strideH, s.dilationH, s.padTop)
      if down.phase != phase / s.strideW { continue }
      for j in 0..<s.kernelWidth {
        let across = GradientTap(j, s.strideW, s.dilationW, s.padLeft)
        if across.phase != phase % s.strideW { continue }
        let offset = (down.step &+ job.source.top) &* job.source.pitch &+ across.step &+ job.source.left
        tables.offsets[place] = offset
        tables.offsets[grouped.taps &+ place] = offset
        let tap = i &* s.kernelWidth &+ j
        tables.packWeights(ofTap: place) { group, k, j in
          w[(tap &* job.outputs &+ j) &* s.outChannels &+ group &* job.inputs &+ k]
        }
        place &+= 1
      }
    }
    tables.tapCounts[phase] = place &- first
  }
  let target = PlaneTarget(
    height: s.height, width: s.width, channels: s.inChannels, strideH: s.strideH, strideW: s.strideW)
  convolveGroups(dy, dx, job, tables, target, relu: false)
}

extension GroupedJob {
  /// Where tap (i, j) sees from the grid's first point, in planes over outputs that serve `rows` rows.
  func offset(ofTap i: Int, _ j: Int, _ s: ConvolutionShape, rows: Int) -> Int {
    let (down, across) = (i &* s.dilationH, j &* s.dilationW)
    let phase = down % s.strideH &* source.phasesW &+ across % s.strideW
    return phase &* source.planeCount(rows) &+ down / s.strideH &* source.pitch &+ across / s.strideW
  }
}

/// Weights and offsets of the taps in the order in which they are used, in shared scratch memory.
struct PlaneTables<T: KernelScalar> {
  /// [group][tap][input][output], each group's bias behind.
  let weights: UnsafeMutablePointer<T>
  let weightStep: Int
  /// Of all taps in whole bands, then in the last band.
  let offsets: UnsafeMutablePointer<Int>
  let taps: Int
  /// Taps of each phase of the target.
  let tapCounts: UnsafeMutablePointer<Int>
  /// As many ones as the widest strip has elements, if there is a bias.
  let ones: UnsafeMutablePointer<T>?
  private let groups, inputs, outputs: Int

  /// Nil when memory is lacking.
  init?(_ job: GroupedJob, taps: Int, phases: Int, hasBias: Bool) {
    (self.taps, groups, inputs, outputs) = (taps, job.groups, job.inputs, job.outputs)
    weightStep = (taps &* inputs &+ (hasBias ? 1 : 0)) &* outputs
    let onesCount = 4 &* T.Vector.scalarCount
    let elements = (groups &* weightStep &+ onesCount) &* MemoryLayout<T>.stride
    let bytes = (elements &+ 63) & ~63
    guard let room = sharedScratch(bytes: bytes &+ (2 &* taps &+ phases) &* MemoryLayout<Int>.stride) else {
      return nil
    }
    weights = room.assumingMemoryBound(to: T.self)
    offsets = (room + bytes).assumingMemoryBound(to: Int.self)
    tapCounts = offsets + 2 &* taps
    let ones = weights + groups &* weightStep
    self.ones = hasBias ? ones : nil
    for i in 0..<onesCount { ones[i] = 1 }
  }

  /// - Parameter weight: of (group, input, output).
  @inline(__always)
  func packWeights(ofTap tap: Int, _ weight: (Int, Int, Int) -> T) {
    for group in 0..<groups {
      let to = weights + (group &* weightStep &+ tap &* inputs &* outputs)
      for k in 0..<inputs {
        for j in 0..<outputs { to[k &* outputs &+ j] = weight(group, k, j) }
      }
    }
  }

  @inline(__always)
  func packBias(_ bias: UnsafePointer<T>) {
    for group in 0..<groups {
      let to = weights + (group &* weightStep &+ taps &* inputs &* outputs)
      for j in 0..<outputs { to[j] = bias[group &* outputs &+ j] }
    }
  }
}

/// Images whose pixels the grid covers: each of its points one pixel for each phase of the strides.
struct PlaneTarget {
  let height, width, channels: Int
  let strideH, strideW: Int
}

/// The convolution of x's planes, written to y. A chunk is one bundle of groups in some rows of one image.
@inline(__always)
private func convolveGroups<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ job: GroupedJob, _ tables: PlaneTables<T>,
  _ target: PlaneTarget, relu: Bool
) {
  let scratch = job.room(job.source, job.inputs) &+ job.gridRoom &+ job.lanes &* job.lanes
  parallel(
    job.n &* job.bands &* job.bundles, scratchBytes: scratch &* MemoryLayout<T>.stride,
    (x, y, job, tables, target, relu)
  ) { context, chunk, scratch in
    let (x, y, job, tables, target, relu) = context
    let (part, bundle) = (chunk / job.bundles, chunk % job.bundles)
    let (image, rows) = (part / job.bands, job.rows(ofBand: part % job.bands))
    let square = scratch.assumingMemoryBound(to: T.self)
    let room = square + job.lanes &* job.lanes
    let grid = room + job.room(job.source, job.inputs)
    let p = job.source
    let planes = fillPlanes(
      x + image &* p.height &* p.width &* p.channels, room, p, channels: job.channels(bundle, job.inputs), rows: rows,
      square: square)
    let (sourceStep, gridStep) = (p.channelStep(rows.count, lanes: job.lanes), job.gridStep)
    let offsets = tables.offsets + (rows.count == job.bandRows ? 0 : tables.taps)
    let groups = job.channels(bundle, 1)
    let channels = job.channels(bundle, job.outputs)
    var firstTap = 0
    for phase in 0..<target.strideH &* target.strideW {
      let (down, across) = (phase / target.strideW, phase % target.strideW)
      let taps = tables.tapCounts[phase]
      for group in groups {
        let local = group &- groups.lowerBound
        let product = PlaneProduct(
          source: UnsafePointer(planes) + local &* job.inputs &* sourceStep, sourceStep: sourceStep, inputs: job.inputs,
          offsets: UnsafePointer(offsets) + firstTap, taps: taps,
          weights: UnsafePointer(tables.weights)
            + (group &* tables.weightStep &+ firstTap &* job.inputs &* job.outputs), outputs: job.outputs,
          ones: tables.ones.map { UnsafePointer($0) })
        product.run(grid + local &* job.outputs &* gridStep, gridStep, count: job.points(rows.count), relu: relu)
      }
      firstTap &+= taps
      let columns = (target.width &- across &+ target.strideW &- 1) / target.strideW
      for row in 0..<rows.count {
        let h = (rows.lowerBound &+ row) &* target.strideH &+ down
        if h >= target.height { break }
        let to = ((image &* target.height &+ h) &* target.width &+ across) &* target.channels &+ channels.lowerBound
        writeRow(
          UnsafePointer(grid) + row &* p.pitch, gridStep, y + to, pixelStep: target.strideW &* target.channels,
          channels: channels.count, pixels: columns, square: square)
      }
    }
  }
}
