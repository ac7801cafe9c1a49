/// Eight extents or strides in a value: plans hold these instead of arrays, so that running them allocates nothing.
public typealias Extents = SIMD8<Int>

/// How two operands meet under NumPy's broadcasting, worked out once per pair of shapes.
///
/// Adjacent axes along which both operands step alike are merged, so that most pairs end with one or two axes.
public struct Broadcast {
  /// Most axes after merging.
  public static let maximumRank = 8

  /// Extents of the result, innermost last; axes before `maximumRank - rank` are unused.
  let extents: Extents
  let aStrides: Extents
  let bStrides: Extents
  let rank: Int
  /// Elements of the result.
  public let count: Int

  /// nil when more than eight axes remain. The shapes must broadcast to `out`.
  public init?(_ a: [Int], _ b: [Int], _ out: [Int]) {
    var axes: [(extent: Int, a: Int, b: Int)] = []
    let (aSteps, bSteps) = (Broadcast.strides(a, rank: out.count), Broadcast.strides(b, rank: out.count))
    for axis in out.indices where out[axis] != 1 {
      let step = (extent: out[axis], a: aSteps[axis], b: bSteps[axis])
      if let last = axes.last, last.a == step.a * step.extent, last.b == step.b * step.extent {
        axes[axes.count - 1] = (last.extent * step.extent, step.a, step.b)
      } else {
        axes.append(step)
      }
    }
    if axes.isEmpty { axes.append((1, 0, 0)) }
    guard axes.count <= Broadcast.maximumRank else { return nil }
    var (extents, aStrides, bStrides) = (Extents(repeating: 1), Extents(), Extents())
    for (index, axis) in axes.enumerated() {
      extents[index] = axis.extent
      aStrides[index] = axis.a
      bStrides[index] = axis.b
    }
    self.extents = extents
    self.aStrides = aStrides
    self.bStrides = bStrides
    rank = axes.count
    count = out.reduce(1, *)
  }

  /// Element steps of an operand along the axes of the result, 0 where it is repeated.
  static func strides(_ shape: [Int], rank: Int) -> [Int] {
    var strides = [Int](repeating: 0, count: rank)
    var step = 1
    for (axis, extent) in shape.enumerated().reversed() {
      if extent != 1 { strides[axis + rank - shape.count] = step }
      step *= extent
    }
    return strides
  }

  /// Where the operands of row `row` begin (a row is a run along the last axis).
  @inline(__always)
  func offsets(row: Int) -> (a: Int, b: Int) {
    var (rest, a, b) = (row, 0, 0)
    var axis = rank &- 2
    while axis >= 0 {
      let extent = extents[axis]
      let index = rest % extent
      rest /= extent
      a &+= index &* aStrides[axis]
      b &+= index &* bStrides[axis]
      axis &-= 1
    }
    return (a, b)
  }

  /// Elements of a row, and the number of rows.
  var rowLength: Int { extents[rank &- 1] }
  var rowCount: Int { rowLength == 0 ? 0 : count / rowLength }
}
