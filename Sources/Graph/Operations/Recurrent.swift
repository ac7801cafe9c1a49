import Tensor

/// A recurrent layer over whole sequences: `simple_rnn`, `lstm` or `gru`, from the projections of its inputs.
///
/// Inputs: x·W + b as (N, T, G·U) with G blocks of U units (LSTM: input, forget, candidate, output; GRU: update, reset,
/// candidate), the recurrent kernel (U, G·U), and where the attributes say so a recurrent bias (G·U,) (GRU whose reset
/// gate comes after the product), the first state (N, U), the LSTM's first cell (N, U), and a mask (N, T): where it is
/// false the states stay as they are.
///
/// Outputs: the states (N, T, U) in the order of the steps, the last one (N, U); an LSTM's last cell (N, U); then what
/// the gradient needs, which has none itself: an LSTM's cells (N, T, U) and gates (N, T, 4U); a GRU's gates (N, T, 3U)
/// and inner products (N, T, U).
public struct Recurrent: Operation {
  public enum Kind: Hashable, Sendable {
    case simple
    case lstm
    case gru(resetsAfter: Bool)
  }

  public enum Activation: String, CaseIterable, Sendable {
    case linear, tanh, sigmoid, relu
    case hardSigmoid = "hard_sigmoid"
  }

  public let kind: Kind
  /// Of candidates and outputs, and of gates.
  public let activation: Activation
  public let gateActivation: Activation
  public let isReversed: Bool
  public let hasBias: Bool
  public let hasState: Bool
  public let hasMask: Bool

  public var name: String {
    switch kind {
    case .simple: "simple_rnn"
    case .lstm: "lstm"
    case .gru: "gru"
    }
  }

  /// Blocks of units in the projections.
  public var blocks: Int {
    switch kind {
    case .simple: 1
    case .lstm: 4
    case .gru: 3
    }
  }

  // Positions among the inputs.
  public var biasIndex: Int? { hasBias ? 2 : nil }
  public var stateIndex: Int? { hasState ? (hasBias ? 3 : 2) : nil }
  public var cellIndex: Int? { hasState && kind == .lstm ? 3 : nil }
  public var maskIndex: Int? { hasMask ? inputCount - 1 : nil }
  public var inputCount: Int {
    2 + (hasBias ? 1 : 0) + (hasState ? (kind == .lstm ? 2 : 1) : 0) + (hasMask ? 1 : 0)
  }

  /// Outputs that may have gradients.
  public var resultCount: Int { kind == .lstm ? 3 : 2 }
  /// A GRU's inner products, where the recurrent kernel multiplies them.
  private var innerOutput: Int? { kind == .gru(resetsAfter: false) ? 3 : nil }
  public var gatesOutput: Int? {
    switch kind {
    case .simple: nil
    case .lstm: 4
    case .gru: 2
    }
  }

