/// The six matrices of F(4×4, 3×3): y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A for a 6×6 patch d and a 3×3 kernel g, and their
/// transposes for the gradients.
///
/// The polynomials are evaluated at 0, ±11/16, ±23/16 and ∞. The usual points 0, ±1, ±2, ∞ cost as many operations, and
/// their errors are six to eight times larger.
private var a: Float { @inline(__always) get { 0.6875 } }
private var b: Float { @inline(__always) get { 1.4375 } }
private var a2: Float { @inline(__always) get { a * a } }
private var b2: Float { @inline(__always) get { b * b } }
/// Sum and product of the squares: x(x² - a²)(x² - b²) = x⁵ - sum·x³ + product·x.
private var sum: Float { @inline(__always) get { a2 + b2 } }
private var product: Float { @inline(__always) get { a2 * b2 } }
/// Products of a point's differences to the others.
private var normA: Float { @inline(__always) get { 2 * a2 * (a2 - b2) } }
private var normB: Float { @inline(__always) get { 2 * b2 * (b2 - a2) } }

/// 1-D transforms work on groups of vectors, one lane per channel.
protocol VectorGroup {
  static var count: Int { get }
  static func load(_ p: UnsafePointer<Float>, _ step: Int) -> Self
  func store(_ p: UnsafeMutablePointer<Float>, _ step: Int)
  func finished<F: TransformFinish>(_ finish: F, _ channel: Int) -> Self
}

struct Three: VectorGroup {
  let v0, v1, v2: FloatVector
  static var count: Int { @inline(__always) get { 3 } }
  @inline(__always) static func load(_ p: UnsafePointer<Float>, _ step: Int) -> Three {
    Three(v0: p.vector(at: 0), v1: p.vector(at: step), v2: p.vector(at: 2 &* step))
  }
  @inline(__always) func store(_ p: UnsafeMutablePointer<Float>, _ step: Int) {
    p.store(v0, at: 0)
    p.store(v1, at: step)
    p.store(v2, at: 2 &* step)
  }
  @inline(__always) func finished<F: TransformFinish>(_ finish: F, _ channel: Int) -> Three {
    Three(
      v0: finish.apply(v0, channel: channel), v1: finish.apply(v1, channel: channel),
      v2: finish.apply(v2, channel: channel))
  }
}

struct Four: VectorGroup {
  let v0, v1, v2, v3: FloatVector
  static var count: Int { @inline(__always) get { 4 } }
  @inline(__always) static func load(_ p: UnsafePointer<Float>, _ step: Int) -> Four {
    Four(v0: p.vector(at: 0), v1: p.vector(at: step), v2: p.vector(at: 2 &* step), v3: p.vector(at: 3 &* step))
  }
  @inline(__always) func store(_ p: UnsafeMutablePointer<Float>, _ step: Int) {
    p.store(v0, at: 0)
    p.store(v1, at: step)
    p.store(v2, at: 2 &* step)
    p.store(v3, at: 3 &* step)
  }
  @inline(__always) func finished<F: TransformFinish>(_ finish: F, _ channel: Int) -> Four {
    Four(
      v0: finish.apply(v0, channel: channel), v1: finish.apply(v1, channel: channel),
      v2: finish.apply(v2, channel: channel), v3: finish.apply(v3, channel: channel))
  }
}

struct Six: VectorGroup {
  let v0, v1, v2, v3, v4, v5: FloatVector
  static var count: Int { @inline(__always) get { 6 } }
  @inline(__always) static func load(_ p: UnsafePointer<Float>, _ step: Int) -> Six {
    Six(
      v0: p.vector(at: 0), v1: p.vector(at: step), v2: p.vector(at: 2 &* step), v3: p.vector(at: 3 &* step),
      v4: p.vector(at: 4 &* step), v5: p.vector(at: 5 &* step))
  }
  @inline(__always) func store(_ p: UnsafeMutablePointer<Float>, _ step: Int) {
    p.store(v0, at: 0)
    p.store(v1, at: step)
    p.store(v2, at: 2 &* step)
    p.store(v3, at: 3 &* step)
    p.store(v4, at: 4 &* step)
    p.store(v5, at: 5 &* step)
  }
  @inline(__always) func finished<F: TransformFinish>(_ finish: F, _ channel: Int) -> Six {
    Six(
      v0: finish.apply(v0, channel: channel), v1: finish.apply(v1, channel: channel),
      v2: finish.apply(v2, channel: channel), v3: finish.apply(v3, channel: channel),
      v4: finish.apply(v4, channel: channel), v5: finish.apply(v5, channel: channel))
  }
}

