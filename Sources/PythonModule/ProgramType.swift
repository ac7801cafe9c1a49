import CPython
import Glibc
import Graph
import Runtime
import Tensor

/// `Program(graph, outputs)`: a graph ready to run on arrays.
func makeProgramType() throws -> Object {
  try makeType(
    "Program", doc: "Program(graph, outputs)\n\nA graph with chosen outputs, ready to run on arrays.",
    create: { _, arguments, _ in
      guarded {
        let items = try items(arguments!, "arguments")
        guard items.count == 2 else { throw Failure.type("Program(graph, outputs) takes 2 positional arguments") }
        let graph = try unwrap(items[0], Graph.self, type: Module.types.graph, "graph")
        return try wrap(Program(graph, outputs: values(items[1], "outputs")), Module.types.program)
      }
    },
    methods: [
      (
        "run",
        { object, arguments, count, keywords in
          guarded {
            let a = try Arguments("run", ["inputs", "indices", "out"], positional: 3, arguments, count, keywords)
            return try run(
              unwrap(object!, Program.self), items(a.required(0), "inputs"), indices: a.optional(1),
              out: a.optional(2))
          }
        },
        "run(inputs, indices=None, out=None) -> tuple of ndarray\n\nWith indices (int64), row indices[k] of every input"
          + " becomes row k of the batch."
      ),
      (
        "profile",
        { object, arguments, count, keywords in
          guarded {
            let a = try Arguments("profile", ["inputs", "indices"], positional: 2, arguments, count, keywords)
            let program = try unwrap(object!, Program.self)
            let times = Stopwatch()
            let outputs = try run(
              program, items(a.required(0), "inputs"), indices: a.optional(1), out: nil, clock: times.mark)
            Py_DecRef(outputs)
            return try pythonTuple(times.intervals.map { try checked(PyFloat_FromDouble($0)) })
          }
        },
        "profile(inputs, indices=None) -> seconds of each step of the plan in a run."
      ),
      (
        "plans",
        { object, _, _, _ in
          guarded {
            let summaries = try unwrap(object!, Program.self).summaries
            return try pythonTuple(
              summaries.map { plan in
                try pythonTuple([
                  pythonTuple(plan.inputs.map { try pythonString($0.description) }),
                  pythonTuple(
                    plan.steps.map { step in
                      try pythonTuple([
                        pythonString(step.name), pythonTuple(step.outputs.map { try pythonString($0.description) }),
                        checked(PyLong_FromSsize_t(step.readBytes)), checked(PyLong_FromSsize_t(step.writtenBytes)),
                      ])
                    }),
                  checked(PyLong_FromSsize_t(plan.arenaBytes)),
                ])
              })
          }
        },
        "plans() -> for each compiled plan (input types, steps, bytes of its arena). A step is (name, output types,"
          + " bytes read, bytes written)."
      ),
    ])
}

/// Runs a program on Python arrays, without the GIL.
func run(
  _ program: Program, _ inputs: [Object], indices: Object?, out: Object?, clock: (() -> Void)? = nil
) throws -> Object {
  var views = Views()
  defer { views.release() }
  for (index, input) in inputs.enumerated() { try views.add(input, "input \(index)") }
  let buffers = views.buffers
  var rows: UnsafeBufferPointer<Int64>?
  var rowView: View?
  defer { rowView?.release() }
  if let indices {
    let view = try View(indices, "indices")
    rowView = view
    let tensor = view.buffer
    guard tensor.type.dtype == .int64, tensor.type.shape.rank == 1 else {
      throw Failure.type("indices are \(tensor.type), expected int64(n,)")
    }
    rows = UnsafeBufferPointer(
      start: tensor.pointer?.assumingMemoryBound(to: Int64.self), count: tensor.type.shape[0])
  }
  return try buffers.withUnsafeBufferPointer { buffers in
    // Another thread may be running the program.
    let types = try withoutGIL { try program.prepare(buffers, rows: rows?.count) }
    var outputs: [Object] = []
    var outputViews = Views()
    defer { outputViews.release() }
    var isDone = false
    defer { if !isDone { outputs.forEach { Py_DecRef($0) } } }
    if let out {
      outputs = try items(out, "out")
      outputs.forEach { Py_IncRef($0) }
    } else {
      for type in types { outputs.append(try Module.numpy.makeEmpty(type)) }
    }
    for (index, output) in outputs.enumerated() { try outputViews.add(output, "out[\(index)]", writable: true) }
    if out != nil { try program.check(outputs: outputViews.buffers, types: types, inputs: buffers, name: "out") }
    let pointers = outputViews.buffers.map { $0.pointer ?? Module.nowhere }
    try withoutGIL {
      try pointers.withUnsafeBufferPointer { try program.run(buffers, rows: rows, outputs: $0, clock: clock) }
    }
    isDone = true
    return try pythonTuple(outputs)
  }
}

/// Moments between steps.
private final class Stopwatch {
  private var moments: [Double] = []

  func mark() {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    moments.append(Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9)
  }

  var intervals: [Double] { zip(moments.dropFirst(), moments).map { $0 - $1 } }
}

/// Runs a body that touches no Python object while other Python threads may go on.
func withoutGIL<R>(_ body: () throws -> R) rethrows -> R {
  let thread = PyEval_SaveThread()
  defer { PyEval_RestoreThread(thread) }
  return try body()
}
