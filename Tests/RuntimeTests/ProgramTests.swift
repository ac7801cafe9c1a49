import Graph
import Runtime
import Tensor
import Testing

/// A caller's array for a run.
private struct HostArray {
  var type: TensorType
  var bytes: [UInt8]

  init<T>(_ dtype: DType, _ shape: [Int], _ values: [T]) {
    type = TensorType(dtype, Shape(shape))
    bytes = values.withUnsafeBytes { Array($0) }
  }
}

private func run(_ program: Program, _ inputs: [HostArray], rows: [Int64]? = nil) throws -> [[Double]] {
  var storage = inputs.map(\.bytes)
  let buffers = storage.indices.map { index in
    storage[index].withUnsafeMutableBytes { Buffer(pointer: $0.baseAddress, type: inputs[index].type) }
  }
  return try withExtendedLifetime(storage) {
    try buffers.withUnsafeBufferPointer { buffers in
      let types = try program.prepare(buffers, rows: rows?.count)
      let outputs = try types.map { try Storage(byteCount: $0.byteCount) }
      try outputs.map(\.pointer).withUnsafeBufferPointer { pointers in
        if let rows {
          try rows.withUnsafeBufferPointer { try program.run(buffers, rows: $0, outputs: pointers) }
        } else {
          try program.run(buffers, rows: nil, outputs: pointers)
        }
      }
      return zip(types, outputs).map { values(of: $0, $1.pointer) }
    }
  }
}

private func values(of type: TensorType, _ pointer: UnsafeMutableRawPointer) -> [Double] {
  (0..<type.shape.count).map {
    switch type.dtype {
    case .float32: Double(pointer.load(fromByteOffset: 4 * $0, as: Float.self))
    case .float64: pointer.load(fromByteOffset: 8 * $0, as: Double.self)
    case .int32: Double(pointer.load(fromByteOffset: 4 * $0, as: Int32.self))
    case .int64: Double(pointer.load(fromByteOffset: 8 * $0, as: Int64.self))
    default: Double(pointer.load(fromByteOffset: $0, as: UInt8.self))
    }
  }
}

private func variable(_ name: String, _ shape: [Int], _ values: [Float]) throws -> Variable {
  let variable = try Variable(name: name, type: TensorType(.float32, Shape(shape)))
  for (index, value) in values.enumerated() {
    variable.pointer.storeBytes(of: value, toByteOffset: 4 * index, as: Float.self)
  }
  return variable
}

private func text(_ body: () throws -> Void) -> String {
  do {
    try body()
    return "no error"
  } catch { return "\(error)" }
}

/// Programs: plans per shape, gathering, conversion, assignments, failures that change nothing.
struct ProgramTests {
  @Test func rowsAreGatheredAndConverted() throws {
    let graph = Graph()
    let x = try graph.input("x", TensorType(.float32, [-1, 3]))
    let labels = try graph.input("labels", TensorType(.int32, [-1]))
    let program = try Program(
      graph, outputs: [try graph.add("identity", [x], [:])[0], try graph.add("identity", [labels], [:])[0]])
    let images = HostArray(.uint8, [4, 3], (0..<12).map { UInt8(20 * $0) })
    let truth = HostArray(.int64, [4], [7, 8, 9, 10] as [Int64])
    let rows = try run(program, [images, truth], rows: [3, 0, 3])
    #expect(rows == [[180, 200, 220, 0, 20, 40, 180, 200, 220], [10, 7, 10]])
    #expect(try run(program, [images, truth]) == [(0..<12).map { Double(20 * $0) }, [7, 8, 9, 10]])
    #expect(try run(program, [images, truth], rows: []) == [[], []])
    let doubles = HostArray(.float64, [4, 3], (0..<12).map { 0.5 * Double($0) })
    #expect(try run(program, [doubles, truth], rows: [1])[0] == [1.5, 2, 2.5])
  }

