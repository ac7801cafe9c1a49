/// A copy between two strided layouts of the same extents: transposition, slice, flip, padding with their adjoints,
/// and broadcasting.
/// Prepared once, so that running it allocates nothing.
///
/// Axes of extent 1 are dropped and neighbours merged where both layouts allow it. Strides and offsets count elements.
public struct StridedCopy: Sendable {
  /// How the innermost work looks.
  enum Form: Sendable {
    /// The last axis is contiguous on both sides.
    case runs
    /// The last axis is contiguous in the destination, the one before it in the source: blocks are transposed.
    case blocks
    /// Anything else: one element at a time along the last axis.
    case elements
  }

  let form: Form
  let rank: Int
  let extents: SIMD8<Int>
  let sourceStrides: SIMD8<Int>
  let destinationStrides: SIMD8<Int>
  let sourceOffset: Int
  let destinationOffset: Int
  /// Elements copied.
  public let count: Int
  /// Elements of the whole destination array.
  public let destinationCount: Int
  /// Elements of the whole source array.
  public let sourceCount: Int

  /// `y = transpose(x)`: axis `i` of y is axis `permutation[i]` of x. Fails unless `permutation` permutes the axes and
  /// at most eight are left after merging.
  public init?(transposing shape: [Int], permutation: [Int]) {
    guard permutation.sorted() == Array(shape.indices) else { return nil }
    let strides = denseStrides(shape)
    let outShape = permutation.map { shape[$0] }
    let count = shape.reduce(1, *)
    self.init(
      outShape, source: permutation.map { strides[$0] }, destination: denseStrides(outShape), 0, 0,
      sourceCount: count, destinationCount: count)
  }

  /// `y[i, j, …] = x[begin₀ + i · stride₀, begin₁ + j · stride₁, …]` for y of shape `size`; strides may be negative,
  /// which flips. Fails when an element of x outside its shape would be read, or more than eight axes are left after
  /// merging.
  public init?(slicing shape: [Int], begin: [Int], size: [Int], strides: [Int]) {
    guard begin.count == shape.count, size.count == shape.count, strides.count == shape.count else { return nil }
    for axis in shape.indices {
      guard size[axis] >= 0, strides[axis] != 0 else { return nil }
      guard size[axis] > 0 else { continue }
      let last = begin[axis] + (size[axis] - 1) * strides[axis]
      guard shape[axis] > begin[axis], begin[axis] >= 0, shape[axis] > last, last >= 0 else { return nil }
    }
    let dense = denseStrides(shape)
    let count = size.reduce(1, *)
    self.init(
      size, source: shape.indices.map { dense[$0] * strides[$0] }, destination: denseStrides(size),
      count == 0 ? 0 : shape.indices.reduce(0) { $0 + begin[$1] * dense[$1] }, 0,
      sourceCount: shape.reduce(1, *), destinationCount: count)
  }

  /// x becomes the part of y that starts at `before` along every axis, where y has `before` and `after` more elements
  /// than x. Fails on negative padding, or when more than eight axes are left after merging.
  public init?(padding shape: [Int], before: [Int], after: [Int]) {
    guard before.count == shape.count, after.count == shape.count, (before + after).allSatisfy({ $0 >= 0 }) else {
      return nil
    }
    let outShape = shape.indices.map { before[$0] + shape[$0] + after[$0] }
    let strides = denseStrides(outShape)
    self.init(
      shape, source: denseStrides(shape), destination: strides, 0,
      shape.indices.reduce(0) { $0 + before[$1] * strides[$1] },
      sourceCount: shape.reduce(1, *), destinationCount: outShape.reduce(1, *))
  }

  /// `y[i, j, …] = x` under NumPy's broadcasting rules, for y of shape `to`. Fails when x does not fit, or when more than
  /// eight axes are left after merging.
  public init?(broadcasting shape: [Int], to outShape: [Int]) {
    guard let strides = broadcastStrides(shape, to: outShape) else { return nil }
    self.init(
      outShape, source: strides, destination: denseStrides(outShape), 0, 0, sourceCount: shape.reduce(1, *),
      destinationCount: outShape.reduce(1, *))
  }

  /// The copy in the other direction: the adjoint of a slice once its destination is zero, of padding, of a
  /// transposition; not of broadcasting.
  public var adjoint: StridedCopy {
    // The reverse of a valid copy is valid: it has the same axes.
    StridedCopy(
      (0..<rank).map { extents[$0] }, source: (0..<rank).map { destinationStrides[$0] },
      destination: (0..<rank).map { sourceStrides[$0] }, destinationOffset, sourceOffset,
      sourceCount: destinationCount, destinationCount: sourceCount)!
  }

  private init?(
    _ shape: [Int], source: [Int], destination: [Int], _ sourceOffset: Int, _ destinationOffset: Int,
    sourceCount: Int, destinationCount: Int
  ) {
    guard let merged = MergedAxes(shape, [source, destination]) else { return nil }
    var (extents, from, to) = (merged.extents, merged.strides[0], merged.strides[1])
    rank = merged.rank
    let last = rank - 1

    /// Moves an axis inwards; the order in which elements are copied does not matter.
    func move(_ axis: Int, to position: Int) {
      for a in axis..<position {
        (extents[a], extents[a + 1]) = (extents[a + 1], extents[a])
        (from[a], from[a + 1]) = (from[a + 1], from[a])
        (to[a], to[a + 1]) = (to[a + 1], to[a])
      }
    }
    if let axis = (0..<rank).first(where: { to[$0] == 1 }) { move(axis, to: last) }
    if from[last] == 1 && to[last] == 1 {
      form = .runs
    } else if to[last] == 1, let axis = (0..<last).first(where: { from[$0] == 1 }) {
      move(axis, to: last - 1)
      form = .blocks
    } else {
      form = .elements
    }
    self.extents = extents
    sourceStrides = from
    destinationStrides = to
    self.sourceOffset = sourceOffset
    self.destinationOffset = destinationOffset
    self.sourceCount = sourceCount
    self.destinationCount = destinationCount
    count = shape.reduce(1, *)
  }

  /// Offsets of both sides at row-major position `index` of the first `axes` axes.
  @inline(__always)
  func offsets(_ index: Int, axes: Int) -> (Int, Int) {
    var (rest, source, destination) = (index, sourceOffset, destinationOffset)
    var axis = axes &- 1
    while axis > 0 {
      let quotient = rest / extents[axis]
      let i = rest &- quotient &* extents[axis]
      source &+= i &* sourceStrides[axis]
      destination &+= i &* destinationStrides[axis]
      rest = quotient
      axis &-= 1
    }
    guard axis == 0 else { return (source, destination) }
    return (source &+ rest &* sourceStrides[0], destination &+ rest &* destinationStrides[0])
  }
}

/// Row-major strides of a dense array.
func denseStrides(_ shape: [Int]) -> [Int] {
  var strides = [Int](repeating: 1, count: shape.count)
  for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
  return strides
}
