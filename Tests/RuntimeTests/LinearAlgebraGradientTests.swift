import Graph
import Runtime
import Tensor
import Testing

/// Gradients of factorizations against central differences in Double, of first and second order.
struct LinearAlgebraGradientTests {
  /// x·xᵀ + identity, so that the differences keep matrices symmetric and positive definite.
  private func definite(_ graph: Graph, _ x: Value, _ n: Int) throws -> Value {
    let product = try graph.add("matmul", [x, x], ["transpose_b": .bool(true)])[0]
    let unit = (0..<n * n).map { $0 % (n + 1) == 0 ? 1.0 + Double($0) / 7 : 0 }
    let constant = try unit.withUnsafeBytes { try graph.constant(TensorType(.float64, [n, n]), $0) }
    return try graph.add("add", [product, constant], [:])[0]
  }

  /// Checks y = build(x), and the gradient of Σ y³ by the first input.
  private func check(
    _ name: String, _ inputs: [Reference], unknownBatch: Bool = false,
    sourceLocation: SourceLocation = #_sourceLocation, _ build: @escaping (Graph, [Value]) throws -> Value
  ) throws {
    try checkGradients(name, inputs, unknownBatch: unknownBatch, sourceLocation: sourceLocation, build)
    try checkGradients(
      "\(name) twice", inputs, tolerance: 1e-5, unknownBatch: unknownBatch, sourceLocation: sourceLocation
    ) { graph, inputs in
      let y = try build(graph, inputs)
      let cube = try graph.add("multiply", [y, graph.add("square", [y], [:])[0]], [:])
      let gradients = try graph.gradients(of: [graph.add("sum", cube, [:])[0]], seeds: nil, for: inputs)
      return try #require(gradients[0])
    }
  }

  /// Outputs, flattened and joined.
  private func joined(_ graph: Graph, _ values: [Value]) throws -> Value {
    let flat = try values.map { try graph.add("reshape", [$0], ["shape": .ints([-1])])[0] }
    return try graph.add("concatenate", flat, ["axis": .int(0)])[0]
  }

  @Test func triangles() throws {
    for upper in [false, true] {
      try check("triangle", [Reference([2, 3, 4], seed: 3)], unknownBatch: true) {
        try $0.add("triangle", $1, ["upper": .bool(upper), "diagonal": .int(1)])[0]
      }
    }
  }

  @Test func choleskyFactors() throws {
    for shape in [[1, 1], [3, 3], [2, 3, 3]] {
      try check("cholesky \(shape)", [Reference(shape, seed: 4)]) {
        try $0.add("cholesky", [definite($0, $1[0], shape[1])], [:])[0]
      }
    }
  }

  @Test func luFactors() throws {
    for shape in [[1, 1], [3, 3], [2, 4], [4, 2], [2, 3, 3], [2, 2, 3], [2, 3, 2]] {
      try check("lu \(shape)", [Reference(shape, seed: 8)], unknownBatch: shape.count == 3) {
        try $0.add("lu", $1, [:])[0]
      }
    }
  }

  @Test(arguments: [false, true], [false, true])
  func triangularSystems(upper: Bool, transposed: Bool) throws {
    for (a, b) in [([3, 3], [3, 2]), ([2, 3, 3], [2, 3, 1]), ([3, 3], [2, 3, 2]), ([2, 1, 2, 2], [3, 2, 2])] {
      for unitDiagonal in [false, true] {
        let attributes: [String: AttributeValue] = [
          "upper": .bool(upper), "transpose": .bool(transposed), "unit_diagonal": .bool(unitDiagonal),
        ]
        let inputs = [Reference(a, seed: 5, in: 0.5...1.5), Reference(b, seed: 6)]
        try check("triangular_solve \(a) \(b) \(unitDiagonal)", inputs) {
          try $0.add("triangular_solve", $1, attributes)[0]
        }
      }
    }
  }

