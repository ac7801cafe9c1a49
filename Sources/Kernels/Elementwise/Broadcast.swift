/// How two arrays meet under NumPy's broadcasting rules, prepared once so that running it allocates nothing.
///
/// Axes of extent 1 are dropped and neighbouring axes merged while both operands allow it; what is left is rarely more
/// than two axes. The output is dense, in row-major order.
public struct Broadcast: Sendable {
  /// Most axes that can be left after merging.
  public static let maximumRank = 8

  /// Axes left, at least 1.
  let rank: Int
  /// Extents, outermost first; only the first `rank` lanes count.
  let extents: SIMD8<Int>
  /// Elements from one index of an axis to the next, 0 where the operand is repeated.
  let aStrides: SIMD8<Int>
  let bStrides: SIMD8<Int>
  /// Elements of the output.
  public let count: Int

  /// Fails when the shapes cannot be broadcast to `outShape` or more than eight axes are left after merging.
  public init?(aShape: [Int], bShape: [Int], outShape: [Int]) {
    guard let a = broadcastStrides(aShape, to: outShape), let b = broadcastStrides(bShape, to: outShape),
      let merged = MergedAxes(outShape, [a, b])
    else { return nil }
    rank = merged.rank
    extents = merged.extents
    aStrides = merged.strides[0]
    bStrides = merged.strides[1]
    count = outShape.reduce(1, *)
  }
}

/// The same for `select(condition, a, b)`: three operands.
public struct TernaryBroadcast: Sendable {
  let rank: Int
  let extents: SIMD8<Int>
  let conditionStrides: SIMD8<Int>
  let aStrides: SIMD8<Int>
  let bStrides: SIMD8<Int>
  /// Elements of the output.
  public let count: Int

  /// Fails when the shapes cannot be broadcast to `outShape` or more than eight axes are left after merging.
  public init?(conditionShape: [Int], aShape: [Int], bShape: [Int], outShape: [Int]) {
    guard let condition = broadcastStrides(conditionShape, to: outShape),
      let a = broadcastStrides(aShape, to: outShape), let b = broadcastStrides(bShape, to: outShape),
      let merged = MergedAxes(outShape, [condition, a, b])
    else { return nil }
    rank = merged.rank
    extents = merged.extents
    conditionStrides = merged.strides[0]
    aStrides = merged.strides[1]
    bStrides = merged.strides[2]
    count = outShape.reduce(1, *)
  }
}

/// Row-major strides of an operand along the axes of `outShape`, 0 along repeated axes; nil when it does not fit.
func broadcastStrides(_ shape: [Int], to outShape: [Int]) -> [Int]? {
  guard shape.count <= outShape.count else { return nil }
  var strides = [Int](repeating: 0, count: outShape.count)
  var stride = 1
  for axis in shape.indices.reversed() {
    let outAxis = axis + outShape.count - shape.count
    guard shape[axis] == outShape[outAxis] || shape[axis] == 1 else { return nil }
    strides[outAxis] = shape[axis] == 1 ? 0 : stride
    stride *= shape[axis]
  }
  return strides
}

/// Axes of a strided walk over several arrays, with extent-1 axes dropped and neighbours merged wherever the outer
/// stride of every array continues its inner one.
struct MergedAxes {
  let rank: Int
  let extents: SIMD8<Int>
  let strides: [SIMD8<Int>]

  init?(_ shape: [Int], _ arrays: [[Int]]) {
    var extents: [Int] = []
    var strides = [[Int]](repeating: [], count: arrays.count)
    for axis in shape.indices where shape[axis] != 1 {
      let last = extents.count - 1
      let continues =
        last >= 0 && arrays.indices.allSatisfy { strides[$0][last] == arrays[$0][axis] * shape[axis] }
      if continues {
        extents[last] *= shape[axis]
        for array in arrays.indices { strides[array][last] = arrays[array][axis] }
      } else {
        extents.append(shape[axis])
        for array in arrays.indices { strides[array].append(arrays[array][axis]) }
      }
    }
    if extents.isEmpty {
      extents = [1]
      for array in arrays.indices { strides[array] = [1] }
    }
    guard extents.count <= Broadcast.maximumRank else { return nil }
    func inline(_ values: [Int], filler: Int) -> SIMD8<Int> {
      var lanes = SIMD8<Int>(repeating: filler)
      for (lane, value) in values.enumerated() { lanes[lane] = value }
      return lanes
    }
    rank = extents.count
    self.extents = inline(extents, filler: 1)
    self.strides = strides.map { inline($0, filler: 0) }
  }
}
