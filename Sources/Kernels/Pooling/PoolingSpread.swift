/// Which share of a window's gradient each of its pixels gets, and what happens to what is there already.
protocol PoolingGradientRule {
  /// The first maximum gets all; otherwise every pixel gets an equal share.
  static var findsMaximum: Bool { get }
  /// Shares are added, for windows that overlap.
  static var adds: Bool { get }
}

protocol PoolingWriteMode {
  static var adds: Bool { get }
}
enum Once: PoolingWriteMode {
  @inline(__always) static var adds: Bool { false }
}
enum Adding: PoolingWriteMode {
  @inline(__always) static var adds: Bool { true }
}

enum FirstMaximum<Mode: PoolingWriteMode>: PoolingGradientRule {
  @inline(__always) static var findsMaximum: Bool { true }
  @inline(__always) static var adds: Bool { Mode.adds }
}
enum EqualShares<Mode: PoolingWriteMode>: PoolingGradientRule {
  @inline(__always) static var findsMaximum: Bool { false }
  @inline(__always) static var adds: Bool { Mode.adds }
}

/// The gradient of row i of one image's windows into dx.
///
/// A leaf of its own: in a larger caller the helpers would not be inlined, and vectors would pass through memory.
@inline(never)
func spreadRow<T: KernelScalar, Rule: PoolingGradientRule>(
  _ rule: Rule.Type, _ dy: UnsafePointer<T>, _ x: UnsafePointer<T>, _ y: UnsafePointer<T>,
  _ dx: UnsafeMutablePointer<T>, _ shape: PoolingShape, _ image: Int, _ i: Int
) {
  let channels = shape.channels
  let line = shape.width &* channels
  let (top, bottom) = shape.rows(i)
  let base = (image &* shape.height &+ top) &* line
  var out = (image &* shape.outHeight &+ i) &* shape.outWidth &* channels
  let isVector = channels >= T.Vector.scalarCount
  for j in 0..<shape.outWidth {
    let (left, right) = shape.columns(j)
    let corner = base &+ left &* channels
    let (g, m, to) = (dy + out, y + out, dx + corner)
    let from = x + (Rule.findsMaximum ? corner : 0)
    if isVector {
      spreadVectors(Rule.self, g, from, m, to, channels, line, bottom &- top, right &- left)
    } else {
      spreadScalars(Rule.self, g, from, m, to, channels, line, bottom &- top, right &- left)
    }
    out &+= channels
  }
}

/// One window of height × width pixels, vectors over the channels; `line` elements lie between rows. What a pixel does
/// not get stays in `rest` for the later ones.
@inline(__always)
private func spreadVectors<T: KernelScalar, Rule: PoolingGradientRule>(
  _ rule: Rule.Type, _ dy: UnsafePointer<T>, _ x: UnsafePointer<T>, _ y: UnsafePointer<T>,
  _ dx: UnsafeMutablePointer<T>, _ channels: Int, _ line: Int, _ height: Int, _ width: Int
) {
  let scale = T.Vector(repeating: Rule.findsMaximum ? 1 : 1 / T(max(1, height &* width)))
  var c = 0
  while c < channels {
    // The last vector overlaps the one before when C is no multiple: lanes that are done must add nothing.
    let at = min(c, channels &- T.Vector.scalarCount)
    var rest = dy.vector(at: at)
    if !Rule.findsMaximum { rest = rest * scale }
    if Rule.adds && at < c { rest = clearFirstLanes(T.self, rest, c &- at) }
    let maximum = Rule.findsMaximum ? y.vector(at: at) : rest
    for h in 0..<height {
      for w in 0..<width {
        let pixel = h &* line &+ w &* channels &+ at
        var share = rest
        if Rule.findsMaximum {
          let value = x.vector(at: pixel)
          share = T.keep(rest, where: value, isMaximum: maximum)
          rest = T.clear(rest, where: value, isMaximum: maximum)
        }
        dx.store(Rule.adds ? dx.vector(at: pixel) + share : share, at: pixel)
      }
    }
    c &+= T.Vector.scalarCount
  }
}

@inline(__always)
private func spreadScalars<T: KernelScalar, Rule: PoolingGradientRule>(
  _ rule: Rule.Type, _ dy: UnsafePointer<T>, _ x: UnsafePointer<T>, _ y: UnsafePointer<T>,
  _ dx: UnsafeMutablePointer<T>, _ channels: Int, _ line: Int, _ height: Int, _ width: Int
) {
  let scale: T = Rule.findsMaximum ? 1 : 1 / T(max(1, height &* width))
  for c in 0..<channels {
    var rest = Rule.findsMaximum ? dy[c] : dy[c] * scale
    for h in 0..<height {
      for w in 0..<width {
        let at = h &* line &+ w &* channels &+ c
        var share = rest
        if Rule.findsMaximum {
          let isMaximum = x[at] == y[c] || x[at] != x[at]
          share = isMaximum ? rest : 0
          rest = isMaximum ? 0 : rest
        }
        dx[at] = Rule.adds ? dx[at] + share : share
      }
    }
  }
}

@inline(__always)
private func clearFirstLanes<T: KernelScalar>(_ type: T.Type, _ v: T.Vector, _ count: Int) -> T.Vector {
  var result = v
  for lane in 0..<T.Vector.scalarCount where lane < count { result[lane] = 0 }
  return result
}
