import Graph
import Runtime
import Tensor
import Testing

/// Gradients of batch normalization beyond the plain first order: of groups, and of gradients.
struct BatchNormGradientTests {
  private func attributes(_ axis: Int, scale: Bool, center: Bool, groupSize: Int = 0) -> [String: AttributeValue] {
    var result: [String: AttributeValue] = [
      "axis": .int(axis), "epsilon": .double(1e-2), "scale": .bool(scale), "center": .bool(center),
    ]
    if groupSize > 0 { result["group_size"] = .int(groupSize) }
    return result
  }

  private func inputs(_ shape: [Int], _ channels: Int, scale: Bool, center: Bool) -> [Reference] {
    [Reference(shape, seed: 71)] + (scale ? [Reference([channels], seed: 72)] : [])
      + (center ? [Reference([channels], seed: 73)] : [])
  }

  static let shapes: [(shape: [Int], axis: Int)] = [([6, 3], -1), ([4, 3, 5], 1), ([3, 4, 2, 5], -1)]

  @Test(arguments: [1, 2, 3, 4, 10])
  func groups(size: Int) throws {
    for (shape, axis) in Self.shapes {
      for (scale, center) in [(true, true), (true, false), (false, true), (false, false)] {
        let channels = shape[axis < 0 ? axis + shape.count : axis]
        let attributes = attributes(axis, scale: scale, center: center, groupSize: size)
        for unknownBatch in [false, true] where !unknownBatch || scale && center {
          let inputs =
            unknownBatch ? [Reference(shape, seed: 71)] : inputs(shape, channels, scale: scale, center: center)
          try checkGradients(
            "groups of \(size) in \(shape)", inputs, tolerance: 1e-5, unknownBatch: unknownBatch
          ) { graph, values in
            var attributes = attributes
            if unknownBatch { (attributes["scale"], attributes["center"]) = (.bool(false), .bool(false)) }
            return try graph.add("batch_norm", values, attributes)[0]
          }
        }
      }
    }
  }

  @Test func moments() throws {
    for (shape, axis) in Self.shapes + [([7], 0), ([2, 3, 4], 0)] {
      for output in 0...1 {
        try checkGradients("moments of \(shape)", [Reference(shape, seed: 77)], tolerance: 1e-5) {
          try $0.add("moments", $1, ["axis": .int(axis)])[output]
        }
      }
    }
  }

  /// Groups give what separate batches give, statistics included.
  @Test(arguments: [1, 2, 3, 5, 7, 9])
  func groupsAreSeparateBatches(size: Int) throws {
    for (tail, axis) in [([4], -1), ([3, 5], 1), ([2, 5, 3], -1)] {
      let shape = [7] + tail
      let channels = shape[axis < 0 ? axis + shape.count : axis]
      let all = inputs(shape, channels, scale: true, center: true)
      func normalize(_ inputs: [Reference], _ attributes: [String: AttributeValue]) throws -> [Reference] {
        let graph = Graph()
        let values = try inputs.enumerated().map {
          try graph.input("x\($0)", TensorType(.float64, Shape($1.shape)))
        }
        return try run(Program(graph, outputs: try graph.add("batch_norm", values, attributes)), inputs)
      }
      let grouped = try normalize(all, attributes(axis, scale: true, center: true, groupSize: size))
      let perSample = tail.reduce(1, *)
      for (group, first) in stride(from: 0, to: 7, by: size).enumerated() {
        let rows = min(size, 7 - first)
        let part = Reference(
          [rows] + tail, Array(all[0].values[first * perSample..<(first + rows) * perSample]))
        let alone = try normalize([part] + all.dropFirst(), attributes(axis, scale: true, center: true))
        #expect(alone[0].values == Array(grouped[0].values[first * perSample..<(first + rows) * perSample]))
        for output in 1...3 {
          #expect(alone[output].values == Array(grouped[output].values[group * channels..<(group + 1) * channels]))
        }
      }
      #expect(grouped[1].shape == [(7 + size - 1) / size, channels])
    }
  }

  /// Gradients of gradients: d/d(x, γ, β) of Σ (∂L/∂x)² + Σ (∂L/∂γ)² + Σ (∂L/∂β)², with L = Σ w·y².
  @Test func secondOrder() throws {
    for (shape, axis) in Self.shapes {
      for (scale, center) in [(true, true), (true, false), (false, true), (false, false)] {
        let channels = shape[axis < 0 ? axis + shape.count : axis]
        let inputs = inputs(shape, channels, scale: scale, center: center)
        let statistics = [Reference([channels], seed: 74), Reference([channels], seed: 75, in: 0.5...2)]
        let weights = Reference(shape, seed: 76)
        for (name, statistics) in [("batch_norm", [Reference]()), ("batch_norm_inference", statistics)] {
          let sources = inputs.indices.upperBound + statistics.count
          try checkGradients(
            "\(name) twice, \(shape)", inputs + statistics + [weights], checking: Array(0..<sources), tolerance: 1e-4
          ) { graph, values in
            let y = try graph.add(
              name, Array(values.dropLast()), attributes(axis, scale: scale, center: center))[0]
            let square = try graph.add("square", [y], [:])[0]
            let loss = try graph.add("sum", graph.add("multiply", [square, values[values.count - 1]], [:]), [:])
            let first = try graph.gradients(of: loss, seeds: nil, for: Array(values[..<sources]))
            var total: Value?
            for gradient in first {
              let sum = try graph.add("sum", graph.add("square", [try #require(gradient)], [:]), [:])[0]
              total = try total.map { try graph.add("add", [$0, sum], [:])[0] } ?? sum
            }
            return try #require(total)
          }
        }
      }
    }
  }

  @Test func groupsAreChecked() throws {
    func text(_ attributes: [String: AttributeValue]) -> String {
      do {
        let graph = Graph()
        let x = try graph.input("x", TensorType(.float64, [4, 3]))
        _ = try graph.add("batch_norm", [x], attributes)
        return "no error"
      } catch { return "\(error)" }
    }
    let plain: [String: AttributeValue] = ["scale": .bool(false), "center": .bool(false)]
    #expect(text(plain.merging(["group_size": .int(-2)]) { $1 }).contains("group_size is -2, expected 1 or more"))
    #expect(text(plain.merging(["group_size": .int(2), "axis": .int(0)]) { $1 }).contains("axis is 0"))
  }
}
