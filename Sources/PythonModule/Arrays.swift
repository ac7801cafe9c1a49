import CPython
import Runtime
import Tensor

/// What is imported from NumPy and kept for the life of the process.
struct NumPy {
  let empty: Object
  let emptyLike: Object
  private let ascontiguousarray: Object
  private let copyto: Object
  let dtypes: [DType: Object]

  init() throws {
    let module = try checked(PyImport_ImportModule("numpy"))
    defer { Py_DecRef(module) }
    empty = try checked(PyObject_GetAttrString(module, "empty"))
    emptyLike = try checked(PyObject_GetAttrString(module, "empty_like"))
    ascontiguousarray = try checked(PyObject_GetAttrString(module, "ascontiguousarray"))
    copyto = try checked(PyObject_GetAttrString(module, "copyto"))
    let make = try checked(PyObject_GetAttrString(module, "dtype"))
    defer { Py_DecRef(make) }
    var dtypes: [DType: Object] = [:]
    for dtype in DType.allCases {
      let arguments = try pythonTuple([try pythonString(dtype.description)])
      defer { Py_DecRef(arguments) }
      dtypes[dtype] = try checked(PyObject_CallObject(make, arguments))
    }
    self.dtypes = dtypes
  }

  /// A new array, contents undefined.
  func makeEmpty(_ type: TensorType) throws -> Object {
    let dtype = dtypes[type.dtype]!
    Py_IncRef(dtype)
    let arguments = try pythonTuple([try pythonTuple(type.shape), dtype])
    defer { Py_DecRef(arguments) }
    return try checked(PyObject_CallObject(empty, arguments))
  }

  /// A C-contiguous copy.
  func contiguous(_ array: Object) throws -> Object { try call(ascontiguousarray, [array]) }

  func copy(_ source: Object, to target: Object) throws { Py_DecRef(try call(copyto, [target, source])) }

  private func call(_ function: Object, _ arguments: [Object]) throws -> Object {
    arguments.forEach { Py_IncRef($0) }
    let tuple = try pythonTuple(arguments)
    defer { Py_DecRef(tuple) }
    return try checked(PyObject_CallObject(function, tuple))
  }

  /// A new array in the memory order of another.
  func makeEmpty(like array: Object) throws -> Object { try call(emptyLike, [array]) }
}

/// A view of an object's memory through the buffer protocol. Must be released.
struct View {
  private(set) var buffer = Py_buffer()

  /// - Parameter flags: `PyBUF_…`, to which format, shape and strides are added.
  init(_ object: Object, _ argument: String, writable: Bool = false) throws {
    let flags = Int32(PyBUF_FORMAT) | Int32(PyBUF_STRIDES) | (writable ? Int32(PyBUF_WRITABLE) : 0)
    guard PyObject_GetBuffer(object, &buffer, flags) == 0 else {
      PyErr_Clear()
      // Either it has no buffer at all, or it cannot be written to.
      if writable, PyObject_CheckBuffer(object) != 0 {
        throw Failure.value("\(argument) is read-only, expected a writable array")
      }
      throw Failure.type("\(argument) is \(typeName(object)), expected an array of numbers")
    }
  }

  mutating func release() { PyBuffer_Release(&buffer) }

  var pointer: UnsafeMutableRawPointer? { buffer.buf }
  var rank: Int { Int(buffer.ndim) }
  var count: Int { buffer.itemsize == 0 ? 0 : buffer.len / buffer.itemsize }

  var shape: Shape {
    rank == 0 ? [] : Shape((0..<rank).map { buffer.shape[$0] })
  }

  /// Steps in elements.
  var strides: [Int] { rank == 0 ? [] : (0..<rank).map { buffer.strides[$0] / buffer.itemsize } }

  /// nil for element types that are not supported.
  var dtype: DType? {
    guard let format = buffer.format else { return .uint8 }
    var index = 0
    if "<=@".utf8.contains(UInt8(bitPattern: format[0])) { index = 1 }
    guard format[index] != 0, format[index + 1] == 0 else { return nil }
    switch (UInt8(bitPattern: format[index]), buffer.itemsize) {
    case (UInt8(ascii: "f"), 4): return .float32
    case (UInt8(ascii: "d"), 8): return .float64
    case (UInt8(ascii: "i"), 4), (UInt8(ascii: "l"), 4): return .int32
    case (UInt8(ascii: "l"), 8), (UInt8(ascii: "q"), 8): return .int64
    case (UInt8(ascii: "I"), 4), (UInt8(ascii: "L"), 4): return .uint32
    case (UInt8(ascii: "B"), 1): return .uint8
    case (UInt8(ascii: "?"), 1): return .bool
    default: return nil
    }
  }

  /// The element type by NumPy's letter, for error texts.
  var format: String { buffer.format.map { String(cString: $0) } ?? "B" }

  var isContiguous: Bool {
    withUnsafePointer(to: buffer) { PyBuffer_IsContiguous($0, CChar(UInt8(ascii: "C"))) != 0 }
  }

  /// As a C-contiguous tensor.
  func tensor(_ argument: String) throws -> Buffer {
    guard let dtype else {
      let known = DType.allCases.map(\.description).joined(separator: ", ")
      throw Failure.type("\(argument) has elements of format '\(format)', expected one of \(known)")
    }
    guard isContiguous else {
      throw Failure.value("\(argument) is not C-contiguous: pass numpy.ascontiguousarray of it")
    }
    return Buffer(pointer: pointer, type: TensorType(dtype, shape))
  }
}

/// Views of several arrays, released together.
struct Views {
  private(set) var views: [View] = []
  private(set) var buffers: [Buffer] = []

  mutating func add(_ object: Object, _ argument: String, writable: Bool = false) throws {
    var view = try View(object, argument, writable: writable)
    do { buffers.append(try view.tensor(argument)) } catch {
      view.release()
      throw error
    }
    views.append(view)
  }

  mutating func release() {
    for index in views.indices { views[index].release() }
    views = []
  }
}
