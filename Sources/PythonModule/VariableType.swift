import CPython
import Runtime
import Tensor

/// `Variable(shape, dtype, name="")`: a tensor owned by Swift, shared with NumPy through the buffer protocol.
func makeVariableType() throws -> Object {
  try makeType(
    "Variable",
    doc: "Variable(shape, dtype, name='')\n\nA zeroed tensor owned by Swift; numpy.asarray gives a view of its memory.",
    create: { _, arguments, keywords in
      guarded {
        let values = try items(arguments!, "arguments")
        guard keywords == nil || PyDict_Size(keywords) == 0, values.count == 2 || values.count == 3 else {
          throw Failure.type("Variable(shape, dtype, name='') takes 2 or 3 positional arguments")
        }
        let type = TensorType(try dtype(values[1], "dtype"), try shape(values[0], "shape"))
        let name = values.count == 3 ? try string(values[2], "name") : ""
        return try wrap(Variable(name: name, type: type), Module.types.variable)
      }
    },
    getters: [
      ("shape", { object, _ in guarded { try pythonTuple(unwrap(object!, Variable.self).type.shape) } }),
      ("dtype", { object, _ in guarded { try pythonString(unwrap(object!, Variable.self).type.dtype.description) } }),
      ("name", { object, _ in guarded { try pythonString(unwrap(object!, Variable.self).name) } }),
    ],
    buffer: { object, view, flags in
      guard let object, let view else { return -1 }
      view.pointee.obj = nil
      do { return try fill(view, object, unwrap(object, Variable.self), flags) } catch {
        _ = raise(error)
        return -1
      }
    })
}

/// Shape and strides of a view; freed with the view's owner, which keeps them.
private final class Layout {
  let numbers: UnsafeMutablePointer<Int>
  init(_ shape: Shape, itemSize: Int) {
    numbers = .allocate(capacity: max(2 * shape.rank, 1))
    var step = itemSize
    for axis in shape.dims.indices.reversed() {
      numbers[axis] = shape[axis]
      numbers[shape.rank + axis] = step
      step *= shape[axis]
    }
  }
  deinit { numbers.deallocate() }
}

private func fill(
  _ view: UnsafeMutablePointer<Py_buffer>, _ object: Object, _ variable: Variable, _ flags: Int32
) throws -> Int32 {
  let type = variable.type
  let rank = type.shape.rank
  guard rank < 2 || flags & Int32(PyBUF_F_CONTIGUOUS) != Int32(PyBUF_F_CONTIGUOUS) else {
    PyErr_SetString(PyExc_BufferError, "swiftbn._native.Variable is in C order")
    throw PythonError()
  }
  let numbers = variable.attachment { Layout(type.shape, itemSize: type.dtype.size) }.numbers
  Py_IncRef(object)
  view.pointee.buf = variable.pointer
  view.pointee.obj = object
  view.pointee.len = type.byteCount
  view.pointee.itemsize = type.dtype.size
  view.pointee.readonly = 0
  view.pointee.ndim = Int32(rank)
  view.pointee.format = UnsafeMutablePointer(mutating: formats[Int(type.dtype.rawValue)])
  view.pointee.shape = numbers
  view.pointee.strides = numbers + rank
  view.pointee.suboffsets = nil
  view.pointee.internal = nil
  return 0
}

/// Struct formats in the order of `DType`'s raw values; bfloat16, which has none, shows its bits.
private let formats: [UnsafePointer<CChar>] = ["f", "d", "i", "q", "B", "?", "I", "e", "H"].map { text in
  let memory = UnsafeMutablePointer<CChar>.allocate(capacity: 2)
  memory[0] = CChar(text.utf8.first!)
  memory[1] = 0
  return UnsafePointer(memory)
}