  init(_ reader: inout AttributeReader, _ kind: Kind) throws {
    func activation(_ name: String, _ fallback: Activation) throws -> Activation {
      let text = try reader.string(name, default: fallback.rawValue)
      guard let found = Activation(rawValue: text) else {
        let known = Activation.allCases.map(\.rawValue).joined(separator: ", ")
        throw Failure.value("\(reader.operation): \(name) is '\(text)', expected one of \(known)")
      }
      return found
    }
    self.activation = try activation("activation", .tanh)
    gateActivation = kind == .simple ? .linear : try activation("recurrent_activation", .sigmoid)
    isReversed = try reader.bool("go_backwards", default: false)
    hasState = try reader.bool("has_state", default: false)
    hasMask = try reader.bool("has_mask", default: false)
    if case .gru = kind {
      let resetsAfter = try reader.bool("reset_after", default: true)
      hasBias = try reader.bool("has_bias", default: false)
      guard resetsAfter || !hasBias else {
        throw Failure.value("gru: has_bias is true, expected false as reset_after is false")
      }
      self.kind = .gru(resetsAfter: resetsAfter)
    } else {
      hasBias = false
      self.kind = kind
    }
  }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: inputCount)
    let (x, kernel) = (inputs[0], inputs[1])
    try expectFloat(x, "x")
    try expectRank(x, 3, "x")
    try expectSame(x, kernel, ("x", "recurrent_kernel"))
    try expectRank(kernel, 2, "recurrent_kernel")
    let units = kernel.shape[1] / blocks
    guard units > 0, kernel.shape[1] == blocks * units, kernel.shape[0] == units || kernel.shape[0] == Shape.unknown
    else {
      throw Failure.value(
        "\(name): recurrent_kernel has shape \(kernel.shape), expected (units, \(blocks)*units) with units >= 1")
    }
    guard x.shape[2] == blocks * units || x.shape[2] == Shape.unknown else {
      throw Failure.value(
        "\(name): x has shape \(x.shape), expected (N, T, \(blocks * units)) for recurrent_kernel of shape"
          + " \(kernel.shape)")
    }
    let (batch, steps) = (x.shape[0], x.shape[1])
    guard steps != 0 else {
      throw Failure.value("\(name): x has shape \(x.shape), expected at least one time step")
    }
    let row = TensorType(x.dtype, [batch, units])
    var wanted: [(Int?, String, TensorType)] = [
      (biasIndex, "recurrent_bias", TensorType(x.dtype, [blocks * units])), (stateIndex, "initial_state", row),
    ]
    wanted += [(cellIndex, "initial_cell", row), (maskIndex, "mask", TensorType(.bool, [batch, steps]))]
    for case (let index?, let argument, let type) in wanted {
      guard inputs[index].dtype == type.dtype, inputs[index].shape.isCompatible(with: type.shape) else {
        throw Failure.value("\(name): \(argument) is \(inputs[index]), expected \(type)")
      }
    }
    let (states, gates) = (
      TensorType(x.dtype, [batch, steps, units]), TensorType(x.dtype, [batch, steps, blocks * units])
    )
    switch kind {
    case .simple: return [states, row]
    case .lstm: return [states, row, row, states, gates]
    case .gru: return [states, row, gates, states]
    }
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    for (index, gradient) in g.outputGradients.enumerated().dropFirst(resultCount) where gradient != nil {
      guard index == innerOutput else {
        throw Failure.value("\(name): what is kept for the gradient has no gradient itself")
      }
    }
    // Only the gradient of a gradient reaches them.
    if let index = innerOutput, g.outputGradients[index] != nil { return try unrolledGradient(g) }
    let units = g.type(g.inputs[1]).shape[1] / blocks
    let present = g.outputGradients[..<resultCount].map { $0 != nil }
    let saved = [g.outputs[0]] + g.outputs[resultCount...]
    let operation = RecurrentGradient(forward: self, present: present)
    let all = try g.graph.add(
      operation, g.outputGradients.compactMap { $0 } + saved + g.inputs)
    var result = [Value?](repeating: nil, count: g.inputs.count)
    result[0] = all[0]
    if let index = stateIndex { result[index] = all[2] }
    if let index = cellIndex { result[index] = all[3] }

    // The recurrent kernel multiplied the states before the steps, all steps at once here.
    func rows(_ value: Value, _ width: Int) throws -> Value { try g.add(Reshape(.shape([-1, width])), value) }
    func product(_ a: Value, _ b: Value) throws -> Value {
      try g.add(MatrixMultiply(transposeA: true, transposeB: false), a, b)
    }
    let previous = try rows(all[1], units)
    let dProduct = try rows(operation.productOutput.map { all[$0] } ?? all[0], blocks * units)
    if let index = biasIndex { result[index] = try g.add(Reduction(kind: .sum, axes: [0], keepsDims: false), dProduct) }
    if !g.needed[1] { return result }
    guard case .gru(resetsAfter: false) = kind else {
      result[1] = try product(previous, dProduct)
      return result
    }
    func columns(_ range: Range<Int>) throws -> Value {
      try g.add(
        Slice(begin: [0, range.lowerBound], end: [Shape.maximumCount, range.upperBound], strides: [1, 1]), dProduct)
    }
    let gates = try product(previous, columns(0..<2 * units))
    let candidate = try product(rows(g.outputs[3], units), columns(2 * units..<3 * units))
    result[1] = try g.add(Concatenate(axis: 1), gates, candidate)
    return result
  }
}

/// Back through time. Inputs: the gradients that are present, the states and what else was kept, then the inputs of the
/// forward operation, the projections for gradients of this gradient only. Outputs: gradients of the projections; the states that the steps began with
/// (N, T, U) in the order of the inputs; gradients of the first state and cell; where the GRU's reset gate comes after
/// the product, the gradient of that (N, T, 3U).
public struct RecurrentGradient: Operation {
  public let forward: Recurrent
  /// Which results have gradients.
  public let present: [Bool]
  public var name: String { "\(forward.name)_gradient" }

  public var presentCount: Int { present.filter { $0 }.count }
  /// Where the gradient of result `index` is among the inputs.
  public func gradientIndex(_ index: Int) -> Int? {
    index < present.count && present[index] ? present[..<index].filter { $0 }.count : nil
  }
  /// Where what the forward operation kept begins (the states), and where its inputs do.
  public var savedIndex: Int { presentCount }
  public var inputsIndex: Int {
    switch forward.kind {
    case .simple: savedIndex + 1
    case .lstm, .gru: savedIndex + 3
    }
  }
  /// The gates took the memory of the projections.
  public var shapeOnlyInputs: [Int] { [inputsIndex] }
  public var productOutput: Int? { forward.kind == .gru(resetsAfter: true) ? 3 : nil }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    let states = inputs[savedIndex]
    let (batch, steps, units) = (states.shape[0], states.shape[1], states.shape[2])
    let gates = TensorType(states.dtype, [batch, steps, forward.blocks * units])
    let row = TensorType(states.dtype, [batch, units])
    switch forward.kind {
    case .simple, .gru(resetsAfter: false): return [gates, states, row]
    case .lstm: return [gates, states, row, row]
    case .gru: return [gates, states, row, gates]
    }
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] { try unrolledGradient(g) }
}

let recurrentFactories: [String: OperationFactory] = [
  "simple_rnn": { try Recurrent(&$0, .simple) },
  "lstm": { try Recurrent(&$0, .lstm) },
  "gru": { try Recurrent(&$0, .gru(resetsAfter: true)) },
]
