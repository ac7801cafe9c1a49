import CPython
import Runtime
import Tensor

/// `batch_norm`, `batch_norm_backward`, `batch_norm_inference` on arrays, straight to the kernels.
let functionalMethods: [(name: String, method: Method, doc: String)] = [
  (
    "batch_norm",
    { _, arguments, count, keywords in
      guarded {
        let a = try Arguments(
          "batch_norm", ["x", "gamma", "beta", "axis", "epsilon", "out", "copy"], positional: 3, arguments, count,
          keywords)
        return try Call.run("batch_norm", a, tensor: 0, axis: 3, copy: 6) { call in
          let x = try call.view(0)
          let (gamma, beta) = (try call.optionalView(1), try call.optionalView(2))
          let y = try call.output(a.optional(5), like: 0)
          let (mean, inverseStd) = (try call.statistics(x), try call.statistics(x))
          let epsilon = try a.optional(4).map { try number($0, "batch_norm: epsilon") } ?? 1e-3
          try call.compute(x) {
            try FunctionalBatchNorm.forward(
              x, gamma: gamma, beta: beta, axis: call.axis, epsilon: epsilon, y: y, mean: mean,
              inverseStd: inverseStd)
          }
        }
      }
    }, "batch_norm(x, gamma, beta, *, axis=-1, epsilon=1e-3, out=None, copy=True) -> (y, mean, inv_std)"
  ),
  (
    "batch_norm_backward",
    { _, arguments, count, keywords in
      guarded {
        let a = try Arguments(
          "batch_norm_backward", ["dy", "x", "gamma", "mean", "inv_std", "axis", "out", "copy"], positional: 5,
          arguments, count, keywords)
        return try Call.run("batch_norm_backward", a, tensor: 1, axis: 5, copy: 7) { call in
          let x = try call.view(1)
          let dy = try call.view(0, inOrderOf: x)
          let gamma = try call.optionalView(2)
          let (mean, inverseStd) = (try call.view(3), try call.view(4))
          let dx = try call.output(a.optional(6), like: 1)
          let (dgamma, dbeta) = (try call.statistics(x), try call.statistics(x))
          try call.compute(x) {
            try FunctionalBatchNorm.backward(
              dy, x, gamma: gamma, mean: mean, inverseStd: inverseStd, axis: call.axis, dx: dx, dgamma: dgamma,
              dbeta: dbeta)
          }
        }
      }
    }, "batch_norm_backward(dy, x, gamma, mean, inv_std, *, axis=-1, out=None, copy=True) -> (dx, dgamma, dbeta)"
  ),
  (
    "batch_norm_inference",
    { _, arguments, count, keywords in
      guarded {
        let a = try Arguments(
          "batch_norm_inference",
          ["x", "gamma", "beta", "moving_mean", "moving_variance", "axis", "epsilon", "out", "copy"], positional: 5,
          arguments, count, keywords)
        return try Call.run("batch_norm_inference", a, tensor: 0, axis: 5, copy: 8) { call in
          let x = try call.view(0)
          let (gamma, beta) = (try call.optionalView(1), try call.optionalView(2))
          let (mean, variance) = (try call.view(3), try call.view(4))
          let y = try call.output(a.optional(7), like: 0)
          let epsilon = try a.optional(6).map { try number($0, "batch_norm_inference: epsilon") } ?? 1e-3
          try call.compute(x) {
            try FunctionalBatchNorm.inference(
              x, gamma: gamma, beta: beta, movingMean: mean, movingVariance: variance, axis: call.axis,
              epsilon: epsilon, y: y)
          }
        }
      }
    },
    "batch_norm_inference(x, gamma, beta, moving_mean, moving_variance, *, axis=-1, epsilon=1e-3, out=None, copy=True)"
      + " -> y"
  ),
]

/// One call in progress: holds views and new objects, and lets go of all of them whatever happens.
private struct Call {
  let name: String
  let arguments: Arguments
  let axis: Int
  let copies: Bool
  private var views: [View] = []
  /// Copies made at the boundary.
  private var copied: [Int: Object] = [:]
  private var results: [Object] = []

