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
  let isInteger = !target.isFloat && target != .bool
  guard let rows else {
    let count = type.shape.count
    if type.dtype.isFloat && isInteger { try checkWhole(source, type.dtype, count, target, name, first: 0) }
    convert(source, type.dtype.element, destination, target.element, count)
    return
  }
  let rowBytes = rowElements * type.dtype.size
  if type.dtype == target {
    gatherRows(source, rows.baseAddress!, destination, count: rows.count, rowBytes: rowBytes)
    return
  }
  for (position, row) in rows.enumerated() {
    let from = source + Int(row) * rowBytes
    if type.dtype.isFloat && isInteger {
      try checkWhole(from, type.dtype, rowElements, target, name, first: Int(row) * rowElements)
    }
    convert(
      from, type.dtype.element, destination + position * rowElements * target.size, target.element, rowElements)
  }
}

/// Floats become integers only when they are whole numbers: NaN, infinities and fractions are mistakes in the data.
private func checkWhole(
  _ source: UnsafeRawPointer, _ dtype: DType, _ count: Int, _ target: DType, _ name: String, first: Int
) throws {
  for index in 0..<count {
    let value =
      dtype == .float32
      ? Double(source.loadUnaligned(fromByteOffset: index * 4, as: Float.self))
      : source.loadUnaligned(fromByteOffset: index * 8, as: Double.self)
    guard value.isFinite, value.rounded() == value, abs(value) < 0x1p31 || target == .int64 && abs(value) < 0x1p53
    else {
      throw Failure.value(
        "input \(name): element \(first + index) is \(value), expected a whole number that fits \(target)")
    }
  }
}
