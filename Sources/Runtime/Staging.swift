import Compiler
import Kernels
import Tensor

/// Brings a caller's data into a plan's memory: rows gathered, elements converted.
///
/// - Parameter rows: indices along the first axis, nil for the whole array. They must be in range.
func stage(
  _ buffer: Buffer, rows: UnsafeBufferPointer<Int64>?, as target: DType, to destination: UnsafeMutableRawPointer,
  _ name: String
) throws {
  guard let source = buffer.pointer else { return }
  let type = buffer.type
  let rowElements = type.shape.dims.dropFirst().reduce(1, *)
  let needsCheck = !target.isFloat && !target.isHalf && target != .bool && !target.holdsAll(of: type.dtype)
  guard let rows else {
    let count = type.shape.count
    if needsCheck { try checkWhole(source, type.dtype, count, target, name, first: 0) }
    convert(source, type.dtype, destination, target, count)
    return
  }
  guard let indices = rows.baseAddress else { return }
  let rowBytes = rowElements * type.dtype.size
  if needsCheck {
    for row in rows {
      let first = Int(row) * rowElements
      try checkWhole(source + Int(row) * rowBytes, type.dtype, rowElements, target, name, first: first)
    }
  }
  if type.dtype == target {
    gatherRows(source, indices, destination, rows: rows.count, rowBytes: rowBytes)
  } else if target == .bool {
    for (position, row) in rows.enumerated() {
      convert(
        source + Int(row) * rowBytes, type.dtype, destination + position * rowElements, target, rowElements)
    }
  } else {
    gatherRowsConverting(
      source, type.dtype.element, indices, destination, target.element, rows: rows.count, rowElements: rowElements)
  }
}

extension DType {
  /// Every value of the integer type `other` is one of this integer type.
  fileprivate func holdsAll(of other: DType) -> Bool {
    switch other {
    case .bool, .uint8: true
    case .int32: self == .int32 || self == .int64
    case .uint32: self == .uint32 || self == .int64
    case .int64: self == .int64
    case .float32, .float64, .float16, .bfloat16: false
    }
  }

  /// The values of this integer type, as far as a Double counts them one by one.
  fileprivate var range: ClosedRange<Double> {
    switch self {
    case .uint8: 0...255
    case .uint32: 0...0x1p32 - 1
    case .int32: -0x1p31...0x1p31 - 1
    default: -0x1p53...0x1p53
    }
  }
}

/// Numbers become integers only when that changes none of them: NaN, infinities, fractions and numbers too large are
/// mistakes in the data.
private func checkWhole(
  _ source: UnsafeRawPointer, _ dtype: DType, _ count: Int, _ target: DType, _ name: String, first: Int
) throws {
  let range = target.range
  func check<T>(_: T.Type, _ convert: (T) -> Double) throws {
    for index in 0..<count {
      let element = source.loadUnaligned(fromByteOffset: index * MemoryLayout<T>.size, as: T.self)
      let value = convert(element)
      guard range.contains(value), value.rounded() == value else {
        throw Failure.value(
          "input \(name): element \(first + index) is \(element), expected a whole number that fits \(target)")
      }
    }
  }
  switch dtype {
  case .float32: try check(Float.self) { Double($0) }
  case .float64: try check(Double.self) { $0 }
  case .float16: try check(Half.self) { Double($0.value) }
  case .bfloat16: try check(Brain.self) { Double($0.value) }
  case .int32: try check(Int32.self) { Double($0) }
  case .uint32: try check(UInt32.self) { Double($0) }
  case .int64: try check(Int64.self) { Double($0) }
  case .uint8, .bool: break
  }
}