  @Test func rowsAndLabelsThatDoNotFitAreRefused() throws {
    let graph = Graph()
    let x = try graph.input("x", TensorType(.float32, [-1, 2]))
    let labels = try graph.input("labels", TensorType(.int32, [-1]))
    let program = try Program(
      graph, outputs: [try graph.add("identity", [x], [:])[0], try graph.add("identity", [labels], [:])[0]])
    let data = HostArray(.float32, [3, 2], [Float](repeating: 1, count: 6))
    let good = HostArray(.int64, [3], [0, 1, 2] as [Int64])
    #expect(text { _ = try run(program, [data, good], rows: [0, 3]) } == "run: indices[1] is 3, expected 0..<3")
    #expect(text { _ = try run(program, [data, good], rows: [-1]) } == "run: indices[0] is -1, expected 0..<3")
    let short = HostArray(.int64, [2], [0, 1] as [Int64])
    #expect(text { _ = try run(program, [data, short], rows: [0]) }.contains("as many rows as input x"))
    #expect(text { _ = try run(program, [data]) } == "run: got 1 inputs, expected 2")
    for value in [1.5, .nan, .infinity, 3e9] {
      let bad = HostArray(.float64, [3], [0, value, 2])
      let message = text { _ = try run(program, [data, bad]) }
      #expect(message.contains("input labels: element 1 is \(value)"), "\(message)")
      #expect(text { _ = try run(program, [data, bad], rows: [2, 0]) } == "no error")
    }
    for value in [1 << 40, -(1 << 31) - 1] as [Int64] {
      let bad = HostArray(.int64, [3], [0, value, 2])
      let message = text { _ = try run(program, [data, bad]) }
      #expect(message.contains("input labels: element 1 is \(value)"), "\(message)")
      #expect(text { _ = try run(program, [data, bad], rows: [2, 1]) }.contains("element 1 is \(value)"))
      #expect(text { _ = try run(program, [data, bad], rows: [2, 0]) } == "no error")
    }
  }

  /// Readers of a variable see its old value, however assignments are ordered.
  @Test func assignmentsHappenTogether() throws {
    let graph = Graph()
    let (a, b) = (try variable("a", [2], [1, 2]), try variable("b", [2], [10, 20]))
    let (x, y) = (try graph.variable(a), try graph.variable(b))
    try graph.assign(a, try graph.add("identity", [y], [:])[0])
    try graph.assign(b, try graph.add("identity", [x], [:])[0])
    let program = try Program(graph, outputs: [try graph.add("add", [x, y], [:])[0]])
    #expect(try run(program, []) == [[11, 22]])
    #expect(values(of: a.type, a.pointer) == [10, 20] && values(of: b.type, b.pointer) == [1, 2])
    #expect(try run(program, []) == [[11, 22]])
    #expect(values(of: a.type, a.pointer) == [1, 2] && values(of: b.type, b.pointer) == [10, 20])
  }

  @Test func aVariableIsUpdatedInPlaceAfterItsLastReader() throws {
    let graph = Graph()
    let w = try variable("w", [3], [1, 2, 3])
    let address = w.pointer
    let value = try graph.variable(w)
    let next = try graph.add("multiply", [value, value], [:])[0]
    try graph.assign(w, next)
    // Reads the old value although it comes after the new one has been formed.
    let difference = try graph.add("subtract", [next, value], [:])[0]
    let program = try Program(graph, outputs: [difference])
    #expect(try run(program, []) == [[0, 2, 6]])
    #expect(w.pointer == address && values(of: w.type, w.pointer) == [1, 4, 9])
  }

