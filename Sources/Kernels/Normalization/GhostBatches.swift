import Parallel

/// A batch that is cut into groups of samples, each of which is normalized by statistics of its own: ghost batches,
/// Hoffer et al. 2017 (arXiv 1705.08741).
public struct NormalizationGroups: Sendable {
  /// The whole batch.
  public let shape: NormalizationShape
  /// Extent of `outer` in a group; the last group may be smaller.
  public let outer: Int

  public init(_ shape: NormalizationShape, outer: Int) { (self.shape, self.outer) = (shape, outer) }

  public var count: Int { shape.outer == 0 ? 0 : (shape.outer &- 1) / outer &+ 1 }

  /// One group as a batch.
  func shape(_ group: Int) -> NormalizationShape {
    NormalizationShape(
      outer: min(outer, shape.outer &- group &* outer), channels: shape.channels, inner: shape.inner)
  }

  /// Where a group's elements begin.
  func start(_ group: Int) -> Int { group &* outer &* shape.channels &* shape.inner }
}

private protocol GroupWork {
  var groups: NormalizationGroups { get }
  func run(_ group: Int)
}

/// Groups are shared among threads, several at a time if they are small. Few large ones follow one another instead, and
/// each is shared in itself: its pieces are then more than groups are. A group's results are those of its own as a batch.
@inline(__always)
private func runGroups<W: GroupWork>(_ work: W) {
  let groups = work.groups
  let each = groups.shape(0).count
  if groups.count < 16 && each >= normalizationSerialLimit {
    for group in 0..<groups.count { work.run(group) }
    return
  }
  let perChunk =
    groups.shape.count < normalizationSerialLimit
    ? max(1, groups.count) : max(1, normalizationChunkElements / max(each, 1))
  parallel((groups.count &+ perChunk &- 1) / perChunk, (work, perChunk)) { context, chunk in
    let (work, perChunk) = context
    for group in chunk &* perChunk..<min((chunk &+ 1) &* perChunk, work.groups.count) { work.run(group) }
  }
}

private struct ForwardGroups<T: KernelScalar>: GroupWork {
  let x: UnsafePointer<T>
  let gamma, beta: UnsafePointer<T>?
  let y, mean, variance, inverseStd: UnsafeMutablePointer<T>
  let groups: NormalizationGroups
  let epsilon: Double
  let relu: Bool

  @inline(__always)
  func run(_ group: Int) {
    let (start, first) = (groups.start(group), group &* groups.shape.channels)
    batchNormForward(
      x: x + start, gamma: gamma, beta: beta, y: y + start, mean: mean + first, variance: variance + first,
      inverseStd: inverseStd + first, shape: groups.shape(group), epsilon: epsilon, relu: relu)
  }
}

private struct BackwardGroups<T: KernelScalar>: GroupWork {
  let dy, x: UnsafePointer<T>
  let gamma: UnsafePointer<T>?
  let mean, inverseStd: UnsafePointer<T>
  let dx, dgammas, dbetas: UnsafeMutablePointer<T>
  let groups: NormalizationGroups

  @inline(__always)
  func run(_ group: Int) {
    let (start, first) = (groups.start(group), group &* groups.shape.channels)
    batchNormBackward(
      dy: dy + start, x: x + start, gamma: gamma, mean: mean + first, inverseStd: inverseStd + first, dx: dx + start,
      dgamma: dgammas + first, dbeta: dbetas + first, shape: groups.shape(group))
  }
}

/// `batchNormForward` of each group; `mean`, `variance` and `inverseStd` are [groups][C].
@_specialize(where T == Float)
@_specialize(where T == Double)
public func ghostBatchNormForward<T: KernelScalar>(
  x: UnsafePointer<T>, gamma: UnsafePointer<T>?, beta: UnsafePointer<T>?, y: UnsafeMutablePointer<T>,
  mean: UnsafeMutablePointer<T>, variance: UnsafeMutablePointer<T>, inverseStd: UnsafeMutablePointer<T>,
  groups: NormalizationGroups, epsilon: Double, relu: Bool
) {
  runGroups(
    ForwardGroups(
      x: x, gamma: gamma, beta: beta, y: y, mean: mean, variance: variance, inverseStd: inverseStd, groups: groups,
      epsilon: epsilon, relu: relu))
}

/// `batchNormBackward` of each group, with dgamma and dbeta, [C], summed over the groups in order; `mean` and
/// `inverseStd` are [groups][C], `partials` is scratch for 2·groups·C numbers.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func ghostBatchNormBackward<T: KernelScalar>(
  dy: UnsafePointer<T>, x: UnsafePointer<T>, gamma: UnsafePointer<T>?, mean: UnsafePointer<T>,
  inverseStd: UnsafePointer<T>, dx: UnsafeMutablePointer<T>, dgamma: UnsafeMutablePointer<T>,
  dbeta: UnsafeMutablePointer<T>, partials: UnsafeMutablePointer<T>, groups: NormalizationGroups
) {
  let channels = groups.shape.channels
  let dbetas = partials + groups.count &* channels
  runGroups(
    BackwardGroups(
      dy: dy, x: x, gamma: gamma, mean: mean, inverseStd: inverseStd, dx: dx, dgammas: partials, dbetas: dbetas,
      groups: groups))
  sumGroups(partials, groups.count, channels, dgamma)
  sumGroups(dbetas, groups.count, channels, dbeta)
}

@inline(__always)
private func sumGroups<T: KernelScalar>(
  _ parts: UnsafePointer<T>, _ groups: Int, _ channels: Int, _ sum: UnsafeMutablePointer<T>
) {
  sum.update(repeating: 0, count: channels)
  for group in 0..<groups {
    let part = parts + group &* channels
    for channel in 0..<channels { sum[channel] += part[channel] }
  }
}
