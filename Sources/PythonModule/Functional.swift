import CPython
import Runtime
import Tensor

/// `batch_norm`, `batch_norm_backward`, `batch_norm_inference` on arrays, straight to the kernels. All arguments are
/// positional and must be there: swiftbn/functional.py has the names and the defaults.
let functionalMethods: [(name: String, method: Method, doc: String)] = [
  (
    "batch_norm",
    { _, arguments, count, _ in
      guarded {
        try FunctionalCall.run("batch_norm", arguments, count, expected: 7) { call in
          let x = try call.tensor(0, "x")
          let job = try FunctionalBatchNorm("batch_norm", x, axis: call.axis(3))
          let (gamma, beta) = (try call.optionalTensor(1, "gamma"), try call.optionalTensor(2, "beta"))
          let epsilon = try number(call[4], "batch_norm: epsilon")
          let y = try call.output(5, like: x, call.object(0))
          let (mean, inverseStd) = (try call.vector(x.dtype, job.channels), try call.vector(x.dtype, job.channels))
          try call.compute(x) {
            try job.forward(gamma: gamma, beta: beta, epsilon: epsilon, y: y, mean: mean, inverseStd: inverseStd)
          }
        }
      }
    }, "batch_norm(x, gamma, beta, axis, epsilon, out, copy, /) -> (y, mean, inv_std)"
  ),
  (
    "batch_norm_backward",
    { _, arguments, count, _ in
      guarded {
        try FunctionalCall.run("batch_norm_backward", arguments, count, expected: 8) { call in
          let x = try call.tensor(1, "x")
          let job = try FunctionalBatchNorm("batch_norm_backward", x, axis: call.axis(5))
          let dy = try call.tensor(0, "dy", inOrderOf: x, call.object(1))
          let gamma = try call.optionalTensor(2, "gamma")
          let (mean, inverseStd) = (try call.tensor(3, "mean"), try call.tensor(4, "inv_std"))
          let dx = try call.output(6, like: x, call.object(1))
          let (dgamma, dbeta) = (try call.vector(x.dtype, job.channels), try call.vector(x.dtype, job.channels))
          try call.compute(x) {
            try job.backward(
              dy: dy, gamma: gamma, mean: mean, inverseStd: inverseStd, dx: dx, dgamma: dgamma, dbeta: dbeta)
          }
        }
      }
    }, "batch_norm_backward(dy, x, gamma, mean, inv_std, axis, out, copy, /) -> (dx, dgamma, dbeta)"
  ),
  (
    "batch_norm_inference",
    { _, arguments, count, _ in
      guarded {
        try FunctionalCall.run("batch_norm_inference", arguments, count, expected: 9) { call in
          let x = try call.tensor(0, "x")
          let job = try FunctionalBatchNorm("batch_norm_inference", x, axis: call.axis(5))
          let (gamma, beta) = (try call.optionalTensor(1, "gamma"), try call.optionalTensor(2, "beta"))
          let (mean, variance) = (try call.tensor(3, "moving_mean"), try call.tensor(4, "moving_variance"))
          let epsilon = try number(call[6], "batch_norm_inference: epsilon")
          let y = try call.output(7, like: x, call.object(0))
          try call.compute(x) {
            try job.inference(
              gamma: gamma, beta: beta, movingMean: mean, movingVariance: variance, epsilon: epsilon, y: y)
          }
        }
      }
    }, "batch_norm_inference(x, gamma, beta, moving_mean, moving_variance, axis, epsilon, out, copy, /) -> y"
  ),
]

/// One call in progress: it holds views and new arrays, and lets go of all of them whatever happens. Nothing here
/// allocates unless an argument has to be copied or an error is reported: small calls are all overhead.
private struct FunctionalCall: ~Copyable {
  private let name: String
  private let arguments: UnsafePointer<Object?>
  private let copies: Bool
  /// Views do not move: some exporters point into them.
  private let views: UnsafeMutablePointer<Py_buffer>
  private var viewCount = 0
  private var copied: [(index: Int, array: Object)] = []
  private var results = InlineArray<3, Object?>(repeating: nil)
  private var resultCount = 0

  /// Most arguments and outputs that any of the functions views.
  private static let maximumViews = 8

