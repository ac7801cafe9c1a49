/// Which axes of a tensor are reduced, worked out once per shape: the tensor is seen as
/// [kept][reduced][kept][reduced] with extents (K, R, C, S), any of which may be 1. Four groups cover every reduction
/// of up to four alternating runs of axes; others are reached by transposing first.
public struct ReductionPlan {
  public let outerKept: Int
  public let outerReduced: Int
  public let innerKept: Int
  public let innerReduced: Int

  /// Elements of the result, and elements summed into each.
  public var outputCount: Int { outerKept &* innerKept }
  public var reducedCount: Int { outerReduced &* innerReduced }

  /// nil when the axes alternate more than four times.
  public init?(shape: [Int], reduced: Set<Int>) {
    var groups: [(extent: Int, isReduced: Bool)] = []
    for (axis, extent) in shape.enumerated() where extent != 1 {
      let isReduced = reduced.contains(axis)
      if let last = groups.last, last.isReduced == isReduced {
        groups[groups.count - 1].extent *= extent
      } else {
        groups.append((extent, isReduced))
      }
    }
    var extents = [1, 1, 1, 1]
    var next = 0
    for group in groups {
      // Even places are kept, odd ones reduced. A single reduced run goes last, where it is contiguous.
      if (next % 2 == 1) != group.isReduced { next += 1 }
      guard next < 4 else { return nil }
      extents[next] = group.extent
      next += 1
    }
    if extents[2] == 1 && extents[3] == 1 { extents.swapAt(1, 3) }
    (outerKept, outerReduced, innerKept, innerReduced) = (extents[0], extents[1], extents[2], extents[3])
  }
}
