import Graph
import Runtime
import Tensor
import Testing

/// A generator of fixed seed (SplitMix64).
private struct Dice: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Whatever the compiler shares, views, fuses or updates in place, results are those of a plan that may do none of it.
struct RandomGraphTests {
  /// Every value of a random graph, computed with all values asked for (so that each needs memory of its own and
  /// nothing can be fused), against each alone, and against a few at a time.
  @Test(arguments: 0..<60)
  func sharingMemoryChangesNothing(seed: Int) throws {
    var dice = Dice(state: UInt64(seed))
    let graph = Graph()
    let inputs = [Reference([4, 6], seed: 1), Reference([6, 6], seed: 2), Reference([6], seed: 3)]
    var values = try inputs.enumerated().map { try graph.input("x\($0)", TensorType(.float64, Shape($1.shape))) }
    let state = try Variable(name: "state", type: TensorType(.float64, [4, 6]))
    values.append(try graph.variable(state))
    let kept = Reference([4, 6], seed: 4)
    func restore() {
      for (index, value) in kept.values.enumerated() {
        state.pointer.storeBytes(of: value, toByteOffset: 8 * index, as: Double.self)
      }
    }
    func shape(_ value: Value) throws -> [Int] { try graph.type(of: value).shape.dims }
    for _ in 0..<25 {
      let x = try #require(values.randomElement(using: &dice))
      let rank = try shape(x).count
      switch Int.random(in: 0..<9, using: &dice) {
      case 0, 1:
        let name = try #require(["relu", "tanh", "negative", "sigmoid", "identity"].randomElement(using: &dice))
        values += try graph.add(name, [x], [:])
      case 2, 3:
        let fitting = try values.filter {
          try shape($0) == shape(x) || shape($0) == [6] && rank > 0 && shape(x).last == 6
        }
        guard let y = fitting.randomElement(using: &dice) else { continue }
        let pair = Bool.random(using: &dice) ? [x, y] : [y, x]
        values += try graph.add(["add", "multiply", "maximum"].randomElement(using: &dice)!, pair, [:])
      case 4:
        guard try shape(x) == [4, 6] || shape(x) == [6, 6] else { continue }
        let right = try values.filter { try shape($0) == [6, 6] }
        values += try graph.add("matmul", [x, try #require(right.randomElement(using: &dice))], [:])
      case 5:
        guard rank == 2 else { continue }
        values += try graph.add(
          "transpose", graph.add("transpose", [x], ["axes": .ints([1, 0])]), ["axes": .ints([1, 0])])
      case 6:
        let count = try shape(x).reduce(1, *)
        let flat = try graph.add("reshape", [x], ["shape": .ints([count])])
        values.append(flat[0])
        values += try graph.add("reshape", flat, ["shape": .ints(try shape(x))])
      case 7:
        guard rank == 2 else { continue }
        values += try graph.add("sum", [x], ["axes": .ints([0]), "keepdims": .bool(false)])
      default:
        guard try shape(x) == [4, 6] else { continue }
        let vectors = try values.filter { try shape($0) == [6] }
        let norm = try graph.add(
          "batch_norm",
          [x, try #require(vectors.randomElement(using: &dice)), try #require(vectors.randomElement(using: &dice))], [:]
        )
        values += norm
      }
    }
    let everything = Array(values.dropFirst(inputs.count))
    restore()
    let expected = try run(Program(graph, outputs: everything), inputs).map(\.values)
    for (value, wanted) in zip(everything, expected) {
      #expect(try run(Program(graph, outputs: [value]), inputs)[0].values == wanted, "value \(value.index) alone")
    }
    // The variable takes one of the values that have its shape, while others are still computed from the old one.
    let candidates = try everything.indices.filter { try shape(everything[$0]) == [4, 6] }
    let chosen = try #require(candidates.randomElement(using: &dice))
    try graph.assign(state, everything[chosen])
    for _ in 0..<5 {
      let some = (0..<3).map { _ in Int.random(in: 0..<everything.count, using: &dice) }
      restore()
      let found = try run(Program(graph, outputs: some.map { everything[$0] }), inputs)
      for (index, result) in zip(some, found) { #expect(result.values == expected[index], "value \(index) of \(some)") }
      let after = (0..<24).map { state.pointer.load(fromByteOffset: 8 * $0, as: Double.self) }
      #expect(after == expected[chosen], "the variable after \(some)")
    }
  }
}
