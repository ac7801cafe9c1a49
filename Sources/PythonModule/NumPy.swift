import CPython
import Tensor

/// What is imported from NumPy and kept for the life of the process.
final class NumPy {
  private let empty: Object
  private let emptyLike: Object
  private let asarray: Object
  private let ascontiguousarray: Object
  private let copyto: Object
  /// In the order of `DType`'s raw values.
  private let dtypes: [Object]
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
    let dtype = dtypes[Int(dtype.rawValue)]
    guard let arguments = PyTuple_New(2) else {
      Py_DecRef(shape)
      throw PythonError()
    }
    defer { Py_DecRef(arguments) }
    PyTuple_SetItem(arguments, 0, shape)
    Py_IncRef(dtype)
    PyTuple_SetItem(arguments, 1, dtype)
    return try checked(PyObject_CallObject(empty, arguments))
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
