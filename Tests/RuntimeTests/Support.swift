import Graph
import Runtime
import Tensor
import Testing

/// An array with a shape, in Double: what tests compute with.
struct Reference {
  var shape: [Int]
  var values: [Double]

  init(_ shape: [Int], _ values: [Double]) {
    self.shape = shape
    self.values = values
  }

  /// Deterministic values, no two alike, away from kinks at 0 and from ties.
  init(_ shape: [Int], seed: UInt64, in range: ClosedRange<Double> = -1...1) {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    self.shape = shape
    values = (0..<shape.reduce(1, *)).map { _ in
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      let unit = Double(state >> 11) / Double(1 << 53)
      let value = range.lowerBound + unit * (range.upperBound - range.lowerBound)
      return abs(value) < 0.02 ? 0.05 : value
    }
  }
}

func attributes(_ pairs: [String: AttributeValue]) -> [String: AttributeValue] { pairs }

/// Runs a program on float64 inputs.
func run(_ program: Program, _ inputs: [Reference]) throws -> [Reference] {
  var storage = inputs.map(\.values)
  var buffers: [Buffer] = []
  for index in storage.indices {
    let shape = Shape(inputs[index].shape)
    storage[index].withUnsafeMutableBytes {
      buffers.append(Buffer(pointer: $0.baseAddress, type: TensorType(.float64, shape)))
    }
  }
  return try withExtendedLifetime(storage) {
    try buffers.withUnsafeBufferPointer { buffers in
      let types = try program.prepare(buffers, rows: nil)
      let outputs = try types.map { try Storage(byteCount: $0.byteCount) }
      try outputs.map(\.pointer).withUnsafeBufferPointer {
        try program.run(buffers, rows: nil, outputs: $0)
      }
      return zip(types, outputs).map { type, memory in
        Reference(
          type.shape.dims,
          (0..<type.shape.count).map {
            switch type.dtype {
            case .float64: memory.pointer.load(fromByteOffset: $0 * 8, as: Double.self)
            case .float32: Double(memory.pointer.load(fromByteOffset: $0 * 4, as: Float.self))
            case .int64: Double(memory.pointer.load(fromByteOffset: $0 * 8, as: Int64.self))
            default: Double(memory.pointer.load(fromByteOffset: $0, as: UInt8.self))
            }
          })
      }
    }
  }
}

/// Builds a graph of float64 inputs with `build`, whose result is weighted by fixed numbers and summed, and compares
/// each input's gradient with central differences. Batch extents are declared unknown when `unknownBatch` is set.
func checkGradients(
  _ name: String, _ inputs: [Reference], checking: [Int]? = nil, tolerance: Double = 1e-6, unknownBatch: Bool = false,
  sourceLocation: SourceLocation = #_sourceLocation, _ build: (Graph, [Value]) throws -> Value
) throws {
  let graph = Graph()
  let values = try inputs.enumerated().map { index, input in
    var dims = input.shape
    if unknownBatch && !dims.isEmpty { dims[0] = Shape.unknown }
    return try graph.input("x\(index)", TensorType(.float64, Shape(dims)))
  }
  let result = try build(graph, values)
  // Weights that depend on the position: cos(0), cos(1), …
  let flat = try graph.add("reshape", [result], ["shape": .ints([-1])])[0]
  let probe = try run(Program(graph, outputs: [flat]), inputs)[0]
  let weights = probe.values.indices.map { 0.5 + 0.5 * Double(($0 * 7 + 3) % 11) / 11 }
  let constant = try weights.withUnsafeBytes { try graph.constant(TensorType(.float64, [weights.count]), $0) }
  let loss = try graph.add("sum", [try graph.add("multiply", [flat, constant], [:])[0]], [:])[0]
  let wanted = checking ?? Array(inputs.indices)
  let gradients = try graph.gradients(of: [loss], seeds: nil, for: wanted.map { values[$0] })
  let forward = try Program(graph, outputs: [loss])
  let backward = try Program(graph, outputs: gradients.map { try #require($0) })
  let observed = try run(backward, inputs)
  let step = 1e-6
  for (position, index) in wanted.enumerated() {
    #expect(
      observed[position].shape == inputs[index].shape, "\(name): shape of gradient \(index)",
      sourceLocation: sourceLocation)
    for element in inputs[index].values.indices {
      var (up, down) = (inputs, inputs)
      up[index].values[element] += step
      down[index].values[element] -= step
      let difference = (try run(forward, up)[0].values[0] - run(forward, down)[0].values[0]) / (2 * step)
      let value = observed[position].values[element]
      let isClose = abs(value - difference) <= tolerance * max(1, abs(difference)) * 10
      #expect(
        isClose, "\(name): gradient \(index)[\(element)] is \(value), differences give \(difference)",
        sourceLocation: sourceLocation)
      if !isClose { return }
    }
  }
}
