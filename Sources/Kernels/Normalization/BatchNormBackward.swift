import Parallel

/// Gradients of batch normalization from dy, x and the forward pass's mean and 1/√(σ² + ε).
///
/// With d = x - μ and s = 1/√(σ² + ε): dβ = Σdy, dγ = s·Σ(dy·d), dx = γ·s·(dy - dβ/n - d·s·dγ/n). The rounding of μ is
/// found again as Σd/n and corrected for. dx may be equal to dy; each output may be nil. Without values dγ and dβ are 0.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func batchNormBackward<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ x: UnsafePointer<T>, gamma: UnsafePointer<T>?, mean: UnsafePointer<T>,
  inverseStd: UnsafePointer<T>, dx: UnsafeMutablePointer<T>?, dgamma: UnsafeMutablePointer<T>?,
  dbeta: UnsafeMutablePointer<T>?, _ shape: NormalizationShape
) {
  if shape.channels == 0 { return }
  let layout = Scratch(shape, T.self, partialSums: 3)
  let scratch = sharedScratch(bytes: layout.bytes)
  let sums = scratch.assumingMemoryBound(to: Double.self)
  let k = layout.coefficients(scratch, T.self)
  for c in 0..<shape.channels { k.m[c] = mean[c] }
  k.spread(channels: shape.channels)
  backwardSums(dy, x, k.m, sums, shape, (scratch + layout.partialOffset).assumingMemoryBound(to: Double.self))
  let count = Double(Swift.max(shape.count, 1))
  for c in 0..<shape.channels {
    let s = Double(inverseStd[c])
    let sumDy = sums[c]
    let residual = sums[2 &* shape.channels &+ c] / count
    let sumDyD = sums[shape.channels &+ c] - residual * sumDy
    dbeta?[c] = T(sumDy)
    dgamma?[c] = T(s * sumDyD)
    // dx = a·dy + (x - m)·p + q
    let scale = s * (gamma.map { Double($0[c]) } ?? 1)
    let slope = -scale * s * s * sumDyD / count
    k.a[c] = T(scale)
    k.p[c] = T(slope)
    k.b[c] = T(-scale * sumDy / count - residual * slope)
  }
  if let dx { backwardApply(dy, x, dx, k, shape) }
}

/// Gradients of `batchNormInference`, whose statistics are constants: dx = γ·s·dy, dγ = s·Σ(dy·(x - mean)), dβ = Σdy.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func batchNormInferenceBackward<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ x: UnsafePointer<T>, gamma: UnsafePointer<T>?, movingMean: UnsafePointer<T>,
  movingVariance: UnsafePointer<T>, dx: UnsafeMutablePointer<T>?, dgamma: UnsafeMutablePointer<T>?,
  dbeta: UnsafeMutablePointer<T>?, _ shape: NormalizationShape, epsilon: Double
) {
  if shape.channels == 0 { return }
  let layout = Scratch(shape, T.self, partialSums: 3)
  let scratch = sharedScratch(bytes: layout.bytes)
  let sums = scratch.assumingMemoryBound(to: Double.self)
  let k = layout.coefficients(scratch, T.self)
  for c in 0..<shape.channels { k.m[c] = movingMean[c] }
  k.spread(channels: shape.channels)
  backwardSums(dy, x, k.m, sums, shape, (scratch + layout.partialOffset).assumingMemoryBound(to: Double.self))
  for c in 0..<shape.channels {
    let s = 1 / (Double(movingVariance[c]) + epsilon).squareRoot()
    dbeta?[c] = T(sums[c])
    dgamma?[c] = T(s * sums[shape.channels &+ c])
    k.a[c] = T(s * (gamma.map { Double($0[c]) } ?? 1))
    k.p[c] = 0
    k.b[c] = 0
  }
  if let dx { backwardApply(dy, x, dx, k, shape) }
}

/// sums = Σdy [C], Σ(dy·d) [C], Σd [C] with d = x - m; m is spread to a wide row.
@inline(__always)
private func backwardSums<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ x: UnsafePointer<T>, _ m: UnsafePointer<T>, _ sums: UnsafeMutablePointer<Double>,
  _ shape: NormalizationShape, _ partials: UnsafeMutablePointer<Double>
) {
  let channels = shape.channels
  for i in 0..<(3 &* channels) { sums[i] = 0 }
  if shape.count == 0 { return }
  guard shape.inner == 1 else {
    parallel(channelChunks(shape), (dy, x, m, sums, shape)) { context, chunk in
      let (dy, x, m, sums, shape) = context
      for c in channelRange(shape, chunk) {
        for o in 0..<shape.outer {
          let offset = (o &* shape.channels &+ c) &* shape.inner
          addRun(dy + offset, x + offset, m[c], shape.inner, sums + c, step: shape.channels)
        }
      }
    }
    return
  }
  let tiling = ColumnTiling(rows: shape.outer, channels: channels, lanes: T.Vector.scalarCount)
  parallel(tiling.chunks, (dy, x, m, partials, tiling)) { context, chunk in
    let (dy, x, m, partials, tiling) = context
    let range = tiling.rows(ofChunk: chunk)
    let offset = range.lowerBound &* tiling.width
    addColumns(
      dy + offset, x + offset, m, partials + 3 &* chunk &* tiling.width, rows: range.count, width: tiling.width)
  }
  for chunk in 0..<tiling.chunks {
    for quantity in 0..<3 {
      let first = partials + (3 &* chunk &+ quantity) &* tiling.width
      let out = sums + quantity &* channels
      var position = 0
      while position < tiling.width {
        for c in 0..<channels { out[c] += first[position &+ c] }
        position &+= channels
      }
    }
  }
  for row in 0..<tiling.restRows {
    for c in 0..<channels {
      let i = tiling.restOffset &+ row &* channels &+ c
      let (g, d) = (Double(dy[i]), Double(x[i]) - Double(m[c]))
      sums[c] += g
      sums[channels &+ c] += g * d
      sums[2 &* channels &+ c] += d
    }
  }
}