  @Test func aRunThatFailsChangesNothing() throws {
    let graph = Graph()
    let w = try variable("w", [2, 3], [1, 2, 3, 4, 5, 6])
    let labels = try graph.input("labels", TensorType(.int32, [2]))
    let logits = try graph.variable(w)
    let losses = try graph.add("sparse_softmax_cross_entropy", [logits, labels], [:])[0]
    try graph.assign(w, try graph.add("negative", [logits], [:])[0])
    let program = try Program(graph, outputs: [losses])
    for bad in [3, -1] as [Int32] {
      let message = text { _ = try run(program, [HostArray(.int32, [2], [0, bad])]) }
      #expect(message.contains("\(bad)"), "\(message)")
      #expect(values(of: w.type, w.pointer) == [1, 2, 3, 4, 5, 6])
    }
    _ = try run(program, [HostArray(.int32, [2], [0, 2] as [Int32])])
    #expect(values(of: w.type, w.pointer) == [-1, -2, -3, -4, -5, -6])
  }

  /// Neither by a copy of an input, nor by a value that the check itself needs.
  @Test func checksComeBeforeAllWriting() throws {
    let graph = Graph()
    let (copied, counter) = (try variable("copied", [3], [1, 2, 3]), try variable("counter", [2], [0, 1]))
    let x = try graph.input("x", TensorType(.float32, [3]))
    let table = try graph.input("table", TensorType(.float32, [4]))
    try graph.assign(copied, x)
    let one = try [Float](repeating: 1, count: 2).withUnsafeBytes {
      try graph.constant(TensorType(.float32, [2]), $0)
    }
    let next = try graph.add("add", [try graph.variable(counter), one], [:])[0]
    try graph.assign(counter, next)
    let index = try graph.add("cast", [next], ["dtype": .string("int32")])[0]
    let program = try Program(graph, outputs: try graph.add("take", [table, index], ["axis": .int(0)]))
    let inputs = [
      HostArray(.float32, [3], [7, 8, 9] as [Float]), HostArray(.float32, [4], [10, 11, 12, 13] as [Float]),
    ]
    #expect(try run(program, inputs) == [[11, 12]])
    #expect(try run(program, inputs) == [[12, 13]])
    #expect(values(of: copied.type, copied.pointer) == [7, 8, 9])
    let other = [HostArray(.float32, [3], [4, 5, 6] as [Float]), inputs[1]]
    #expect(text { _ = try run(program, other) }.contains("index 4 at position 1"))
    #expect(values(of: copied.type, copied.pointer) == [7, 8, 9])
    #expect(values(of: counter.type, counter.pointer) == [2, 3])
  }

  @Test func requirementsHoldForTheWholeGraph() throws {
    let graph = Graph()
    let w = try variable("w", [2], [1, 2])
    let x = try graph.input("x", TensorType(.float32, [2]))
    try graph.assign(w, try graph.add("add", [try graph.variable(w), x], [:])[0])
    let zero = try withUnsafeBytes(of: Float(0)) { try graph.constant(TensorType(.float32, []), $0) }
    let positive = try graph.add("greater", [x, zero], [:])
    _ = try graph.add("require", positive, ["message": .string("x has to be positive")])
    let program = try Program(graph, outputs: [])
    _ = try run(program, [HostArray(.float32, [2], [1, 1] as [Float])])
    #expect(text { _ = try run(program, [HostArray(.float32, [2], [1, -1] as [Float])]) } == "x has to be positive")
    #expect(values(of: w.type, w.pointer) == [2, 3])
  }

  @Test func plansAreKeptPerShapeAndNotWithoutEnd() throws {
    let graph = Graph()
    let x = try graph.input("x", TensorType(.float32, [-1]))
    let program = try Program(graph, outputs: [try graph.add("softplus", [x], [:])[0]])
    func zeros(_ extent: Int) -> HostArray { HostArray(.float32, [extent], [Float](repeating: 0, count: extent)) }
    for extent in [3, 5, 3, 5, 3] { _ = try run(program, [zeros(extent)]) }
    #expect(program.summaries.map { $0.inputs[0].shape.dims } == [[3], [5]])
    for extent in 0..<100 { _ = try run(program, [zeros(extent)]) }
    #expect(program.summaries.count <= 32)
    #expect(program.summaries.last?.inputs[0].shape.dims == [99])
  }
}