  /// Runs the body; its outputs, in the order in which they were made, are returned (one alone, several as a tuple).
  ///
  /// - Parameter expected: number of arguments; the last one is `copy`.
  @inline(__always)
  static func run(
    _ name: String, _ arguments: UnsafePointer<Object?>?, _ count: Int, expected: Int,
    _ body: (inout FunctionalCall) throws -> Void
  ) throws -> Object {
    guard let arguments, count == expected else {
      throw Failure.type("\(name)() takes \(expected) positional arguments, got \(count)")
    }
    let copies = PyObject_IsTrue(arguments[expected - 1])
    guard copies >= 0 else { throw PythonError() }
    return try withUnsafeTemporaryAllocation(of: Py_buffer.self, capacity: maximumViews) { views in
      var call = FunctionalCall(
        name: name, arguments: arguments, copies: copies == 1, views: views.baseAddress.unsafelyUnwrapped)
      do {
        try body(&call)
        let result = try call.packed()
        call.release()
        return result
      } catch {
        for index in 0..<call.resultCount { Py_DecRef(call.results[index]) }
        call.release()
        throw error
      }
    }
  }

  private init(
    name: String, arguments: UnsafePointer<Object?>, copies: Bool, views: UnsafeMutablePointer<Py_buffer>
  ) {
    self.name = name
    self.arguments = arguments
    self.copies = copies
    self.views = views
  }

  private mutating func packed() throws -> Object {
    if resultCount == 1 { return results[0].unsafelyUnwrapped }
    let tuple = try checked(PyTuple_New(resultCount))
    for index in 0..<resultCount { PyTuple_SetItem(tuple, index, results[index]) }
    return tuple
  }

  private func release() {
    for index in 0..<viewCount { PyBuffer_Release(views + index) }
    for (_, array) in copied { Py_DecRef(array) }
  }

  // MARK: Arguments

  subscript(index: Int) -> Object { arguments[index].unsafelyUnwrapped }

  func axis(_ index: Int) throws -> Int { try integer(self[index], "\(name): axis") }

  /// The argument, or the copy made of it.
  func object(_ index: Int) -> Object { copied.first { $0.index == index }?.array ?? self[index] }

  /// An argument as a tensor. Memory with gaps, or in another order than `model`'s, is copied once if that is allowed.
  mutating func tensor(
    _ index: Int, _ argument: String, inOrderOf model: StridedTensor? = nil, _ modelObject: Object? = nil
  ) throws -> StridedTensor {
    let tensor = try view(self[index], argument)
    guard copies else { return tensor }
    let copy: Object
    if let model, let modelObject, tensor.hasSameShape(as: model) {
      if tensor.dtype != model.dtype || tensor.hasSameStrides(as: model) { return tensor }
      copy = try Module.numpy.makeEmpty(like: modelObject)
      copied.append((index, copy))
      try Module.numpy.copy(self[index], to: copy)
    } else {
      if tensor.isGapless { return tensor }
      copy = try Module.numpy.contiguous(self[index])
      copied.append((index, copy))
    }
    viewCount -= 1
    PyBuffer_Release(views + viewCount)
    return try view(copy, argument)
  }

  mutating func optionalTensor(_ index: Int, _ argument: String) throws -> StridedTensor? {
    sbn_is_none(self[index]) != 0 ? nil : try tensor(index, argument)
  }

  @inline(__always)
  private mutating func view(_ object: Object, _ argument: String, writable: Bool = false) throws -> StridedTensor {
    let view = views + viewCount
    try acquire(view, object, writable: writable) { "\(name): \(argument)" }
    viewCount += 1
    guard let dtype = view.pointee.dtype else {
      throw Failure.type(
        "\(name): \(argument) has elements of format '\(view.pointee.formatText)', expected float32 or float64")
    }
    return StridedTensor(
      pointer: view.pointee.buf, dtype: dtype, rank: Int(view.pointee.ndim), extents: view.pointee.shape,
      strides: view.pointee.strides)
  }

  // MARK: Outputs

  private mutating func result(_ array: Object) {
    results[resultCount] = array
    resultCount += 1
  }

  /// The array given as `out`, or a new one like an argument.
  mutating func output(_ index: Int, like model: StridedTensor, _ modelObject: Object) throws -> StridedTensor {
    if sbn_is_none(self[index]) == 0 {
      let out = try view(self[index], "out", writable: true)
      Py_IncRef(self[index])
      result(self[index])
      return out
    }
    let array: Object
    if model.isRowMajor, let extents = model.extents {
      array = try Module.numpy.makeEmpty(UnsafeBufferPointer(start: extents, count: model.rank), model.dtype)
    } else {
      array = try Module.numpy.makeEmpty(like: modelObject)
    }
    result(array)
    return try view(array, "out", writable: true)
  }

  /// A new array of one axis.
  mutating func vector(_ dtype: DType, _ extent: Int) throws -> StridedTensor {
    let array = try Module.numpy.makeEmpty(extent, dtype)
    result(array)
    return try view(array, "output", writable: true)
  }

  /// Runs the kernel, without the GIL when it takes longer than giving it up does.
  @inline(__always)
  func compute(_ x: StridedTensor, _ body: () throws -> Void) throws {
    if x.count < 16_384 { try body() } else { try withoutGIL(body) }
  }
}
