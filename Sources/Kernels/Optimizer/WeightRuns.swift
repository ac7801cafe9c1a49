import Parallel

/// One rule of weight updates on vectors: which slots it reads and writes is up to it.
protocol WeightUpdate {
  associatedtype Scalar: KernelScalar
  /// Updates the weights and slots `begin ..< begin + width`.
  func update<Reach: WeightReach>(_ reach: Reach, at index: Int) where Reach.Scalar == Scalar
}

/// How a vector of weights is loaded and stored: whole, or the last few elements.
protocol WeightReach<Scalar> {
  associatedtype Scalar: KernelScalar
  func load(_ pointer: UnsafePointer<Scalar>, _ index: Int) -> Scalar.Vector
  func store(_ vector: Scalar.Vector, _ pointer: UnsafeMutablePointer<Scalar>, _ index: Int)
}

struct WholeReach<Scalar: KernelScalar>: WeightReach {
  @inline(__always)
  func load(_ pointer: UnsafePointer<Scalar>, _ index: Int) -> Scalar.Vector { pointer.vector(at: index) }
  @inline(__always)
  func store(_ vector: Scalar.Vector, _ pointer: UnsafeMutablePointer<Scalar>, _ index: Int) {
    pointer.store(vector, at: index)
  }
}

struct PartReach<Scalar: KernelScalar>: WeightReach {
  let count: Int
  @inline(__always)
  func load(_ pointer: UnsafePointer<Scalar>, _ index: Int) -> Scalar.Vector {
    pointer.lanes(count, at: index, else: 0)
  }
  @inline(__always)
  func store(_ vector: Scalar.Vector, _ pointer: UnsafeMutablePointer<Scalar>, _ index: Int) {
    pointer.store(count, of: vector, at: index)
  }
}

/// Weights of one chunk: a few microseconds of work from the cache.
private let chunkElements = 16_384

/// Applies the rule to `count` weights. Outputs may be equal to inputs: each vector is read before it is written.
@inline(__always)
func updateWeights<Rule: WeightUpdate>(_ rule: Rule, _ count: Int) {
  let chunks = (count &+ chunkElements &- 1) / chunkElements
  parallel(chunks, (rule, count)) { context, chunk in
    let (rule, count) = context
    let begin = chunk &* chunkElements
    updateRun(rule, begin, min(begin &+ chunkElements, count))
  }
}

@inline(never)
private func updateRun<Rule: WeightUpdate>(_ rule: Rule, _ begin: Int, _ end: Int) {
  let width = Rule.Scalar.Vector.scalarCount
  var i = begin
  while i &+ width <= end {
    rule.update(WholeReach(), at: i)
    i &+= width
  }
  if i < end { rule.update(PartReach(count: end &- i), at: i) }
}
