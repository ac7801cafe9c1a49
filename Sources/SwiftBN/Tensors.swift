// swift-format-ignore-file: AlwaysUseLowerCamelCase
// The names are those of swiftbn.h.
import CSwiftBN
import Runtime
import Tensor

func dtype(_ dtype: swiftbn_dtype, _ argument: @autoclosure () -> String) throws -> DType {
  guard let raw = UInt8(exactly: dtype.rawValue), let known = DType(rawValue: raw) else {
    throw Failure.type("\(argument()): dtype is \(dtype.rawValue), expected a swiftbn_dtype")
  }
  return known
}

/// A shape of the caller's; extents may be unknown.
func shape(_ rank: Int32, _ extents: UnsafePointer<Int64>?, _ argument: @autoclosure () -> String) throws -> Shape {
  guard rank >= 0, rank <= SWIFTBN_MAXIMUM_RANK else {
    throw Failure.value("\(argument()): rank is \(rank), expected 0...\(SWIFTBN_MAXIMUM_RANK)")
  }
  guard rank > 0 else { return [] }
  let extents = try required(extents, "\(argument()): shape")
  return Shape((0..<Int(rank)).map { Int(extents[$0]) })
}

func type(
  _ element: swiftbn_dtype, _ rank: Int32, _ extents: UnsafePointer<Int64>?, _ argument: @autoclosure () -> String
) throws -> TensorType {
  TensorType(try dtype(element, argument()), try shape(rank, extents, argument()))
}

/// A tensor in C order.
func buffer(_ tensor: swiftbn_tensor, _ argument: String, needsData: Bool = true) throws -> Buffer {
  guard tensor.strides == nil else { throw Failure.value("\(argument): has strides, expected C order (NULL)") }
  let type = try type(tensor.dtype, tensor.rank, tensor.shape, argument)
  try type.shape.validate(argument)
  if needsData, type.byteCount > 0 { _ = try required(tensor.data, "\(argument): data") }
  return Buffer(pointer: tensor.data, type: type)
}

func buffers(
  _ tensors: UnsafePointer<swiftbn_tensor>?, _ count: Int, _ argument: String, needsData: Bool = true
) throws -> [Buffer] {
  try array(tensors, count, argument).enumerated().map {
    try buffer($0.element, "\(argument)[\($0.offset)]", needsData: needsData)
  }
}

/// Elements of a C array; the pointer may be NULL if there are none.
func array<T>(
  _ pointer: UnsafePointer<T>?, _ count: Int, _ argument: @autoclosure () -> String
) throws -> UnsafeBufferPointer<T> {
  guard count >= 0 else {
    throw Failure.value("\(argument()): there are \(UInt(bitPattern: count)), which is too many")
  }
  if count == 0 { return UnsafeBufferPointer(start: nil, count: 0) }
  return UnsafeBufferPointer(start: try required(pointer, argument()), count: count)
}

/// Writes a type for the caller.
func store(
  _ type: TensorType, _ dtype: UnsafeMutablePointer<swiftbn_dtype>?, _ rank: UnsafeMutablePointer<Int32>?,
  _ shape: UnsafeMutablePointer<Int64>?
) throws {
  let (dtype, rank) = (try required(dtype, "dtype"), try required(rank, "rank"))
  let shape = try required(shape, "shape")
  guard type.shape.rank <= SWIFTBN_MAXIMUM_RANK else {
    throw Failure.value("the value has rank \(type.shape.rank), expected at most \(SWIFTBN_MAXIMUM_RANK)")
  }
  dtype.pointee = swiftbn_dtype(rawValue: UInt32(type.dtype.rawValue))
  rank.pointee = Int32(type.shape.rank)
  for (axis, extent) in type.shape.dims.enumerated() { shape[axis] = Int64(extent) }
}

@c @implementation
public func swiftbn_dtype_size(_ element: swiftbn_dtype) -> Int { (try? dtype(element, ""))?.size ?? 0 }
