import Parallel

/// Which of two candidates comes first in an order; NaN counts as the extremum.
protocol Extremum {
  associatedtype Lanes: LaneReduction
  static func isBetter<T: KernelScalar>(_ a: T, than b: T) -> Bool
}

enum Extrema {
  struct Largest: Extremum {
    typealias Lanes = Reductions.Max
    @inline(__always) static func isBetter<T: KernelScalar>(_ a: T, than b: T) -> Bool { !(a <= b || b != b) }
  }

  struct Smallest: Extremum {
    typealias Lanes = Reductions.Min
    @inline(__always) static func isBetter<T: KernelScalar>(_ a: T, than b: T) -> Bool { !(a >= b || b != b) }
  }
}

/// `y[o, i] = argmax over k of x[o, k, i]` for x of shape (outer, n, inner), n ≥ 1. The first of equal elements wins;
/// a NaN counts as the largest.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func argMax<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<Int64>, outer: Int, n: Int, inner: Int
) {
  T.requireSpecialization()
  argExtremum(Extrema.Largest.self, x, y, outer, n, inner)
}

/// `y[o, i] = argmin over k of x[o, k, i]` for x of shape (outer, n, inner), n ≥ 1. The first of equal elements wins;
/// a NaN counts as the smallest.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func argMin<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<Int64>, outer: Int, n: Int, inner: Int
) {
  T.requireSpecialization()
  argExtremum(Extrema.Smallest.self, x, y, outer, n, inner)
}

@inline(__always)
private func argExtremum<E: Extremum, T: KernelScalar>(
  _: E.Type, _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<Int64>, _ outer: Int, _ n: Int, _ inner: Int
) {
  guard outer > 0, n > 0, inner > 0 else { return }
  let perChunk = max(1, elementwiseChunk / (n &* inner))
  parallel((outer &+ perChunk &- 1) / perChunk, (x, y, (outer, n, inner, perChunk))) { context, chunk in
    let (x, y, (outer, n, inner, perChunk)) = context
    for o in chunk &* perChunk..<min(outer, (chunk &+ 1) &* perChunk) {
      if inner == 1 {
        y[o] = Int64(argExtremumOfRun(E.self, x + o &* n, n))
      } else {
        argExtremumOfColumns(E.self, x + o &* n &* inner, y + o &* inner, n, inner)
      }
    }
  }
}

/// Short runs in one pass; long ones find the extremum with vectors, then its first position.
@inline(never)
private func argExtremumOfRun<E: Extremum, T: KernelScalar>(_: E.Type, _ x: UnsafePointer<T>, _ n: Int) -> Int {
  if n < 4 &* T.Vector.scalarCount {
    var (best, value) = (0, x[0])
    for i in 1..<n {
      // Without branches: which one is best is as good as random.
      let isBetter = E.isBetter(x[i], than: value)
      best = isBetter ? i : best
      value = isBetter ? x[i] : value
    }
    return best
  }
  let extremum = T(LaneReducer<E.Lanes, T>.run(x, n))
  var i = 0
  if extremum != extremum {
    while x[i] == x[i] { i &+= 1 }
  } else {
    while x[i] != extremum { i &+= 1 }
  }
  return i
}

/// The best index of each column so far is kept in y.
@inline(never)
private func argExtremumOfColumns<E: Extremum, T: KernelScalar>(
  _: E.Type, _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<Int64>, _ n: Int, _ inner: Int
) {
  for i in 0..<inner { y[i] = 0 }
  for k in 1..<n {
    let row = x + k &* inner
    for i in 0..<inner where E.isBetter(row[i], than: x[Int(y[i]) &* inner &+ i]) { y[i] = Int64(k) }
  }
}
