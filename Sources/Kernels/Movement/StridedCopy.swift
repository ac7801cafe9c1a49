/// A copy between strided views of two tensors, worked out once per pair of shapes: transposition, slicing, padding,
/// flipping and joining are all of this kind.
public struct StridedCopy {
  /// Most axes after merging.
  public static let maximumRank = 8

  let extents: Extents
  let sourceStrides: Extents
  let targetStrides: Extents
  let sourceOffset: Int
  let targetOffset: Int
  let rank: Int
  public let count: Int

  /// Copies `extents` elements from `sourceOffset` with `sourceStrides` to `targetOffset` with `targetStrides` (all in
  /// elements; strides may be negative). nil when more than eight axes remain after merging.
  public init?(
    extents: [Int], sourceStrides: [Int], targetStrides: [Int], sourceOffset: Int = 0, targetOffset: Int = 0
  ) {
    var axes: [(extent: Int, source: Int, target: Int)] = []
    for axis in extents.indices where extents[axis] != 1 {
      let step = (extent: extents[axis], source: sourceStrides[axis], target: targetStrides[axis])
      if let last = axes.last, last.source == step.source * step.extent, last.target == step.target * step.extent {
        axes[axes.count - 1] = (last.extent * step.extent, step.source, step.target)
      } else {
        axes.append(step)
      }
    }
    if axes.isEmpty { axes.append((1, 1, 1)) }
    guard axes.count <= StridedCopy.maximumRank else { return nil }
    var (e, s, t) = (Extents(repeating: 1), Extents(), Extents())
    for (index, axis) in axes.enumerated() {
      e[index] = axis.extent
      s[index] = axis.source
      t[index] = axis.target
    }
    self.extents = e
    self.sourceStrides = s
    self.targetStrides = t
    self.sourceOffset = sourceOffset
    self.targetOffset = targetOffset
    rank = axes.count
    count = extents.reduce(1, *)
  }

  /// Steps of a contiguous tensor, in elements.
  public static func contiguous(_ shape: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: shape.count)
    for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
    return strides
  }

  /// y's axis i is x's axis permutation[i].
  public static func transpose(_ shape: [Int], _ permutation: [Int]) -> StridedCopy? {
    let steps = contiguous(shape)
    let extents = permutation.map { shape[$0] }
    return StridedCopy(
      extents: extents, sourceStrides: permutation.map { steps[$0] }, targetStrides: contiguous(extents))
  }
}

/// Runs a strided copy of elements of 1, 4 or 8 bytes.
public func stridedCopy(
  _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _ plan: StridedCopy, elementSize: Int
) {
  switch elementSize {
  case 1: copy(UInt8.self, source, target, plan)
  case 4: copy(UInt32.self, source, target, plan)
  default: copy(UInt64.self, source, target, plan)
  }
}

@inline(__always)
private func copy<E>(
  _: E.Type, _ source: UnsafeRawPointer, _ target: UnsafeMutableRawPointer, _ plan: StridedCopy
) {
  let from = source.assumingMemoryBound(to: E.self) + plan.sourceOffset
  let to = target.assumingMemoryBound(to: E.self) + plan.targetOffset
  let last = plan.rank &- 1
  let (length, sourceStep, targetStep) = (plan.extents[last], plan.sourceStrides[last], plan.targetStrides[last])
  if plan.count == 0 { return }
  for row in 0..<(plan.count / length) {
    var (rest, s, t) = (row, 0, 0)
    var axis = last &- 1
    while axis >= 0 {
      let extent = plan.extents[axis]
      let index = rest % extent
      rest /= extent
      s &+= index &* plan.sourceStrides[axis]
      t &+= index &* plan.targetStrides[axis]
      axis &-= 1
    }
    if sourceStep == 1 && targetStep == 1 {
      UnsafeMutableRawPointer(to + t).copyMemory(from: from + s, byteCount: length &* MemoryLayout<E>.size)
    } else {
      for i in 0..<length { to[t &+ i &* targetStep] = from[s &+ i &* sourceStep] }
    }
  }
}
