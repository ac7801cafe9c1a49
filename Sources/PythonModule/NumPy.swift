import CPython
import Tensor

/// What is imported from NumPy and kept for the life of the process.
final class NumPy {
  private let empty: Object
  private let emptyLike: Object
  private let asarray: Object
  private let ascontiguousarray: Object
  private let copyto: Object
  /// In the order of `DType`'s raw values. bfloat16 is that of ml_dtypes, imported when it is needed.
  private var dtypes: [Object?]
  /// {"subok": False}
  private let plainArray: Object

  init() throws {
    let module = try checked(PyImport_ImportModule("numpy"))
    defer { Py_DecRef(module) }
    empty = try checked(PyObject_GetAttrString(module, "empty"))
    emptyLike = try checked(PyObject_GetAttrString(module, "empty_like"))
    asarray = try checked(PyObject_GetAttrString(module, "asarray"))
    ascontiguousarray = try checked(PyObject_GetAttrString(module, "ascontiguousarray"))
    copyto = try checked(PyObject_GetAttrString(module, "copyto"))
    let make = try checked(PyObject_GetAttrString(module, "dtype"))
    defer { Py_DecRef(make) }
    dtypes = try DType.allCases.map { dtype in
      if dtype == .bfloat16 { return nil }
      let arguments = try pythonTuple([try pythonString(dtype.description)])
      defer { Py_DecRef(arguments) }
      return try checked(PyObject_CallObject(make, arguments))
    }
    plainArray = try checked(PyDict_New())
    let no = try checked(PyBool_FromLong(0))
    defer { Py_DecRef(no) }
    guard PyDict_SetItemString(plainArray, "subok", no) == 0 else { throw PythonError() }
  }

  /// A new array in C order, contents undefined.
  func makeEmpty(_ shape: UnsafeBufferPointer<Int>, _ dtype: DType) throws -> Object {
    let tuple = try checked(PyTuple_New(shape.count))
    for axis in 0..<shape.count { PyTuple_SetItem(tuple, axis, PyLong_FromSsize_t(shape[axis])) }
    return try makeEmpty(stealing: tuple, dtype)
  }

  func makeEmpty(_ type: TensorType) throws -> Object {
    try type.shape.dims.withUnsafeBufferPointer { try makeEmpty($0, type.dtype) }
  }

  /// A new array of one axis.
  func makeEmpty(_ extent: Int, _ dtype: DType) throws -> Object {
    try makeEmpty(stealing: checked(PyLong_FromSsize_t(extent)), dtype)
  }

  private func makeEmpty(stealing shape: Object, _ dtype: DType) throws -> Object {
    let element: Object
    do { element = try dtypes[Int(dtype.rawValue)] ?? importBrain() } catch {
      Py_DecRef(shape)
      throw error
    }
    guard let arguments = PyTuple_New(2) else {
      Py_DecRef(shape)
      throw PythonError()
    }
    defer { Py_DecRef(arguments) }
    PyTuple_SetItem(arguments, 0, shape)
    Py_IncRef(element)
    PyTuple_SetItem(arguments, 1, element)
    return try checked(PyObject_CallObject(empty, arguments))
  }

  private func importBrain() throws -> Object {
    guard let module = PyImport_ImportModule("ml_dtypes") else {
      PyErr_Clear()
      throw Failure.type("bfloat16 results need the package ml_dtypes, which is not installed")
    }
    defer { Py_DecRef(module) }
    let scalar = try checked(PyObject_GetAttrString(module, "bfloat16"))
    defer { Py_DecRef(scalar) }
    let numpy = try checked(PyImport_ImportModule("numpy"))
    defer { Py_DecRef(numpy) }
    let dtype = try checked(PyObject_GetAttrString(numpy, "dtype"))
    defer { Py_DecRef(dtype) }
    let found = try call(dtype, [scalar])
    dtypes[Int(DType.bfloat16.rawValue)] = found
    return found
  }

  /// A new array in the memory order of another, never of a subclass.
  func makeEmpty(like array: Object) throws -> Object {
    // empty_like itself forgets the memory order of what is not an array.
    let model = try call(asarray, [array])
    defer { Py_DecRef(model) }
    return try call(emptyLike, [model], plainArray)
  }

  /// A C-contiguous copy.
  func contiguous(_ array: Object) throws -> Object { try call(ascontiguousarray, [array]) }

  func copy(_ source: Object, to target: Object) throws { Py_DecRef(try call(copyto, [target, source])) }

  private func call(_ function: Object, _ arguments: [Object], _ keywords: Object? = nil) throws -> Object {
    arguments.forEach { Py_IncRef($0) }
    let tuple = try pythonTuple(arguments)
    defer { Py_DecRef(tuple) }
    return try checked(PyObject_Call(function, tuple, keywords))
  }
}