@inline(__always)
private func addColumns<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ x: UnsafePointer<T>, _ m: UnsafePointer<T>, _ sums: UnsafeMutablePointer<Double>,
  rows: Int, width: Int
) {
  for i in 0..<(3 &* width) { sums[i] = 0 }
  let lanes = T.Vector.scalarCount
  var row = 0
  while row < rows {
    let end = Swift.min(rows, row &+ momentFlushInterval)
    var position = 0
    while position < width {
      let center = m.vector(at: position)
      var (g, gd, d) = (T.Vector(), T.Vector(), T.Vector())
      var offset = row &* width &+ position
      for _ in row..<end {
        let gradient = dy.vector(at: offset)
        let deviation = x.vector(at: offset) - center
        g += gradient
        gd = T.multiplyAdd(gradient, deviation, gd)
        d += deviation
        offset &+= width
      }
      flush(g, sums + position)
      flush(gd, sums + (width &+ position))
      flush(d, sums + (2 &* width &+ position))
      position &+= lanes
    }
    row = end
  }
}

@inline(__always)
private func addRun<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ x: UnsafePointer<T>, _ m: T, _ count: Int, _ sums: UnsafeMutablePointer<Double>, step: Int
) {
  let lanes = T.Vector.scalarCount
  let center = T.Vector(repeating: m)
  var i = 0
  while i &+ 2 &* lanes <= count {
    var (g0, g1, gd0, gd1, d0, d1) = (T.Vector(), T.Vector(), T.Vector(), T.Vector(), T.Vector(), T.Vector())
    let end = Swift.min(count &- 2 &* lanes, i &+ 2 &* lanes &* (momentFlushInterval &- 1))
    while i <= end {
      let (a, b) = (dy.vector(at: i), dy.vector(at: i &+ lanes))
      let (e, f) = (x.vector(at: i) - center, x.vector(at: i &+ lanes) - center)
      g0 += a
      g1 += b
      gd0 = T.multiplyAdd(a, e, gd0)
      gd1 = T.multiplyAdd(b, f, gd1)
      d0 += e
      d1 += f
      i &+= 2 &* lanes
    }
    sums[0] += laneSum(g0 + g1)
    sums[step] += laneSum(gd0 + gd1)
    sums[2 &* step] += laneSum(d0 + d1)
  }
  while i < count {
    let (g, d) = (Double(dy[i]), Double(x[i]) - Double(m))
    sums[0] += g
    sums[step] += g * d
    sums[2 &* step] += d
    i &+= 1
  }
}

/// dx = a·dy + (x - m)·p + q per channel. dx may be equal to dy.
@inline(__always)
private func backwardApply<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ x: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ k: Coefficients<T>,
  _ shape: NormalizationShape
) {
  let (m, a, p, q) = (k.m, k.a, k.p, k.b)
  let channels = shape.channels
  if shape.inner == 1 {
    let tiling = ColumnTiling(rows: shape.outer, channels: channels, lanes: T.Vector.scalarCount)
    k.spread(channels: channels)
    parallel(tiling.chunks, (dy, x, dx, m, a, p, q, tiling)) { context, chunk in
      let (dy, x, dx, m, a, p, q, tiling) = context
      let range = tiling.rows(ofChunk: tiling.chunks &- 1 &- chunk)
      var row = range.upperBound &- 1
      while row >= range.lowerBound {
        applyRow(dy, x, dx, row &* tiling.width, m, a, p, q, tiling)
        row &-= 1
      }
    }
    for row in 0..<tiling.restRows {
      for c in 0..<channels {
        let i = tiling.restOffset &+ row &* channels &+ c
        dx[i] = a[c] * dy[i] + ((x[i] - m[c]) * p[c] + q[c])
      }
    }
    return
  }
  parallel(channelChunks(shape), (dy, x, dx, m, a, p, q, shape)) { context, chunk in
    let (dy, x, dx, m, a, p, q, shape) = context
    let lanes = T.Vector.scalarCount
    for c in channelRange(shape, chunk) {
      let (mv, av) = (T.Vector(repeating: m[c]), T.Vector(repeating: a[c]))
      let (pv, qv) = (T.Vector(repeating: p[c]), T.Vector(repeating: q[c]))
      for o in 0..<shape.outer {
        let offset = (o &* shape.channels &+ c) &* shape.inner
        var i = offset
        let end = offset &+ shape.inner
        while i &+ lanes <= end {
          let rest = T.multiplyAdd(x.vector(at: i) - mv, pv, qv)
          dx.store(T.multiplyAdd(av, dy.vector(at: i), rest), at: i)
          i &+= lanes
        }
        while i < end {
          dx[i] = a[c] * dy[i] + ((x[i] - m[c]) * p[c] + q[c])
          i &+= 1
        }
      }
    }
  }
}

/// One wide row.
@inline(__always)
private func applyRow<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ x: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ offset: Int, _ m: UnsafePointer<T>,
  _ a: UnsafePointer<T>, _ p: UnsafePointer<T>, _ q: UnsafePointer<T>, _ tiling: ColumnTiling
) {
  let lanes = T.Vector.scalarCount
  var position = 0
  while position < tiling.width {
    let i = offset &+ position
    let rest = T.multiplyAdd(x.vector(at: i) - m.vector(at: position), p.vector(at: position), q.vector(at: position))
    dx.store(T.multiplyAdd(a.vector(at: position), dy.vector(at: i), rest), at: i)
    position &+= lanes
  }
}
