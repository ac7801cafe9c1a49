import Graph
import Tensor
import Testing

private func message(_ body: () throws -> Void) -> String {
  do {
    try body()
    return "no error"
  } catch { return "\(error)" }
}

/// Shape rules and what they say when shapes do not fit.
struct GraphTests {
  private func infer(_ name: String, _ shapes: [[Int]], _ attributes: [String: AttributeValue] = [:]) throws -> Shape {
    let graph = Graph()
    let inputs = try shapes.enumerated().map {
      try graph.input("\($0.offset)", TensorType(.float32, Shape($0.element)))
    }
    return try graph.type(of: graph.add(name, inputs, attributes)[0]).shape
  }

  @Test func unknownBatchStaysUnknown() throws {
    #expect(try infer("conv2d", [[-1, 28, 28, 1], [3, 3, 1, 32]]) == [-1, 26, 26, 32])
    #expect(try infer("conv2d", [[-1, 28, 28, 1], [3, 3, 1, 32]], ["padding": .string("same")]) == [-1, 28, 28, 32])
    #expect(try infer("max_pool2d", [[-1, 11, 11, 64]], ["pool_size": .ints([2, 2])]) == [-1, 5, 5, 64])
    #expect(try infer("flatten", [[-1, 5, 5, 64]]) == [-1, 1600])
    #expect(try infer("matmul", [[-1, 1600], [1600, 10]]) == [-1, 10])
    #expect(try infer("batch_norm", [[-1, 4], [4], [4]]) == [-1, 4])
    #expect(try infer("mean", [[-1, 4, 5]], ["axes": .ints([1])]) == [-1, 5])
    #expect(try infer("reshape", [[-1, 4, 5]], ["shape": .ints([-1, 20])]) == [-1, 20])
    #expect(try infer("concatenate", [[-1, 4], [-1, 5]], ["axis": .int(-1)]) == [-1, 9])
    #expect(
      try infer("slice", [[-1, 4]], ["begin": .ints([0, 1]), "end": .ints([1 << 62, 3]), "strides": .ints([1, 1])])
        == [-1, 2])
  }

  @Test func samePaddingIsTensorFlows() throws {
    let same: [String: AttributeValue] = ["padding": .string("same"), "strides": .ints([2, 2])]
    #expect(try infer("conv2d", [[1, 7, 8, 1], [3, 3, 1, 1]], same) == [1, 4, 4, 1])
  }

  @Test func convolutionsByGroupsOverVolumesAndTransposed() throws {
    #expect(try infer("conv2d", [[-1, 8, 8, 6], [3, 3, 2, 9]], ["groups": .int(3)]) == [-1, 6, 6, 9])
    let pads: [String: AttributeValue] = ["padding": .string("explicit"), "pads": .ints([0, 4, 0, 0])]
    #expect(try infer("conv2d", [[2, 1, 8, 6], [1, 3, 6, 9]], pads) == [2, 1, 10, 9])
    #expect(try infer("conv3d", [[-1, 8, -1, 9, 2], [2, 3, 3, 2, 4]]) == [-1, 7, -1, 7, 4])
    #expect(try infer("max_pool3d", [[-1, 5, 6, 7, 2]], ["pool_size": .ints([2, 3, 2])]) == [-1, 2, 2, 3, 2])
    let same: [String: AttributeValue] = ["strides": .ints([2, 3]), "padding": .string("same")]
    #expect(try infer("conv2d_transpose", [[-1, 4, 5, 2], [3, 3, 7, 2]], same) == [-1, 8, 15, 7])
    let wide: [String: AttributeValue] = ["strides": .ints([2, 3])]
    #expect(try infer("conv2d_transpose", [[-1, 4, -1, 2], [3, 2, 7, 2]], wide) == [-1, 9, -1, 7])
    let extra = wide.merging(["output_padding": .ints([1, 0])]) { first, _ in first }
    #expect(try infer("conv2d_transpose", [[-1, 4, 5, 2], [3, 2, 7, 2]], extra) == [-1, 10, 14, 7])
    #expect(
      message { _ = try infer("conv2d", [[1, 8, 8, 6], [3, 3, 2, 8]], ["groups": .int(3)]) }
        .contains("multiple of groups = 3"))
    #expect(
      message { _ = try infer("conv2d", [[1, 8, 8, 5], [3, 3, 2, 9]], ["groups": .int(3)]) }
        .contains("expected C_in = 2 · 3 groups"))
    #expect(
      message { _ = try infer("conv2d", [[1, 8, 8, 2], [3, 3, 2, 9]], ["groups": .int(0)]) }.contains("groups is 0"))
    #expect(message { _ = try infer("conv3d", [[1, 8, 8, 2], [3, 3, 2, 9]]) }.contains("expected rank 5"))
    #expect(
      message { _ = try infer("conv2d_transpose", [[1, 8, 8, 2], [3, 3, 2, 9]]) }.contains("expected C_in = 9"))
  }

  @Test func matricesKeepTheirBatch() throws {
    #expect(try infer("cholesky", [[-1, 3, 3]]) == [-1, 3, 3])
    #expect(try infer("triangular_solve", [[3, 3], [-1, 3, 2]]) == [-1, 3, 2])
    #expect(try infer("qr", [[-1, 2, 5, 3]]) == [-1, 2, 5, 3])
    #expect(try infer("qr", [[-1, 5, 3]], ["complete": .bool(true)]) == [-1, 5, 5])
    #expect(try infer("svd", [[-1, 5, 3]], ["compute_uv": .bool(false)]) == [-1, 3])
    #expect(
      message { _ = try infer("cholesky", [[2, 3]]) }
        == "cholesky: x has shape (2, 3), expected square matrices (..., M, M)")
    #expect(message { _ = try infer("lu", [[-1, -1]]) }.contains("the last two extents to be known"))
    #expect(message { _ = try infer("eigh", [[3]]) }.contains("rank >= 2"))
    #expect(message { _ = try infer("triangular_solve", [[3, 3], [2, 2]]) }.contains("expected 3 rows"))
    #expect(message { _ = try infer("lu_solve", [[3, 3], [3, 3], [3], [3, 1]]) }.contains("expected int64(3,)"))
  }

  @Test func misfitsAreNamed() {
    #expect(
      message { _ = try infer("conv2d", [[1, 8, 8, 3], [3, 3, 4, 8]]) }
        == "conv2d: x has shape (1, 8, 8, 3), w has shape (3, 3, 4, 8) = (KH, KW, C_in, C_out): x has 3 channels,"
        + " expected C_in = 4")
    #expect(
      message { _ = try infer("batch_norm", [[2, 4], [3], [4]]) }
        == "batch_norm: gamma has shape (3,), expected (C,) = (4,) for x of shape (2, 4) and axis -1")
    #expect(message { _ = try infer("batch_norm", [[4], [4], [4]]) }.contains("rank >= 2"))
    #expect(
      message { _ = try infer("batch_norm", [[2, 4], [4], [4]], ["epsilon": .double(.nan)]) }.contains("epsilon is nan")
    )
    #expect(message { _ = try infer("matmul", [[2, 3], [4, 5]]) }.contains("inner extents 3 and 4 differ"))
    #expect(message { _ = try infer("add", [[2, 3], [4]]) }.contains("cannot be broadcast"))
    #expect(message { _ = try infer("relu", [[2]], ["slope": .int(1)]) } == "relu: unknown attribute slope")
    #expect(message { _ = try infer("nonsense", [[2]]) } == "unknown operation 'nonsense'")
    #expect(message { _ = try infer("clip", [[2]], ["minimum": .string("a")]) }.contains("expected a number"))
    #expect(message { _ = try infer("conv2d", [[1, 2, 2, 1], [3, 3, 1, 1]]) }.contains("smaller than the window"))
    #expect(message { _ = try infer("max", [[2, 0]], ["axes": .ints([1])]) }.contains("no empty axis"))
  }

  @Test func assignmentsAreChecked() throws {
    final class State: StateVariable {
      let name = "w"
      let type = TensorType(.float32, [3])
      var pointer: UnsafeMutableRawPointer { UnsafeMutableRawPointer(bitPattern: 64)! }
    }
    let (graph, state) = (Graph(), State())
    let wrong = try graph.input("x", TensorType(.float32, [4]))
    #expect(throws: Failure.self) { try graph.assign(state, wrong) }
    let first = try graph.variable(state)
    #expect(try graph.variable(state) == first)
    #expect(try graph.producer(of: first).name == "variable")
  }
}
