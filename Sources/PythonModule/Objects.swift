import CPython
import Runtime
import Tensor

/// A Python object; nil means that an exception is set.
typealias Object = UnsafeMutablePointer<PyObject>

/// A Python exception is already set.
struct PythonError: Error {}

/// Sets the Python exception for an error and returns the null that reports it.
func raise(_ error: any Error) -> Object? {
  guard let failure = error as? Failure else { return nil }
  let exception =
    switch failure.kind {
    case .value: PyExc_ValueError
    case .type: PyExc_TypeError
    case .index: PyExc_IndexError
    case .memory: PyExc_MemoryError
    case .runtime: PyExc_RuntimeError
    }
  PyErr_SetString(exception, failure.message)
  return nil
}

/// Runs the body of a Python function.
@inline(__always)
func guarded(_ body: () throws -> Object) -> Object? {
  do { return try body() } catch { return raise(error) }
}

/// A new reference, or the exception that is set.
@inline(__always)
func checked(_ object: Object?) throws -> Object {
  guard let object else { throw PythonError() }
  return object
}

/// Positional and keyword arguments of a call, by name.
struct Arguments {
  private var values: [Object?]
  let function: String
  let names: [String]

  init(
    _ function: String, _ names: [String], positional: Int, _ arguments: UnsafePointer<Object?>?, _ count: Int,
    _ keywords: Object?
  ) throws {
    self.function = function
    self.names = names
    values = Array(repeating: nil, count: names.count)
    guard count <= positional else {
      throw Failure.type("\(function)() takes at most \(positional) positional arguments, got \(count)")
    }
    for index in 0..<count { values[index] = arguments![index] }
    guard let keywords else { return }
    for index in 0..<PyTuple_Size(keywords) {
      let name = try string(PyTuple_GetItem(keywords, index)!, "keyword")
      guard let place = names.firstIndex(of: name) else {
        throw Failure.type("\(function)() got an unexpected keyword argument '\(name)'")
      }
      guard values[place] == nil else {
        throw Failure.type("\(function)() got multiple values for argument '\(name)'")
      }
      values[place] = arguments![count + index]
    }
  }

  /// nil when absent or None.
  func optional(_ index: Int) -> Object? {
    guard let value = values[index], sbn_is_none(value) == 0 else { return nil }
    return value
  }

  func required(_ index: Int) throws -> Object {
    guard let value = values[index] else {
      throw Failure.type("\(function)() missing required argument '\(names[index])'")
    }
    return value
  }
}

// MARK: From Python

func string(_ object: Object, _ argument: String) throws -> String {
  guard sbn_is_string(object) != 0 else { throw Failure.type("\(argument) is \(typeName(object)), expected str") }
  var length = 0
  guard let bytes = PyUnicode_AsUTF8AndSize(object, &length) else { throw PythonError() }
  return String(decoding: UnsafeRawBufferPointer(start: bytes, count: length), as: UTF8.self)
}

func integer(_ object: Object, _ argument: @autoclosure () -> String) throws -> Int {
  guard sbn_is_float(object) == 0 else { throw Failure.type("\(argument()) is float, expected int") }
  let value = PyNumber_AsSsize_t(object, PyExc_OverflowError)
  if value == -1, PyErr_Occurred() != nil {
    let isTooLarge = PyErr_ExceptionMatches(PyExc_OverflowError) != 0
    PyErr_Clear()
    if isTooLarge { throw Failure.value("\(argument()) does not fit 64 bits") }
    throw Failure.type("\(argument()) is \(typeName(object)), expected int")
  }
  return value
}

func number(_ object: Object, _ argument: String) throws -> Double {
  let value = PyFloat_AsDouble(object)
  if value == -1, PyErr_Occurred() != nil {
    PyErr_Clear()
    throw Failure.type("\(argument) is \(typeName(object)), expected a number")
  }
  return value
}

/// Items of a tuple or list, borrowed.
func items(_ object: Object, _ argument: String) throws -> [Object] {
  if sbn_is_tuple(object) != 0 { return (0..<PyTuple_Size(object)).map { PyTuple_GetItem(object, $0) } }
  if sbn_is_list(object) != 0 { return (0..<PyList_Size(object)).map { PyList_GetItem(object, $0) } }
  throw Failure.type("\(argument) is \(typeName(object)), expected a tuple or list")
}

/// A shape; None is an unknown extent.
func shape(_ object: Object, _ argument: String) throws -> Shape {
  Shape(
    try items(object, argument).map {
      if sbn_is_none($0) != 0 { return Shape.unknown }
      let extent = try integer($0, argument)
      guard extent >= 0 else { throw Failure.value("\(argument) has extent \(extent), expected >= 0 or None") }
      return extent
    })
}

func dtype(_ object: Object, _ argument: String) throws -> DType {
  let name = try string(object, argument)
  guard let dtype = DType(name: name) else {
    throw Failure.type("\(argument) is '\(name)', expected one of \(DType.allCases.map(\.description))")
  }
  return dtype
}

func typeName(_ object: Object) -> String {
  let type = sbn_type(object)
  guard let name = PyObject_GetAttrString(type, "__name__") else {
    PyErr_Clear()
    return "object"
  }
  defer { Py_DecRef(name) }
  return (try? string(name, "name")) ?? "object"
}

// MARK: To Python

func pythonString(_ text: String) throws -> Object { try checked(PyUnicode_FromString(text)) }

func pythonTuple(_ objects: [Object]) throws -> Object {
  let tuple = try checked(PyTuple_New(objects.count))
  for (index, object) in objects.enumerated() { PyTuple_SetItem(tuple, index, object) }
  return tuple
}

func pythonTuple(_ shape: Shape) throws -> Object {
  try pythonTuple(
    try shape.dims.map { $0 == Shape.unknown ? sbn_none() : try checked(PyLong_FromSsize_t($0)) })
}

// MARK: Swift objects inside Python objects

/// Wraps a Swift object in an instance of a Python type made by `makeType`.
func wrap(_ object: AnyObject, _ type: Object) throws -> Object {
  let instance = try checked(sbn_alloc(type))
  instance.withMemoryRebound(to: SBNObject.self, capacity: 1) {
    $0.pointee.handle = Unmanaged.passRetained(object).toOpaque()
  }
  return instance
}

/// The Swift object inside, which must be there.
func unwrap<T: AnyObject>(_ object: Object, _: T.Type) throws -> T {
  let handle = object.withMemoryRebound(to: SBNObject.self, capacity: 1) { $0.pointee.handle }
  guard let handle else { throw Failure.runtime("object was not initialized") }
  return unsafeDowncast(Unmanaged<AnyObject>.fromOpaque(handle).takeUnretainedValue(), to: T.self)
}

func unwrap<T: AnyObject>(_ object: Object, _ swift: T.Type, type: Object?, _ argument: String) throws -> T {
  guard let type, sbn_has_type(object, type) != 0 else {
    throw Failure.type("\(argument) is \(typeName(object)), expected \(T.self)")
  }
  return try unwrap(object, swift)
}

/// Common deallocator.
let deallocate: @convention(c) (Object?) -> Void = { object in
  guard let object else { return }
  let handle = object.withMemoryRebound(to: SBNObject.self, capacity: 1) { $0.pointee.handle }
  if let handle { Unmanaged<AnyObject>.fromOpaque(handle).release() }
  sbn_free(object)
}
