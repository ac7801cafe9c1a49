import Kernels
import Tensor

/// A tensor in a caller's memory. Making one allocates nothing: extents and strides are the caller's too.
public struct StridedTensor {
  public static let maximumRank = 64

  public let pointer: UnsafeMutableRawPointer?
  public let dtype: DType
  public let rank: Int
  public let extents: UnsafePointer<Int>?
  /// Steps in bytes; nil for C order.
  public let strides: UnsafePointer<Int>?

  /// - Precondition: `0 <= rank <= maximumRank`; extents and strides hold that many numbers and outlive the tensor.
  public init(
    pointer: UnsafeMutableRawPointer?, dtype: DType, rank: Int, extents: UnsafePointer<Int>?,
    strides: UnsafePointer<Int>?
  ) {
    self.pointer = pointer
    self.dtype = dtype
    self.rank = rank
    self.extents = extents
    self.strides = strides
  }

  func extent(_ axis: Int) -> Int { extents.unsafelyUnwrapped[axis] }

  /// For texts.
  var shape: Shape { Shape((0..<rank).map { extent($0) }) }

  public var count: Int {
    var product = 1
    for axis in 0..<rank { product &*= extent(axis) }
    return product
  }

  /// The tensor as (outer, C, inner) around an axis, whatever the order of axes in memory; nil when the memory has gaps,
  /// repeats elements or is walked backwards.
  func triple(axis: Int) -> NormalizationShape? {
    let channels = extent(axis)
    let count = count
    var (outer, inner) = (1, 1)
    guard let strides else {
      for other in 0..<axis { outer &*= extent(other) }
      for other in (axis + 1)..<max(rank, axis + 1) { inner &*= extent(other) }
      return NormalizationShape(outer: outer, channels: channels, inner: inner)
    }
    // From the innermost axis outwards: each step must be the product of the extents inside it.
    var pending: UInt64 = 0
    for other in 0..<rank where extent(other) != 1 { pending |= 1 &<< UInt64(other) }
    var step = dtype.size
    var isInside = channels != 1
    while pending != 0 {
      var other = rank &- 1
      while other >= 0, pending & (1 &<< UInt64(other)) == 0 || strides[other] != step { other &-= 1 }
      if other < 0 { return nil }
      pending &= ~(1 &<< UInt64(other))
      step &*= extent(other)
      if other == axis { isInside = false } else if isInside { inner &*= extent(other) }
    }
    if channels == 1 { inner = count }
    outer = channels &* inner > 0 ? count / (channels &* inner) : 0
    return NormalizationShape(outer: outer, channels: channels, inner: inner)
  }

  /// The memory has neither gaps nor repetitions, in some order of the axes.
  public var isGapless: Bool { isRowMajor || count == 0 || triple(axis: 0) != nil }

  /// In C order.
  public var isRowMajor: Bool {
    guard let strides else { return true }
    var step = dtype.size
    for axis in (0..<rank).reversed() where extent(axis) != 1 {
      if strides[axis] != step { return false }
      step &*= extent(axis)
    }
    return true
  }

  public func hasSameShape(as other: StridedTensor) -> Bool {
    guard rank == other.rank else { return false }
    for axis in 0..<rank where extent(axis) != other.extent(axis) { return false }
    return true
  }

  /// The same order in memory, for two tensors of one shape and element size.
  public func hasSameStrides(as other: StridedTensor) -> Bool {
    guard let strides else { return other.isRowMajor }
    guard let others = other.strides else { return isRowMajor }
    for axis in 0..<rank where extent(axis) != 1 && strides[axis] != others[axis] { return false }
    return true
  }

  func elements<T>(_: T.Type) -> UnsafePointer<T> { UnsafePointer(mutableElements(T.self)) }

  func mutableElements<T>(_: T.Type) -> UnsafeMutablePointer<T> {
    pointer.unsafelyUnwrapped.assumingMemoryBound(to: T.self)
  }
}

/// The bytes of an argument, under its name. Arguments that are absent have none.
struct MemorySpan {
  let name: StaticString
  private let start, end: UInt

  /// - Parameter tensor: its memory has no gaps.
  @inline(__always)
  init(_ name: StaticString, _ tensor: StridedTensor?) {
    self.name = name
    start = UInt(bitPattern: tensor?.pointer)
    end = start &+ UInt(bitPattern: tensor.map { $0.count &* $0.dtype.size } ?? 0)
  }

  @inline(__always)
  func overlaps(_ other: MemorySpan) -> Bool { start < other.end && other.start < end }
}