@inline(__always)
private func multiplyAdd(_ k: Float, _ x: FloatVector, _ y: FloatVector) -> FloatVector {
  Float.multiplyAdd(FloatVector(repeating: k), x, y)
}

protocol WinogradMatrix {
  associatedtype Input: VectorGroup
  associatedtype Output: VectorGroup
  static func apply(_ x: Input) -> Output
}

/// Bᵀ
enum InputMatrix: WinogradMatrix {
  @inline(__always) static func apply(_ x: Six) -> Six {
    let (evenA, oddA) = (multiplyAdd(-b2, x.v2, x.v4), multiplyAdd(-b2, x.v1, x.v3))
    let (evenB, oddB) = (multiplyAdd(-a2, x.v2, x.v4), multiplyAdd(-a2, x.v1, x.v3))
    return Six(
      v0: multiplyAdd(product, x.v0, multiplyAdd(-sum, x.v2, x.v4)),
      v1: multiplyAdd(a, oddA, evenA), v2: multiplyAdd(-a, oddA, evenA),
      v3: multiplyAdd(b, oddB, evenB), v4: multiplyAdd(-b, oddB, evenB),
      v5: multiplyAdd(product, x.v1, multiplyAdd(-sum, x.v3, x.v5)))
  }
}

/// B
enum InputGradientMatrix: WinogradMatrix {
  @inline(__always) static func apply(_ x: Six) -> Six {
    let (evenA, oddA) = (x.v1 + x.v2, x.v1 - x.v2)
    let (evenB, oddB) = (x.v3 + x.v4, x.v3 - x.v4)
    let v1 = multiplyAdd(-a * b2, oddA, multiplyAdd(-b * a2, oddB, FloatVector(repeating: product) * x.v5))
    let v2 = multiplyAdd(-b2, evenA, multiplyAdd(-a2, evenB, FloatVector(repeating: -sum) * x.v0))
    let v3 = multiplyAdd(a, oddA, multiplyAdd(b, oddB, FloatVector(repeating: -sum) * x.v5))
    return Six(
      v0: FloatVector(repeating: product) * x.v0, v1: v1, v2: v2, v3: v3, v4: x.v0 + evenA + evenB, v5: x.v5)
  }
}

/// Aᵀ
enum OutputMatrix: WinogradMatrix {
  @inline(__always) static func apply(_ x: Six) -> Four {
    let (evenA, oddA) = (x.v1 + x.v2, x.v1 - x.v2)
    let (evenB, oddB) = (x.v3 + x.v4, x.v3 - x.v4)
    return Four(
      v0: x.v0 + evenA + evenB,
      v1: multiplyAdd(a, oddA, FloatVector(repeating: b) * oddB),
      v2: multiplyAdd(a2, evenA, FloatVector(repeating: b2) * evenB),
      v3: multiplyAdd(a * a2, oddA, multiplyAdd(b * b2, oddB, x.v5)))
  }
}

/// A
enum OutputGradientMatrix: WinogradMatrix {
  @inline(__always) static func apply(_ x: Four) -> Six {
    let (evenA, oddA) = (multiplyAdd(a2, x.v2, x.v0), multiplyAdd(a2, x.v3, x.v1))
    let (evenB, oddB) = (multiplyAdd(b2, x.v2, x.v0), multiplyAdd(b2, x.v3, x.v1))
    return Six(
      v0: x.v0, v1: multiplyAdd(a, oddA, evenA), v2: multiplyAdd(-a, oddA, evenA), v3: multiplyAdd(b, oddB, evenB),
      v4: multiplyAdd(-b, oddB, evenB), v5: x.v3)
  }
}

