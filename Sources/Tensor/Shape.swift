/// The extents of a tensor, outermost first. `Shape.unknown` (-1) stands for an extent that is known only when data
/// comes, such as the batch size.
public struct Shape: Hashable, Sendable, CustomStringConvertible, ExpressibleByArrayLiteral {
  public static let unknown = -1
  /// Elements a tensor may hold at most; keeps every product of extents and sizes inside `Int`.
  public static let maximumCount = 1 << 48

  public var dims: [Int]

  public init(_ dims: [Int]) { self.dims = dims }
  public init(arrayLiteral elements: Int...) { dims = elements }

  public var rank: Int { dims.count }
  public var isKnown: Bool { !dims.contains(Shape.unknown) }

  /// Number of elements; only for known shapes.
  public var count: Int { dims.reduce(1, *) }

  public subscript(axis: Int) -> Int { dims[axis] }

  /// Product of a range of extents, `unknown` when one of them is (and none is zero).
  public func product(_ range: Range<Int>) -> Int {
    var result = 1
    var isUnknown = false
    for dim in dims[range] {
      if dim == Shape.unknown { isUnknown = true } else { result *= dim }
    }
    return isUnknown && result != 0 ? Shape.unknown : result
  }

  /// Written as Python writes a shape: `(None, 28, 28, 1)`, `(3,)`, `()`.
  public var description: String {
    let parts = dims.map { $0 == Shape.unknown ? "None" : String($0) }
    return parts.count == 1 ? "(\(parts[0]),)" : "(\(parts.joined(separator: ", ")))"
  }

  /// Fails on negative extents and on element counts beyond `maximumCount`.
  public func validate(_ what: @autoclosure () -> String, allowUnknown: Bool = false) throws {
    var total = 1
    for dim in dims {
      if dim == Shape.unknown && allowUnknown { continue }
      guard dim >= 0 else {
        throw Failure.value("\(what()): shape \(dims) has a negative extent, expected >= 0")
      }
      let (product, overflow) = total.multipliedReportingOverflow(by: max(dim, 1))
      guard !overflow, product <= Shape.maximumCount else {
        throw Failure.value("\(what()): shape \(self) has more than 2**48 elements")
      }
      total = product
    }
  }

  /// Extents agree where both are known.
  public func isCompatible(with other: Shape) -> Bool {
    rank == other.rank
      && zip(dims, other.dims).allSatisfy {
        $0 == $1 || $0 == Shape.unknown || $1 == Shape.unknown
      }
  }

  /// Shape of `a op b` under NumPy's broadcasting rules.
  public static func broadcast(_ a: Shape, _ b: Shape, _ what: @autoclosure () -> String) throws
    -> Shape
  {
    let rank = max(a.rank, b.rank)
    var dims = [Int](repeating: 1, count: rank)
    for axis in 0..<rank {
      let x = axis < rank - a.rank ? 1 : a.dims[axis - (rank - a.rank)]
      let y = axis < rank - b.rank ? 1 : b.dims[axis - (rank - b.rank)]
      if x == y || y == 1 {
        dims[axis] = x
      } else if x == 1 {
        dims[axis] = y
      } else if x == unknown {
        dims[axis] = y
      } else if y == unknown {
        dims[axis] = x
      } else {
        throw Failure.value("\(what()): shapes \(a) and \(b) cannot be broadcast together")
      }
    }
    return Shape(dims)
  }
}

/// A shape and an element type.
public struct TensorType: Hashable, Sendable, CustomStringConvertible {
  public var dtype: DType
  public var shape: Shape

  public init(_ dtype: DType, _ shape: Shape) {
    self.dtype = dtype
    self.shape = shape
  }

  public var byteCount: Int { shape.count * dtype.size }
  public var description: String { "\(dtype)\(shape)" }
}

/// `axis` counted from the front; negative axes count from the end.
public func normalizeAxis(_ axis: Int, rank: Int, _ what: @autoclosure () -> String) throws -> Int {
  guard axis >= -rank, axis < rank else {
    throw Failure.value(
      "\(what()): axis \(axis) is out of range for rank \(rank), expected \(-rank) <= axis < \(rank)")
  }
  return axis < 0 ? axis + rank : axis
}
