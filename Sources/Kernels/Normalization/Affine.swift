import Parallel

/// y = (x - m)·a + b with one (m, a, b) per channel, then max(0, ·) if asked. y may be equal to x.
///
/// The mean is rounded to m; what that loses is in b, so that y is exact even where the mean dwarfs the deviation.
/// The first C values of each coefficient are to be filled in.
@inline(__always)
func affine<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ shape: NormalizationShape, _ k: Coefficients<T>,
  relu: Bool
) {
  let (m, a, b) = (k.m, k.a, k.b)
  if shape.inner == 1 {
    let tiling = ColumnTiling(rows: shape.outer, channels: shape.channels, lanes: T.Vector.scalarCount)
    k.spread(channels: shape.channels)
    // The last rows were read last and are still in the cache: begin with them.
    parallel(tiling.chunks, (x, y, m, a, b, tiling, relu)) { context, chunk in
      let (x, y, m, a, b, tiling, relu) = context
      let range = tiling.rows(ofChunk: tiling.chunks &- 1 &- chunk)
      var row = range.upperBound &- 1
      while row >= range.lowerBound {
        let offset = row &* tiling.width
        if relu {
          affineRow(x + offset, y + offset, m, a, b, tiling.width, ReluOn.self)
        } else {
          affineRow(x + offset, y + offset, m, a, b, tiling.width, ReluOff.self)
        }
        row &-= 1
      }
    }
    for row in 0..<tiling.restRows {
      for c in 0..<shape.channels {
        let i = tiling.restOffset &+ row &* shape.channels &+ c
        let value = (x[i] - m[c]) * a[c] + b[c]
        y[i] = relu && value < 0 ? 0 : value
      }
    }
    return
  }
  parallel(channelChunks(shape), (x, y, m, a, b, shape, relu)) { context, chunk in
    let (x, y, m, a, b, shape, relu) = context
    for c in channelRange(shape, chunk) {
      for o in 0..<shape.outer {
        let offset = (o &* shape.channels &+ c) &* shape.inner
        if relu {
          affineRun(x + offset, y + offset, m[c], a[c], b[c], shape.inner, ReluOn.self)
        } else {
          affineRun(x + offset, y + offset, m[c], a[c], b[c], shape.inner, ReluOff.self)
        }
      }
    }
  }
}

/// Whether max(0, ·) follows, decided where code is made rather than in the loop.
private protocol ReluFlag {
  static var isOn: Bool { get }
}
private enum ReluOn: ReluFlag {
  static var isOn: Bool { @inline(__always) get { true } }
}
private enum ReluOff: ReluFlag {
  static var isOn: Bool { @inline(__always) get { false } }
}

@inline(__always)
private func rectified<T: KernelScalar, F: ReluFlag>(_ v: T.Vector, _: F.Type, _: T.Type) -> T.Vector {
  F.isOn ? v.replacing(with: T.Vector(), where: v .< T.Vector()) : v
}

@inline(__always)
private func affineRow<T: KernelScalar, F: ReluFlag>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ m: UnsafePointer<T>, _ a: UnsafePointer<T>,
  _ b: UnsafePointer<T>, _ width: Int, _: F.Type
) {
  let lanes = T.Vector.scalarCount
  var p = 0
  while p < width {
    let d = x.vector(at: p) - m.vector(at: p)
    y.store(rectified(T.multiplyAdd(d, a.vector(at: p), b.vector(at: p)), F.self, T.self), at: p)
    p &+= lanes
  }
}

@inline(__always)
private func affineRun<T: KernelScalar, F: ReluFlag>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ m: T, _ a: T, _ b: T, _ count: Int, _: F.Type
) {
  let lanes = T.Vector.scalarCount
  let (mv, av, bv) = (T.Vector(repeating: m), T.Vector(repeating: a), T.Vector(repeating: b))
  var i = 0
  while i &+ lanes <= count {
    y.store(rectified(T.multiplyAdd(x.vector(at: i) - mv, av, bv), F.self, T.self), at: i)
    i &+= lanes
  }
  while i < count {
    let value = (x[i] - m) * a + b
    y[i] = F.isOn && value < 0 ? 0 : value
    i &+= 1
  }
}