/// G
enum WeightMatrix: WinogradMatrix {
  @inline(__always) static func apply(_ x: Three) -> Six {
    let (evenA, oddA) = (multiplyAdd(a2, x.v2, x.v0), FloatVector(repeating: a) * x.v1)
    let (evenB, oddB) = (multiplyAdd(b2, x.v2, x.v0), FloatVector(repeating: b) * x.v1)
    let (scaleA, scaleB) = (FloatVector(repeating: 1 / normA), FloatVector(repeating: 1 / normB))
    return Six(
      v0: FloatVector(repeating: 1 / product) * x.v0, v1: scaleA * (evenA + oddA), v2: scaleA * (evenA - oddA),
      v3: scaleB * (evenB + oddB), v4: scaleB * (evenB - oddB), v5: x.v2)
  }
}

/// Gᵀ
enum WeightGradientMatrix: WinogradMatrix {
  @inline(__always) static func apply(_ x: Six) -> Three {
    let (scaleA, scaleB) = (FloatVector(repeating: 1 / normA), FloatVector(repeating: 1 / normB))
    let (evenA, oddA) = (scaleA * (x.v1 + x.v2), scaleA * (x.v1 - x.v2))
    let (evenB, oddB) = (scaleB * (x.v3 + x.v4), scaleB * (x.v3 - x.v4))
    return Three(
      v0: multiplyAdd(1 / product, x.v0, evenA + evenB),
      v1: multiplyAdd(a, oddA, FloatVector(repeating: b) * oddB),
      v2: multiplyAdd(a2, evenA, multiplyAdd(b2, evenB, x.v5)))
  }
}

/// What happens to a transformed vector before it is stored.
protocol TransformFinish {
  func apply(_ x: FloatVector, channel: Int) -> FloatVector
}

struct Unchanged: TransformFinish {
  @inline(__always) func apply(_ x: FloatVector, channel: Int) -> FloatVector { x }
}

struct Biased: TransformFinish {
  let bias: UnsafePointer<Float>
  @inline(__always) func apply(_ x: FloatVector, channel: Int) -> FloatVector { x + bias.vector(at: channel) }
}

struct Rectified: TransformFinish {
  let bias: UnsafePointer<Float>
  @inline(__always) func apply(_ x: FloatVector, channel: Int) -> FloatVector {
    let (x, zero) = (x + bias.vector(at: channel), FloatVector())
    return Float.select(zero, greaterThan: x, zero, else: x)
  }
}

/// A matrix of channels: where its first element is, and what separates rows and columns.
struct Grid<Pointer> {
  let p: Pointer
  let rowStep, columnStep: Int
}

/// Elements that `winogradTransform` needs between its two passes.
var transformRoom: Int { 36 &* FloatVector.scalarCount }

/// to = M·from·Mᵀ for `channels` channels, a whole number of vectors.
@inline(never)
func winogradTransform<M: WinogradMatrix, F: TransformFinish>(
  _: M.Type, _ from: Grid<UnsafePointer<Float>>, _ to: Grid<UnsafeMutablePointer<Float>>, channels: Int,
  _ room: UnsafeMutablePointer<Float>, _ finish: F
) {
  let lanes = FloatVector.scalarCount
  let rowStep = M.Input.count &* lanes
  var channel = 0
  while channel < channels {
    for column in 0..<M.Input.count {
      let x = M.Input.load(from.p + (column &* from.columnStep &+ channel), from.rowStep)
      M.apply(x).store(room + column &* lanes, rowStep)
    }
    for row in 0..<M.Output.count {
      let x = M.Input.load(UnsafePointer(room + row &* rowStep), lanes)
      M.apply(x).finished(finish, channel).store(to.p + (row &* to.rowStep &+ channel), to.columnStep)
    }
    channel &+= lanes
  }
}