  @Test(arguments: [false, true])
  func solutions(transposed: Bool) throws {
    for (a, b) in [
      ([1, 1], [1, 1]), ([3, 3], [3, 2]), ([2, 3, 3], [2, 3, 2]), ([3, 3], [2, 3, 1]), ([2, 2, 2], [2, 3]),
    ] {
      try check("lu_solve \(a) \(b)", [Reference(a, seed: 7), Reference(b, seed: 9)]) { graph, x in
        let factors = try graph.add("lu", [x[0]], [:])
        return try graph.add("lu_solve", [x[0], factors[0], factors[2], x[1]], ["transpose": .bool(transposed)])[0]
      }
    }
  }

  @Test func orthonormalFactors() throws {
    let cases = [
      ([1, 1], false), ([3, 3], true), ([4, 2], false), ([2, 4], false), ([2, 4], true), ([2, 3, 2], false),
    ]
    for (shape, complete) in cases {
      for outputs in [[0, 1], [0], [1]] {
        try check("qr \(shape) \(outputs)", [Reference(shape, seed: 12)]) { graph, x in
          let factors = try graph.add("qr", x, ["complete": .bool(complete)])
          return try joined(graph, outputs.map { factors[$0] })
        }
      }
    }
  }

  @Test func eigenvaluesAndVectors() throws {
    for shape in [[1, 1], [3, 3], [2, 3, 3]] {
      for outputs in [[0, 1], [0], [1]] {
        try check("eigh \(shape) \(outputs)", [Reference(shape, seed: 14)]) { graph, x in
          let pairs = try graph.add("eigh", [definite(graph, x[0], shape[1])], [:])
          return try joined(graph, outputs.map { pairs[$0] })
        }
      }
    }
  }

  @Test func singularValuesAndVectors() throws {
    for shape in [[1, 1], [3, 3], [4, 2], [2, 4], [2, 3, 2]] {
      for outputs in [[0, 1, 2], [0], [1], [2]] {
        try check("svd \(shape) \(outputs)", [Reference(shape, seed: 16)]) { graph, x in
          let parts = try graph.add("svd", x, [:])
          return try joined(graph, outputs.map { parts[$0] })
        }
      }
      for attributes in [["compute_uv": .bool(false)], ["full": .bool(true)]] as [[String: AttributeValue]] {
        try check("svd \(shape) \(attributes)", [Reference(shape, seed: 16)]) {
          let parts = try $0.add("svd", $1, attributes)
          return parts.count == 1 ? parts[0] : parts[1]
        }
      }
    }
  }

  @Test func pseudoInverses() throws {
    for shape in [[1, 1], [3, 3], [4, 2], [2, 4], [2, 3, 2]] {
      try check("pseudo_inverse \(shape)", [Reference(shape, seed: 18)]) { graph, x in
        let parts = try graph.add("svd", x, [:])
        let row = try graph.add("expand_dims", [graph.add("reciprocal", [parts[1]], [:])[0]], ["axis": .int(-1)])
        let rows = try graph.add("multiply", [parts[2], row[0]], [:])[0]
        let product = try graph.add(
          "matmul", [rows, parts[0]], ["transpose_a": .bool(true), "transpose_b": .bool(true)])
        return try graph.add("pseudo_inverse", [product[0], x[0]], [:])[0]
      }
    }
  }

  @Test func whatHasNoGradientSaysSo() throws {
    func message(_ name: String, _ shape: Shape, _ attributes: [String: AttributeValue]) throws -> String {
      let graph = Graph()
      let x = try graph.input("x", TensorType(.float64, shape))
      let y = try graph.add("sum", [graph.add(name, [x], attributes)[0]], [:])
      do {
        _ = try graph.gradients(of: y, seeds: nil, for: [x])
        return "no error"
      } catch { return "\(error)" }
    }
    #expect(try message("qr", [4, 2], ["complete": .bool(true)]).contains("mode 'complete'"))
    #expect(try message("qr", [2, 4], ["complete": .bool(true)]) == "no error")
    #expect(try message("svd", [4, 2], ["full": .bool(true)]).contains("full_matrices=False"))
    #expect(try message("svd", [3, 3], ["full": .bool(true)]) == "no error")
  }
}
