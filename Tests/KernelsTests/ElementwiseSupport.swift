import Testing

/// Runs `body` on copies of the arrays that start one element after an aligned address, with an output guarded by a
/// sentinel on either side.
func runGuarded<T: BinaryFloatingPoint>(
  _ inputs: [[T]], count: Int, _ body: ([UnsafePointer<T>], UnsafeMutablePointer<T>) -> Void,
  sourceLocation: SourceLocation = #_sourceLocation
) -> [T] {
  let copies = inputs.map { input in
    let copy = UnsafeMutablePointer<T>.allocate(capacity: input.count + 1)
    for (i, value) in input.enumerated() { (copy + 1 + i).initialize(to: value) }
    return copy
  }
  defer { for copy in copies { copy.deallocate() } }
  let sentinel = T(12_345)
  var output = [T](repeating: sentinel, count: count + 2)
  output.withUnsafeMutableBufferPointer { buffer in
    body(copies.map { UnsafePointer($0 + 1) }, buffer.baseAddress! + 1)
  }
  #expect(output.first == sentinel && output.last == sentinel, "wrote outside", sourceLocation: sourceLocation)
  return Array(output.dropFirst().dropLast())
}

/// Distance from 1 to the next number of the type.
func roundoff<T: BinaryFloatingPoint>(_: T.Type) -> Double { Double(T.ulpOfOne) }
