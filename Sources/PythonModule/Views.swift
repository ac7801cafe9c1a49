import CPython
import Runtime
import Tensor

/// Fills a view of an object's memory through the buffer protocol. It must be released, and must not move before that:
/// extents and strides of some exporters point into it.
@inline(__always)
func acquire(
  _ view: UnsafeMutablePointer<Py_buffer>, _ object: Object, writable: Bool, _ argument: () -> String
) throws {
  let flags = Int32(PyBUF_FORMAT) | Int32(PyBUF_STRIDES) | (writable ? Int32(PyBUF_WRITABLE) : 0)
  guard PyObject_GetBuffer(object, view, flags) == 0 else {
    PyErr_Clear()
    if acquireBrain(view, object, flags) { return }
    // Either it has no buffer at all, or it cannot be written to.
    if writable, PyObject_CheckBuffer(object) != 0 {
      throw Failure.value("\(argument()) is read-only, expected a writable array")
    }
    throw Failure.type("\(argument()) is \(typeName(object)), expected an array of numbers")
  }
}

/// Views an array of bfloat16, which NumPy does not export, by its bits.
private func acquireBrain(_ view: UnsafeMutablePointer<Py_buffer>, _ object: Object, _ flags: Int32) -> Bool {
  guard let dtype = PyObject_GetAttrString(object, "dtype") else {
    PyErr_Clear()
    return false
  }
  defer { Py_DecRef(dtype) }
  guard let name = PyObject_GetAttrString(dtype, "name") else {
    PyErr_Clear()
    return false
  }
  defer { Py_DecRef(name) }
  guard let text = try? string(name, "dtype"), text == DType.bfloat16.description,
    let method = PyObject_GetAttrString(object, "view")
  else {
    PyErr_Clear()
    return false
  }
  defer { Py_DecRef(method) }
  guard let arguments = try? pythonTuple([pythonString("uint16")]) else { return false }
  defer { Py_DecRef(arguments) }
  guard let bits = PyObject_CallObject(method, arguments) else {
    PyErr_Clear()
    return false
  }
  defer { Py_DecRef(bits) }
  guard PyObject_GetBuffer(bits, view, flags) == 0 else {
    PyErr_Clear()
    return false
  }
  view.pointee.format = brainFormat
  return true
}

/// ml_dtypes' letter for bfloat16.
private nonisolated(unsafe) let brainFormat: UnsafeMutablePointer<CChar> = {
  let memory = UnsafeMutablePointer<CChar>.allocate(capacity: 2)
  (memory[0], memory[1]) = (CChar(UInt8(ascii: "E")), 0)
  return memory
}()

extension Py_buffer {
  /// nil for element types that are not supported.
  var dtype: DType? {
    guard let format else { return .uint8 }
    var index = 0
    switch UInt8(bitPattern: format[0]) {
    case UInt8(ascii: "<"), UInt8(ascii: "="), UInt8(ascii: "@"): index = 1
    default: break
    }
    guard format[index] != 0, format[index + 1] == 0 else { return nil }
    switch (UInt8(bitPattern: format[index]), itemsize) {
    case (UInt8(ascii: "f"), 4): return .float32
    case (UInt8(ascii: "d"), 8): return .float64
    case (UInt8(ascii: "e"), 2): return .float16
    case (UInt8(ascii: "E"), 2): return .bfloat16
    case (UInt8(ascii: "i"), 4), (UInt8(ascii: "l"), 4): return .int32
    case (UInt8(ascii: "l"), 8), (UInt8(ascii: "q"), 8): return .int64
    case (UInt8(ascii: "I"), 4), (UInt8(ascii: "L"), 4): return .uint32
    case (UInt8(ascii: "B"), 1): return .uint8
    case (UInt8(ascii: "?"), 1): return .bool
    default: return nil
    }
  }

  /// The element type in the struct module's letters, for error texts.
  var formatText: String { format.map { String(cString: $0) } ?? "B" }
}

/// A view of a C-contiguous array. Must be released.
struct View {
  private let view: UnsafeMutablePointer<Py_buffer>
  let buffer: Buffer

  init(_ object: Object, _ argument: String, writable: Bool = false) throws {
    view = .allocate(capacity: 1)
    do { try acquire(view, object, writable: writable) { argument } } catch {
      view.deallocate()
      throw error
    }
    do { buffer = try View.tensor(view, argument) } catch {
      PyBuffer_Release(view)
      view.deallocate()
      throw error
    }
  }

  func release() {
    PyBuffer_Release(view)
    view.deallocate()
  }

  private static func tensor(_ view: UnsafeMutablePointer<Py_buffer>, _ argument: String) throws -> Buffer {
    guard let dtype = view.pointee.dtype else {
      let known = DType.allCases.map(\.description).joined(separator: ", ")
      throw Failure.type("\(argument) has elements of format '\(view.pointee.formatText)', expected one of \(known)")
    }
    guard PyBuffer_IsContiguous(view, CChar(UInt8(ascii: "C"))) != 0 else {
      throw Failure.value("\(argument) is not C-contiguous: pass numpy.ascontiguousarray of it")
    }
    let shape = Shape((0..<Int(view.pointee.ndim)).map { view.pointee.shape[$0] })
    return Buffer(pointer: view.pointee.buf, type: TensorType(dtype, shape))
  }
}

/// Views of several arrays, released together.
struct Views {
  private var views: [View] = []
  private(set) var buffers: [Buffer] = []

  mutating func add(_ object: Object, _ argument: @autoclosure () -> String, writable: Bool = false) throws {
    let view = try View(object, argument(), writable: writable)
    views.append(view)
    buffers.append(view.buffer)
  }

  mutating func release() {
    for view in views { view.release() }
    views = []
  }
}
