import CPython

/// A method called with an argument vector and keyword names.
typealias Method = @convention(c) (Object?, UnsafePointer<Object?>?, Int, Object?) -> Object?
typealias Getter = @convention(c) (Object?, UnsafeMutableRawPointer?) -> Object?

/// C strings and tables that Python keeps pointers to: made once, never freed.
private func permanent(_ text: String) -> UnsafePointer<CChar> {
  let bytes = Array(text.utf8CString)
  let memory = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
  memory.initialize(from: bytes, count: bytes.count)
  return UnsafePointer(memory)
}

private func permanent<T>(_ values: [T]) -> UnsafeMutablePointer<T> {
  let memory = UnsafeMutablePointer<T>.allocate(capacity: values.count)
  memory.initialize(from: values, count: values.count)
  return memory
}

/// A table of methods, ended by an empty one.
func methodTable(_ methods: [(name: String, method: Method, doc: String)]) -> UnsafeMutablePointer<PyMethodDef> {
  permanent(
    methods.map {
      PyMethodDef(
        ml_name: permanent($0.name), ml_meth: unsafeBitCast($0.method, to: PyCFunction.self),
        ml_flags: METH_FASTCALL | METH_KEYWORDS, ml_doc: permanent($0.doc))
    } + [PyMethodDef()])
}

/// A heap type whose instances hold a Swift object.
func makeType(
  _ name: String, doc: String, create: @escaping @convention(c) (Object?, Object?, Object?) -> Object?,
  methods: [(name: String, method: Method, doc: String)] = [], getters: [(name: String, get: Getter)] = [],
  buffer: (@convention(c) (Object?, UnsafeMutablePointer<Py_buffer>?, Int32) -> Int32)? = nil
) throws -> Object {
  let getterTable = permanent(
    getters.map { PyGetSetDef(name: permanent($0.name), get: $0.get, set: nil, doc: nil, closure: nil) }
      + [PyGetSetDef()])
  func slot(_ id: Int32, _ pointer: UnsafeMutableRawPointer?) -> PyType_Slot { PyType_Slot(slot: id, pfunc: pointer) }
  var slots = [
    slot(Py_tp_dealloc, unsafeBitCast(deallocate, to: UnsafeMutableRawPointer.self)),
    slot(Py_tp_new, unsafeBitCast(create, to: UnsafeMutableRawPointer.self)),
    slot(Py_tp_methods, methodTable(methods)),
    slot(Py_tp_getset, getterTable),
    slot(Py_tp_doc, UnsafeMutableRawPointer(mutating: permanent(doc))),
  ]
  if let buffer { slots.append(slot(Py_bf_getbuffer, unsafeBitCast(buffer, to: UnsafeMutableRawPointer.self))) }
  slots.append(PyType_Slot())
  var spec = PyType_Spec(
    name: permanent("swiftbn._native." + name), basicsize: Int32(MemoryLayout<SBNObject>.size), itemsize: 0,
    flags: UInt32(Py_TPFLAGS_DEFAULT), slots: permanent(slots))
  return try checked(PyType_FromSpec(&spec))
}
