import Parallel

/// y (N, OH, OW, C) = the largest value of each window of x (N, H, W, C). Padding never wins; NaN always does.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func maxPooling2D<T: KernelScalar>(_ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ shape: PoolingShape) {
  parallel(shape.n, (x, y, shape)) { context, image in
    let (x, y, s) = context
    let from = x + image &* s.height &* s.width &* s.channels
    let to = y + image &* s.outHeight &* s.outWidth &* s.channels
    for row in 0..<s.outHeight {
      for column in 0..<s.outWidth {
        let out = to + (row &* s.outWidth &+ column) &* s.channels
        if s.poolHeight == 2 && s.poolWidth == 2 && s.isTiling {
          let a = from + (row &* s.strideH &* s.width &+ column &* s.strideW) &* s.channels
          largestOfFour(a, a + s.channels, a + s.width &* s.channels, a + (s.width &+ 1) &* s.channels, out, s.channels)
          continue
        }
        for c in 0..<s.channels { out[c] = -T.infinity }
        for h in s.rows(row) {
          for w in s.columns(column) { keepLargest(from + (h &* s.width &+ w) &* s.channels, out, s.channels) }
        }
      }
    }
  }
}

/// b where it is larger or NaN, else a; a NaN in a stays.
@inline(__always)
private func larger<T: KernelScalar>(_ a: T.Vector, _ b: T.Vector, _: T.Type) -> T.Vector {
  a.replacing(with: b, where: (b .> a) .| (b .!= b))
}

@inline(__always)
private func largestOfFour<T: KernelScalar>(
  _ a: UnsafePointer<T>, _ b: UnsafePointer<T>, _ c: UnsafePointer<T>, _ d: UnsafePointer<T>,
  _ out: UnsafeMutablePointer<T>, _ count: Int
) {
  let width = T.Vector.scalarCount
  var i = 0
  while i &+ width <= count {
    let top = larger(a.vector(at: i), b.vector(at: i), T.self)
    let bottom = larger(c.vector(at: i), d.vector(at: i), T.self)
    out.store(larger(top, bottom, T.self), at: i)
    i &+= width
  }
  while i < count {
    var best = a[i]
    if b[i] > best || b[i] != b[i] { best = b[i] }
    if c[i] > best || c[i] != c[i] { best = c[i] }
    if d[i] > best || d[i] != d[i] { best = d[i] }
    out[i] = best
    i &+= 1
  }
}

@inline(__always)
private func keepLargest<T: KernelScalar>(_ x: UnsafePointer<T>, _ out: UnsafeMutablePointer<T>, _ count: Int) {
  let width = T.Vector.scalarCount
  var i = 0
  while i &+ width <= count {
    out.store(larger(out.vector(at: i), x.vector(at: i), T.self), at: i)
    i &+= width
  }
  while i < count {
    if x[i] > out[i] || x[i] != x[i] { out[i] = x[i] }
    i &+= 1
  }
}

/// dx (N, H, W, C): dy of each window goes to the window's first maximum (its first NaN, if there is one), found by
/// comparing x with y; pixels that win nothing get 0.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func maxPooling2DBackward<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ x: UnsafePointer<T>, _ y: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>,
  _ shape: PoolingShape
) {
  parallel(shape.n, (dy, x, y, dx, shape)) { context, image in
    let (dy, x, y, dx, s) = context
    let inOffset = image &* s.height &* s.width &* s.channels
    let outOffset = image &* s.outHeight &* s.outWidth &* s.channels
    let (from, to) = (x + inOffset, dx + inOffset)
    let isTwoByTwo = s.poolHeight == 2 && s.poolWidth == 2 && s.strideH == 2 && s.strideW == 2 && s.isTiling
    if isTwoByTwo {
      clearUncovered(to, s)
    } else {
      for i in 0..<(s.height &* s.width &* s.channels) { to[i] = 0 }
    }
    for row in 0..<s.outHeight {
      for column in 0..<s.outWidth {
        let window = outOffset &+ (row &* s.outWidth &+ column) &* s.channels
        if isTwoByTwo {
          let corner = (2 &* row &* s.width &+ 2 &* column) &* s.channels
          routeToFour(dy + window, y + window, from + corner, to + corner, s.width &* s.channels, s.channels)
          continue
        }
        for c in 0..<s.channels {
          let best = y[window &+ c]
          route: for h in s.rows(row) {
            for w in s.columns(column) {
              let position = (h &* s.width &+ w) &* s.channels &+ c
              if from[position] == best || (best != best && from[position] != from[position]) {
                to[position] += dy[window &+ c]
                break route
              }
            }
          }
        }
      }
    }
  }
}

/// Zeroes the last row and column that 2x2 windows leave out of odd extents.
@inline(__always)
private func clearUncovered<T: KernelScalar>(_ dx: UnsafeMutablePointer<T>, _ s: PoolingShape) {
  let (coveredH, coveredW) = (2 &* s.outHeight, 2 &* s.outWidth)
  for h in 0..<s.height {
    let row = dx + h &* s.width &* s.channels
    let first = h < coveredH ? coveredW &* s.channels : 0
    for i in first..<(s.width &* s.channels) { row[i] = 0 }
  }
}

/// Writes all four pixels of a 2x2 window.
@inline(__always)
private func routeToFour<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ y: UnsafePointer<T>, _ x: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>,
  _ rowStep: Int, _ channels: Int
) {
  let width = T.Vector.scalarCount
  let zero = T.Vector()
  var i = 0
  while i &+ width <= channels {
    var gradient = dy.vector(at: i)
    let best = y.vector(at: i)
    let isNaN = best .!= best
    for pixel in 0..<4 {
      let offset = (pixel >> 1) &* rowStep &+ (pixel & 1) &* channels &+ i
      let value = x.vector(at: offset)
      let wins = (value .== best) .| (isNaN .& (value .!= value))
      dx.store(zero.replacing(with: gradient, where: wins), at: offset)
      gradient = gradient.replacing(with: zero, where: wins)
    }
    i &+= width
  }
  while i < channels {
    var gradient = dy[i]
    let best = y[i]
    for pixel in 0..<4 {
      let offset = (pixel >> 1) &* rowStep &+ (pixel & 1) &* channels &+ i
      let wins = x[offset] == best || (best != best && x[offset] != x[offset])
      dx[offset] = wins ? gradient : 0
      if wins { gradient = 0 }
    }
    i &+= 1
  }
}