  /// Runs the body; its outputs, in the order in which they were made, are returned (one alone, several as a tuple).
  static func run(
    _ name: String, _ arguments: Arguments, tensor: Int, axis: Int, copy: Int, _ body: (inout Call) throws -> Void
  ) throws -> Object {
    var call = Call(
      name: name, arguments: arguments,
      axis: try arguments.optional(axis).map { try integer($0, "\(name): axis") } ?? -1,
      copies: arguments.optional(copy).map { PyObject_IsTrue($0) == 1 } ?? true)
    defer { call.release() }
    do { try body(&call) } catch {
      call.results.forEach { Py_DecRef($0) }
      throw error
    }
    if call.results.count == 1 { return call.results[0] }
    return try pythonTuple(call.results)
  }

  private init(name: String, arguments: Arguments, axis: Int, copies: Bool) {
    self.name = name
    self.arguments = arguments
    self.axis = axis
    self.copies = copies
  }

  private mutating func release() {
    for index in views.indices { views[index].release() }
    copied.values.forEach { Py_DecRef($0) }
  }

  private mutating func look(_ object: Object, _ argument: String, writable: Bool = false) throws -> StridedTensor {
    let view = try View(object, "\(name): \(argument)", writable: writable)
    views.append(view)
    guard let dtype = view.dtype else {
      throw Failure.type(
        "\(name): \(argument) has elements of format '\(view.format)', expected float32 or float64")
    }
    return StridedTensor(pointer: view.pointer, dtype: dtype, shape: view.shape, strides: view.strides)
  }

  func label(_ index: Int) -> String { arguments.names[index] }

  /// An argument as a tensor. Memory with gaps is copied once, unless copy=False.
  mutating func view(_ index: Int, inOrderOf model: StridedTensor? = nil) throws -> StridedTensor {
    let object = try arguments.required(index)
    let tensor = try look(object, label(index))
    guard copies, !fits(tensor, model) else { return tensor }
    let copy: Object
    if let model, tensor.shape == model.shape {
      // In the memory order of the other tensor: fill an array like it.
      copy = try Module.numpy.makeEmpty(like: copied[1] ?? arguments.required(1))
      copied[index] = copy
      try Module.numpy.copy(object, to: copy)
    } else {
      copy = try Module.numpy.contiguous(object)
      copied[index] = copy
    }
    return try look(copy, label(index))
  }

  mutating func optionalView(_ index: Int) throws -> StridedTensor? {
    arguments.optional(index) == nil ? nil : try view(index)
  }

  /// No gaps, in the model's order of axes if there is one.
  private func fits(_ tensor: StridedTensor, _ model: StridedTensor?) -> Bool {
    if let model, tensor.shape == model.shape {
      return tensor.shape.dims.indices.allSatisfy { tensor.shape[$0] == 1 || tensor.strides[$0] == model.strides[$0] }
    }
    var step = 1
    for axis in tensor.shape.dims.indices.filter({ tensor.shape[$0] != 1 }).sorted(by: {
      tensor.strides[$0] < tensor.strides[$1]
    }) {
      if tensor.strides[axis] != step { return false }
      step *= tensor.shape[axis]
    }
    return true
  }

  /// The array given as `out`, or a new one in the memory order of an argument.
  mutating func output(_ given: Object?, like index: Int) throws -> StridedTensor {
    if let given {
      let tensor = try look(given, "out", writable: true)
      Py_IncRef(given)
      results.append(given)
      return tensor
    }
    let array = try Module.numpy.makeEmpty(like: copied[index] ?? arguments.required(index))
    results.append(array)
    return try look(array, "out", writable: true)
  }

  /// A new (C,) array; when the axis is out of range, which is reported later, an empty one.
  mutating func statistics(_ x: StridedTensor) throws -> StridedTensor {
    let rank = x.shape.rank
    let isValid = axis >= -rank && axis < rank && x.dtype.isFloat
    let channels = isValid ? x.shape[axis < 0 ? axis + rank : axis] : 0
    let array = try Module.numpy.makeEmpty(TensorType(x.dtype, [channels]))
    results.append(array)
    return try look(array, "statistics", writable: true)
  }

  /// Runs the kernel, without the GIL when it takes longer than giving it up does.
  func compute(_ x: StridedTensor, _ body: () throws -> Void) throws {
    if x.shape.count < 16_384 { return try body() }
    let thread = PyEval_SaveThread()
    let result = Result(catching: body)
    PyEval_RestoreThread(thread)
    try result.get()
  }
}
