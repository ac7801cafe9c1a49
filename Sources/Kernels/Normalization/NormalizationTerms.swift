import CIntrinsics

/// Whether an operation touches a whole vector or only its first elements. A type, so that the choice is made when
/// the loop is compiled.
protocol VectorReach {
  /// Whether stores go past the caches.
  static var isStreamed: Bool { get }
  func load<T: KernelScalar>(_ pointer: UnsafePointer<T>, _ index: Int, else rest: T.Vector) -> T.Vector
  func store<T: KernelScalar>(_ vector: T.Vector, _ pointer: UnsafeMutablePointer<T>, _ index: Int)
}

struct WholeVector: VectorReach {
  @inline(__always) static var isStreamed: Bool { false }

  @inline(__always)
  func load<T: KernelScalar>(_ pointer: UnsafePointer<T>, _ index: Int, else rest: T.Vector) -> T.Vector {
    pointer.vector(at: index)
  }

  @inline(__always)
  func store<T: KernelScalar>(_ vector: T.Vector, _ pointer: UnsafeMutablePointer<T>, _ index: Int) {
    pointer.store(vector, at: index)
  }
}

/// A whole vector that is stored past the caches; the address must be aligned.
struct StreamedVector: VectorReach {
  @inline(__always) static var isStreamed: Bool { true }

  @inline(__always)
  func load<T: KernelScalar>(_ pointer: UnsafePointer<T>, _ index: Int, else rest: T.Vector) -> T.Vector {
    pointer.vector(at: index)
  }

  @inline(__always)
  func store<T: KernelScalar>(_ vector: T.Vector, _ pointer: UnsafeMutablePointer<T>, _ index: Int) {
    withUnsafePointer(to: vector) { sbn_stream(pointer + index, $0) }
  }
}

/// The first `count` elements; loads fill the others from `rest`.
struct PartVector: VectorReach {
  @inline(__always) static var isStreamed: Bool { false }

  var count: Int

  @inline(__always)
  func load<T: KernelScalar>(_ pointer: UnsafePointer<T>, _ index: Int, else rest: T.Vector) -> T.Vector {
    var vector = rest
    let source = UnsafeRawPointer(pointer + index)
    withUnsafeMutablePointer(to: &vector) {
      if T.self == Float.self {
        sbn_load_part_f32(source.assumingMemoryBound(to: Float.self), Int32(truncatingIfNeeded: count), $0)
      } else {
        sbn_load_part_f64(source.assumingMemoryBound(to: Double.self), Int32(truncatingIfNeeded: count), $0)
      }
    }
    return vector
  }

  @inline(__always)
  func store<T: KernelScalar>(_ vector: T.Vector, _ pointer: UnsafeMutablePointer<T>, _ index: Int) {
    let target = UnsafeMutableRawPointer(pointer + index)
    withUnsafePointer(to: vector) {
      if T.self == Float.self {
        sbn_store_part_f32(target.assumingMemoryBound(to: Float.self), Int32(truncatingIfNeeded: count), $0)
      } else {
        sbn_store_part_f64(target.assumingMemoryBound(to: Double.self), Int32(truncatingIfNeeded: count), $0)
      }
    }
  }
}

/// Numbers that each channel needs in the inner loops, one row per kind. Tables of row layouts hold one column per
/// position, those of plane layouts one per channel.
struct CoefficientTable<T: KernelScalar> {
  /// What the rows hold. `center` is the shift of the statistics first, the mean later.
  static var center: Int { 0 }
  static var scale: Int { 1 }
  static var offset: Int { 2 }
  static var slope: Int { 3 }
  static var constant: Int { 4 }
  static var rows: Int { 5 }

  let base: UnsafeMutablePointer<T>
  let stride: Int

  @inline(__always)
  subscript(row: Int) -> UnsafeMutablePointer<T> { base + row &* stride }

  /// Vector of a row: consecutive columns, or one column in all lanes.
  @inline(__always)
  func vector(_ row: Int, at column: Int) -> T.Vector { self[row].vector(at: column) }
  @inline(__always)
  func broadcast(_ row: Int, _ column: Int) -> T.Vector { T.Vector(repeating: self[row][column]) }
}

