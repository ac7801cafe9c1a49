/// How an array is reduced over some of its axes, prepared once so that running it allocates nothing.
///
/// Axes of extent 1 are dropped and neighbours of the same kind merged; what is left alternates between kept and
/// reduced axes. The last one is the run that vector loops work on; the others are walked.
public struct ReductionPlan: Sendable {
  /// Elements of the output: the product of the kept extents.
  public let keptCount: Int
  /// Elements that make up one output.
  public let reducedCount: Int

  let innerExtent: Int
  let innerIsReduced: Bool
  /// The kept axes but for the run, outermost first, with their strides in the input.
  let kept: Axes
  /// The reduced axes but for the run.
  let reduced: Axes
  /// The adjoint: the output's shape spread over the input's.
  let broadcast: Broadcast

  /// A few axes that are walked in row-major order.
  struct Axes: Sendable {
    var rank = 0
    var count = 1
    var extents = SIMD8<Int>(repeating: 1)
    var strides = SIMD8<Int>(repeating: 0)

    mutating func append(extent: Int, stride: Int) {
      extents[rank] = extent
      strides[rank] = stride
      rank += 1
      count *= extent
    }

    /// Offset of the element at row-major position `index`.
    @inline(__always)
    func offset(_ index: Int) -> Int {
      var (rest, offset) = (index, 0)
      var axis = rank &- 1
      while axis > 0 {
        let quotient = rest / extents[axis]
        offset &+= (rest &- quotient &* extents[axis]) &* strides[axis]
        rest = quotient
        axis &-= 1
      }
      return axis == 0 ? offset &+ rest &* strides[0] : 0
    }
  }

  /// Reduces an array of `shape` over `axes` (0 ≤ axis < rank, no duplicates by type). Fails when an axis is out of
  /// range or more than eight axes are left after merging.
  public init?(shape: [Int], axes: Set<Int>) {
    guard axes.allSatisfy(shape.indices.contains) else { return nil }
    var groups: [(extent: Int, isReduced: Bool)] = []
    for axis in shape.indices where shape[axis] != 1 {
      let isReduced = axes.contains(axis)
      if let last = groups.last, last.isReduced == isReduced {
        groups[groups.count - 1].extent *= shape[axis]
      } else {
        groups.append((shape[axis], isReduced))
      }
    }
    let inner = groups.popLast() ?? (1, true)
    let keptShape = shape.indices.map { axes.contains($0) ? 1 : shape[$0] }
    guard groups.count < Broadcast.maximumRank,
      let broadcast = Broadcast(aShape: keptShape, bShape: [], outShape: shape)
    else { return nil }
    self.broadcast = broadcast
    innerExtent = inner.extent
    innerIsReduced = inner.isReduced
    var (kept, reduced) = (Axes(), Axes())
    for (index, group) in groups.enumerated() {
      let stride = groups[(index + 1)...].reduce(inner.extent) { $0 * $1.extent }
      if group.isReduced {
        reduced.append(extent: group.extent, stride: stride)
      } else {
        kept.append(extent: group.extent, stride: stride)
      }
    }
    self.kept = kept
    self.reduced = reduced
    keptCount = kept.count * (inner.isReduced ? 1 : inner.extent)
    reducedCount = reduced.count * (inner.isReduced ? inner.extent : 1)
  }
}
