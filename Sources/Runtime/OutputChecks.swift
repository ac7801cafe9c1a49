import Graph
import Tensor

extension Buffer {
  /// The two share bytes.
  func overlaps(_ other: Buffer) -> Bool {
    guard let p = pointer, let q = other.pointer, type.byteCount > 0, other.type.byteCount > 0 else { return false }
    return p < q + other.type.byteCount && q < p + type.byteCount
  }
}

extension Program {
  /// Checks a caller's memory for outputs: they are written while inputs and variables are still read.
  ///
  /// - Parameters:
  ///   - types: what `prepare` returned.
  ///   - name: what the caller calls the outputs.
  public func check(
    outputs: [Buffer], types: [TensorType], inputs: UnsafeBufferPointer<Buffer>, name: String
  ) throws {
    guard outputs.count == types.count else {
      throw Failure.value("\(name) has \(outputs.count) tensors, expected \(types.count)")
    }
    for (index, (output, type)) in zip(outputs, types).enumerated() {
      guard output.type == type else { throw Failure.value("\(name)[\(index)] is \(output.type), expected \(type)") }
      func checkApart(_ other: Buffer, _ what: @autoclosure () -> String) throws {
        guard output.overlaps(other) else { return }
        throw Failure.value("\(name)[\(index)] overlaps \(what()), expected memory of its own")
      }
      for (other, buffer) in outputs[..<index].enumerated() { try checkApart(buffer, "\(name)[\(other)]") }
      for (other, buffer) in inputs.enumerated() { try checkApart(buffer, "input \(other)") }
      for variable in graph.variables {
        try checkApart(Buffer(pointer: variable.pointer, type: variable.type), "variable \(variable.name)")
      }
    }
  }
}