/// A pair of sums over a channel's elements.
protocol SumTerm {
  associatedtype T: KernelScalar
  /// Coefficients of the columns in one vector.
  associatedtype Lane
  func lane(at column: Int) -> Lane
  func lane(channel: Int) -> Lane
  func add<R: VectorReach>(
    _ lane: Lane, _ index: Int, _ reach: R, _ first: inout T.Vector, _ second: inout T.Vector)
  /// Asks for what `add` will read at `index`, soon or, in the second cache, later.
  func prefetch(_ index: Int)
  func prefetchFar(_ index: Int)
}

/// A result per element.
protocol MapTerm {
  associatedtype T: KernelScalar
  var output: UnsafeMutablePointer<T> { get }
  associatedtype Lane
  func lane(at column: Int) -> Lane
  func lane(channel: Int) -> Lane
  /// What belongs into `output` at `index`.
  func value<R: VectorReach>(_ lane: Lane, _ index: Int, _ reach: R) -> T.Vector
  /// Asks for what `value` will read at `index`.
  func prefetch(_ index: Int)
}

extension MapTerm {
  @inline(__always)
  func apply<R: VectorReach>(_ lane: Lane, _ index: Int, _ reach: R) {
    reach.store(value(lane, index, reach), output, index)
  }

  /// Asks for what will be written at `index`.
  @inline(__always) func prefetchOutput(_ index: Int) { sbn_prefetch_write(output + index) }

  /// Elements from `index` to the next aligned vector of the output, at most `limit`.
  @inline(__always)
  func lead(_ index: Int, limit: Int) -> Int {
    let size = MemoryLayout<T.Vector>.size
    return Swift.min(((0 &- Int(bitPattern: output + index)) & (size &- 1)) / MemoryLayout<T>.stride, limit)
  }
}

/// Sums of d and d² with d = x - center.
struct MomentTerm<T: KernelScalar>: SumTerm {
  let x: UnsafePointer<T>
  let table: CoefficientTable<T>

  @inline(__always) func lane(at column: Int) -> T.Vector { table.vector(0, at: column) }
  @inline(__always) func lane(channel: Int) -> T.Vector { table.broadcast(0, channel) }

  @inline(__always)
  func add<R: VectorReach>(
    _ lane: T.Vector, _ index: Int, _ reach: R, _ first: inout T.Vector, _ second: inout T.Vector
  ) {
    let d = reach.load(x, index, else: lane) - lane
    first += d
    second = T.multiplyAdd(d, d, second)
  }

  @inline(__always) func prefetch(_ index: Int) { sbn_prefetch(x + index) }
  @inline(__always) func prefetchFar(_ index: Int) { sbn_prefetch_far(x + index) }
}

/// A condition as a type, so that loops are compiled for each value.
protocol Flag { static var isSet: Bool { get } }
enum Yes: Flag { @inline(__always) static var isSet: Bool { true } }
enum No: Flag { @inline(__always) static var isSet: Bool { false } }

/// y = (x - center) * scale + offset, then max(0, y) if `Relu`.
struct AffineMap<T: KernelScalar, Relu: Flag>: MapTerm {
  let x: UnsafePointer<T>
  let y: UnsafeMutablePointer<T>
  let table: CoefficientTable<T>

  struct Lane { var center, scale, offset: T.Vector }

  @inline(__always) var output: UnsafeMutablePointer<T> { y }

  @inline(__always)
  func lane(at column: Int) -> Lane {
    Lane(
      center: table.vector(0, at: column), scale: table.vector(1, at: column), offset: table.vector(2, at: column))
  }

  @inline(__always)
  func lane(channel: Int) -> Lane {
    Lane(center: table.broadcast(0, channel), scale: table.broadcast(1, channel), offset: table.broadcast(2, channel))
  }

  @inline(__always)
  func value<R: VectorReach>(_ lane: Lane, _ index: Int, _ reach: R) -> T.Vector {
    let value = T.multiplyAdd(reach.load(x, index, else: lane.center) - lane.center, lane.scale, lane.offset)
    // The order of the operands lets NaN through.
    return Relu.isSet ? T.maximum(T.Vector.zero, value) : value
  }

  @inline(__always) func prefetch(_ index: Int) { sbn_prefetch(x + index) }
}
