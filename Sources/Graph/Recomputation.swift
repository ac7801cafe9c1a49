import Tensor

/// Copies of a region's nodes that a backward pass reads instead of the originals, which then need not be kept.
public struct Recomputation {
  /// The first node behind those that the originals were made with: what reads an original from here on keeps it.
  public let since: Int
  /// The copies, in the order of the originals.
  public internal(set) var nodes: Range<Int>
  /// The value that each copied value equals.
  public internal(set) var originals: [Int: Int] = [:]
}

extension Graph {
  /// Has gradients compute the values of all nodes from `node` on again, from what those nodes read from outside, when
  /// the backward pass comes to them. Values that others read as well stay what they are.
  ///
  /// Regions may contain others: values of the inner one are then computed again for its own backward pass.
  public func recompute(from node: Int) throws {
    guard (0...nodes.count).contains(node) else {
      throw Failure.index("recompute: node is \(node), expected 0...\(nodes.count)")
    }
    let region = node..<nodes.count
    guard !region.isEmpty else { return }
    guard regions.allSatisfy({ !$0.overlaps(region) || region.lowerBound <= $0.lowerBound }) else {
      throw Failure.value("recompute: nodes \(region) cut another region in two")
    }
    regions.append(region)
  }

  /// For each value its copies, and theirs.
  func copies(of values: [Value]) -> [[Value]] {
    if recomputations.isEmpty { return values.map { _ in [] } }
    var copies: [Int: [Value]] = [:]
    var roots: [Int: Int] = [:]
    for recomputation in recomputations {
      for (copy, original) in recomputation.originals.sorted(by: { $0.key < $1.key }) {
        let root = roots[original] ?? original
        roots[copy] = root
        copies[root, default: []].append(Value(index: copy))
      }
    }
    return values.map { copies[$0.index] ?? [] }
  }
}

/// The regions around a position that moves from the end of a graph to its beginning, and their recomputed values.
struct RegionWalk {
  private let graph: Graph
  private let nodes: [Graph.Node]
  /// From the outside in: a region stands behind those that contain it.
  private let regions: [Range<Int>]
  private let parents: [Int]
  /// The innermost region of each node, -1 outside of all.
  private var innermost: [Int]
  private var open: [(region: Int, values: [Int: Value])] = []
  private var since: Int

  init(_ graph: Graph) {
    self.graph = graph
    nodes = graph.nodes
    since = nodes.count
    regions = graph.regions.sorted { ($0.lowerBound, -$0.upperBound) < ($1.lowerBound, -$1.upperBound) }
    innermost = regions.isEmpty ? [] : [Int](repeating: -1, count: nodes.count)
    var parents: [Int] = []
    for (index, region) in regions.enumerated() {
      parents.append(innermost[region.lowerBound])
      for node in region { innermost[node] = index }
    }
    self.parents = parents
  }

  /// Leaves the regions that the node is not in, and computes those again that it is in.
  mutating func enter(_ node: Int) throws {
    if innermost.isEmpty { return }
    while let last = open.last, !regions[last.region].contains(node) { open.removeLast() }
    var inside: [Int] = []
    var region = innermost[node]
    while region >= 0, region != open.last?.region {
      inside.append(region)
      region = parents[region]
    }
    for region in inside.reversed() { try copy(region) }
  }

  /// The value as the innermost region has computed it again, itself outside of regions.
  func value(_ value: Value) -> Value {
    for frame in open.reversed() {
      if let copy = frame.values[value.index] { return copy }
    }
    return value
  }

  private mutating func copy(_ region: Int) throws {
    let first = graph.nodes.count
    // In an inner region what counts as kept are the copies that the outer one has just made.
    var recomputation = Recomputation(since: open.isEmpty ? since : first, nodes: first..<first)
    var values: [Int: Value] = [:]
    for node in nodes[regions[region]] where !(node.operation is Requirement) {
      let outputs = try graph.add(node.operation, node.inputs.map { values[$0.index] ?? value($0) })
      for (output, copy) in zip(node.outputs, outputs) {
        recomputation.originals[copy.index] = value(output).index
        values[output.index] = copy
      }
    }
    recomputation.nodes = first..<graph.nodes.count
    graph.recomputations.append(recomputation)
    open.append((region, values))
  }
}
