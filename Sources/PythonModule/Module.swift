import CPython
import Glibc
import Runtime
import Tensor

/// What the module keeps for the life of the process.
struct Types {
  let variable: Object
  let graph: Object
  let program: Object
  let resultMemory: Object
}

enum Module {
  nonisolated(unsafe) static var types: Types! = nil
  nonisolated(unsafe) static var numpy: NumPy! = nil
  /// Stands for the memory of arrays without elements.
  static let nowhere = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)

  /// Fills a fresh module.
  static let execute: @convention(c) (Object?) -> Int32 = { module in
    do {
      // Types are kept for the process, not per interpreter.
      guard PyInterpreterState_GetID(PyInterpreterState_Get()) == 0 else {
        PyErr_SetString(PyExc_ImportError, "swiftbn works in the main interpreter only")
        return -1
      }
      if numpy == nil { numpy = try NumPy() }
      if types == nil {
        types = Types(
          variable: try makeVariableType(), graph: try makeGraphType(), program: try makeProgramType(),
          resultMemory: try makeResultMemoryType())
      }
      for (name, type) in [("Variable", types.variable), ("Graph", types.graph), ("Program", types.program)] {
        guard PyModule_AddObjectRef(module, name, type) == 0 else { return -1 }
      }
      return 0
    } catch {
      _ = raise(error)
      return -1
    }
  }

  static let functions: [(name: String, method: Method, doc: String)] = [
    (
      "execute",
      { _, arguments, count, keywords in
        guarded {
          let a = try Arguments("execute", ["op", "inputs", "attributes"], positional: 3, arguments, count, keywords)
          let inputs = try items(a.required(1), "inputs")
          var views = Views()
          defer { views.release() }
          for (index, input) in inputs.enumerated() { try views.add(input, "input \(index)") }
          let program = try Eager.program(
            string(a.required(0), "op"), inputs: views.buffers, attributes: attributes(a.optional(2)))
          return try run(program, inputs, indices: nil, out: nil)
        }
      }, "execute(op, inputs, attributes) -> tuple of ndarray: runs one operation at once."
    ),
    (
      "get_num_threads",
      { _, _, _, _ in guarded { try checked(PyLong_FromSsize_t(Configuration.threadCount)) } },
      "get_num_threads() -> int"
    ),
    (
      "set_num_threads",
      { _, arguments, count, keywords in
        guarded {
          let a = try Arguments("set_num_threads", ["n"], positional: 1, arguments, count, keywords)
          let threads = try integer(a.required(0), "n")
          guard threads >= 1 else { throw Failure.value("set_num_threads: n is \(threads), expected >= 1") }
          Configuration.threadCount = threads
          return sbn_none()
        }
      }, "set_num_threads(n): threads that one call may use, the caller's included; at most 64."
    ),
    (
      "get_winograd",
      { _, _, _, _ in guarded { try checked(PyBool_FromLong(Configuration.isWinogradEnabled ? 1 : 0)) } },
      "get_winograd() -> bool"
    ),
    (
      "set_winograd",
      { _, arguments, count, keywords in
        guarded {
          let a = try Arguments("set_winograd", ["enabled"], positional: 1, arguments, count, keywords)
          let enabled = PyObject_IsTrue(try a.required(0))
          guard enabled >= 0 else { throw PythonError() }
          Configuration.isWinogradEnabled = enabled == 1
          return sbn_none()
        }
      }, "set_winograd(enabled): whether 3x3 convolutions may use Winograd's algorithm."
    ),
    (
      "config",
      { _, _, _, _ in
        guarded {
          let dict = try checked(PyDict_New())
          let entries = [
            ("version", try pythonString(Configuration.version)), ("isa", try pythonString(Configuration.isaLevel)),
            ("threads", try checked(PyLong_FromSsize_t(Configuration.threadCount))),
            ("winograd", try checked(PyBool_FromLong(Configuration.isWinogradEnabled ? 1 : 0))),
          ]
          for (key, value) in entries {
            PyDict_SetItemString(dict, key, value)
            Py_DecRef(value)
          }
          return dict
        }
      }, "config() -> dict with version, isa (instruction-set level), threads and winograd."
    ),
    (
      "operation_names",
      { _, _, _, _ in guarded { try pythonTuple(Configuration.operationNames.map { try pythonString($0) }) } },
      "operation_names() -> names that Graph.add and execute know."
    ),
  ]

  /// The definition that Python keeps; made once.
  nonisolated(unsafe) static let definition: UnsafeMutablePointer<PyModuleDef> = {
    let slots = UnsafeMutablePointer<PyModuleDef_Slot>.allocate(capacity: 2)
    slots[0] = PyModuleDef_Slot(slot: Py_mod_exec, value: unsafeBitCast(execute, to: UnsafeMutableRawPointer.self))
    slots[1] = PyModuleDef_Slot()
    let definition = UnsafeMutablePointer<PyModuleDef>.allocate(capacity: 1)
    definition.initialize(to: PyModuleDef())
    definition.pointee.m_name = UnsafePointer(strdup("swiftbn._native"))
    definition.pointee.m_methods = methodTable(functions + functionalMethods)
    definition.pointee.m_slots = slots
    return definition
  }()
}

/// What Python calls when it imports the module.
@c(PyInit__native)
public func initialize() -> UnsafeMutablePointer<PyObject>? { PyModuleDef_Init(Module.definition) }
