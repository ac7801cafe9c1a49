import CIntrinsics

/// Where the mask of a ReLU behind the normalization comes from.
protocol ReluMask {
  static var usesOutput: Bool { get }
  static var usesInput: Bool { get }
}
/// There is no ReLU.
enum NoMask: ReluMask {
  @inline(__always) static var usesOutput: Bool { false }
  @inline(__always) static var usesInput: Bool { false }
}
/// The gradient passes where the forward result is positive.
enum MaskFromOutput: ReluMask {
  @inline(__always) static var usesOutput: Bool { true }
  @inline(__always) static var usesInput: Bool { false }
}
/// The gradient passes where x, which is what a pooling behind the ReLU picked, is less than infinity.
enum MaskFromPicked: ReluMask {
  @inline(__always) static var usesOutput: Bool { false }
  @inline(__always) static var usesInput: Bool { true }
}

/// What both passes over the gradient read: dy where the ReLU let it through, and x - mean.
struct GradientSource<T: KernelScalar, Mask: ReluMask> {
  let dy, x: UnsafePointer<T>
  /// The forward result; not read unless `Mask` uses it.
  let y: UnsafePointer<T>
  let table: CoefficientTable<T>

  /// The center of each column.
  typealias Lane = T.Vector

  @inline(__always) func lane(at column: Int) -> Lane { table.vector(0, at: column) }
  @inline(__always) func lane(channel: Int) -> Lane { table.broadcast(0, channel) }

  @inline(__always)
  func load<R: VectorReach>(_ center: Lane, _ index: Int, _ reach: R) -> (gradient: T.Vector, deviation: T.Vector) {
    let zero = T.Vector.zero
    let value = reach.load(x, index, else: center)
    let deviation = value - center
    let gradient = reach.load(dy, index, else: zero)
    if Mask.usesInput {
      let infinity = T.Vector(repeating: .infinity)
      return (
        T.select(infinity, greaterThan: value, gradient, else: zero),
        T.select(infinity, greaterThan: value, deviation, else: zero)
      )
    }
    guard Mask.usesOutput else { return (gradient, deviation) }
    return (T.select(reach.load(y, index, else: zero), greaterThan: zero, gradient, else: zero), deviation)
  }

  @inline(__always)
  func prefetch(_ index: Int) {
    sbn_prefetch(dy + index)
    sbn_prefetch(x + index)
    if Mask.usesOutput { sbn_prefetch(y + index) }
  }

  @inline(__always)
  func prefetchFar(_ index: Int) {
    sbn_prefetch_far(dy + index)
    sbn_prefetch_far(x + index)
    if Mask.usesOutput { sbn_prefetch_far(y + index) }
  }
}

/// Sums of g and g * (x - mean), where g is the gradient behind the ReLU.
struct GradientTerm<T: KernelScalar, Mask: ReluMask>: SumTerm {
  let source: GradientSource<T, Mask>

  @inline(__always)
  func lane(at column: Int) -> GradientSource<T, Mask>.Lane { source.lane(at: column) }
  @inline(__always)
  func lane(channel: Int) -> GradientSource<T, Mask>.Lane { source.lane(channel: channel) }

  @inline(__always)
  func add<R: VectorReach>(
    _ lane: GradientSource<T, Mask>.Lane, _ index: Int, _ reach: R, _ first: inout T.Vector, _ second: inout T.Vector
  ) {
    let (gradient, deviation) = source.load(lane, index, reach)
    first += gradient
    second = T.multiplyAdd(gradient, deviation, second)
  }

  @inline(__always) func prefetch(_ index: Int) { source.prefetch(index) }
  @inline(__always) func prefetchFar(_ index: Int) { source.prefetchFar(index) }
}

/// dx = g * scale + (x - mean) * slope + constant.
struct GradientMap<T: KernelScalar, Mask: ReluMask>: MapTerm {
  let source: GradientSource<T, Mask>
  let dx: UnsafeMutablePointer<T>

  struct Lane {
    var source: GradientSource<T, Mask>.Lane
    var scale, slope, constant: T.Vector
  }

  @inline(__always) var output: UnsafeMutablePointer<T> { dx }

  @inline(__always)
  func lane(at column: Int) -> Lane {
    Lane(
      source: source.lane(at: column), scale: source.table.vector(1, at: column),
      slope: source.table.vector(3, at: column), constant: source.table.vector(4, at: column))
  }

  @inline(__always)
  func lane(channel: Int) -> Lane {
    Lane(
      source: source.lane(channel: channel), scale: source.table.broadcast(1, channel),
      slope: source.table.broadcast(3, channel), constant: source.table.broadcast(4, channel))
  }

  @inline(__always)
  func value<R: VectorReach>(_ lane: Lane, _ index: Int, _ reach: R) -> T.Vector {
    let (gradient, deviation) = source.load(lane.source, index, reach)
    return T.multiplyAdd(gradient, lane.scale, T.multiplyAdd(deviation, lane.slope, lane.constant))
  }

  @inline(__always) func prefetch(_ index: Int) { source.prefetch(index) }
}
