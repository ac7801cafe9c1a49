import CPython
import Tensor

/// What is imported from NumPy and kept for the life of the process.
final class NumPy {
  private let empty: Object
  private let ndarray: Object
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
    ndarray = try checked(PyObject_GetAttrString(module, "ndarray"))
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
    defer { Py_DecRef(tuple) }
    for axis in 0..<shape.count { PyTuple_SetItem(tuple, axis, PyLong_FromSsize_t(shape[axis])) }
    let element = try dtypes[Int(dtype.rawValue)] ?? importBfloat16()
    var (bytes, overflows) = (dtype.size, false)
    for extent in shape where !overflows { (bytes, overflows) = bytes.multipliedReportingOverflow(by: extent) }
    if overflows || bytes < ResultMemory.leastBytes { return try call(empty, [tuple, element]) }
    return try makeArray(tuple, element, over: ResultMemory(byteCount: bytes))
  }

  func makeEmpty(_ type: TensorType) throws -> Object {
    try type.shape.dims.withUnsafeBufferPointer { try makeEmpty($0, type.dtype) }
  }

  /// A new array of one axis.
  func makeEmpty(_ extent: Int, _ dtype: DType) throws -> Object {
    try withUnsafePointer(to: extent) { try makeEmpty(UnsafeBufferPointer(start: $0, count: 1), dtype) }
  }

  private func makeArray(_ shape: Object, _ element: Object, over memory: ResultMemory, strides: Object? = nil) throws
    -> Object
  {
    let base = try wrap(memory, Module.types.resultMemory)
    defer { Py_DecRef(base) }
    guard let strides else { return try call(ndarray, [shape, element, base]) }
    let start = try checked(PyLong_FromSsize_t(0))
    defer { Py_DecRef(start) }
    return try call(ndarray, [shape, element, base, start, strides])
  }

  private func importBfloat16() throws -> Object {
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
    return try makeLarge(like: model) ?? call(emptyLike, [model], plainArray)
  }

  /// Over result memory, nil where the array is small or its elements have gaps.
  private func makeLarge(like model: Object) throws -> Object? {
    func attribute(_ name: String) throws -> Object { try checked(PyObject_GetAttrString(model, name)) }
    let size = try attribute("nbytes")
    defer { Py_DecRef(size) }
    let bytes = try integer(size, "nbytes")
    if bytes < ResultMemory.leastBytes { return nil }
    let (shape, strides, element) = (try attribute("shape"), try attribute("strides"), try attribute("dtype"))
    defer { for object in [shape, strides, element] { Py_DecRef(object) } }
    let extents = try items(shape, "shape").map { try integer($0, "extent") }
    let steps = try items(strides, "strides").map { try integer($0, "stride") }
    // From the innermost axis outwards, each step is what the axes inside take up.
    var expected = bytes / extents.reduce(1, *)
    for axis in extents.indices.filter({ extents[$0] > 1 }).sorted(by: { steps[$0] < steps[$1] }) {
      if steps[axis] != expected { return nil }
      expected *= extents[axis]
    }
    return try makeArray(shape, element, over: ResultMemory(byteCount: bytes), strides: strides)
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
