import Parallel

/// A rule with its numbers, before it is told where a weight and its slots lie.
protocol WeightRule {
  associatedtype Update: WeightUpdate
  /// Pointers that each weight has.
  var pointerCount: Int { get }
  func update(_ pointers: UnsafePointer<UnsafeMutableRawPointer>) -> Update
}

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

extension UnsafePointer where Pointee == UnsafeMutableRawPointer {
  @inline(__always)
  func input<T>(_ index: Int, _: T.Type = T.self) -> UnsafePointer<T> {
    UnsafePointer<T>(self[index].assumingMemoryBound(to: T.self))
  }
  @inline(__always)
  func output<T>(_ index: Int, _: T.Type = T.self) -> UnsafeMutablePointer<T> {
    self[index].assumingMemoryBound(to: T.self)
  }
}

/// Applies the rule to all weights, in one job. Outputs may be equal to inputs: each vector is read before it is written.
@inline(__always)
func updateWeights<Rule: WeightRule>(
  _ rule: Rule, _ pointers: UnsafePointer<UnsafeMutableRawPointer>, _ cut: WeightCut
) {
  cut.withRuns { runs, bounds, chunks in
    parallel(chunks, (rule, pointers, runs, bounds)) { context, chunk in
      let (rule, pointers, runs, bounds) = context
      for index in bounds[chunk]..<bounds[chunk &+ 1] {
        let run = runs[index]
        updateRun(rule.update(pointers + run.weight &* rule.pointerCount), run.begin, run.end)
      }
    }
  }
}

@inline(never)
private func updateRun<Update: WeightUpdate>(_ update: Update, _ begin: Int, _ end: Int) {
  let width = Update.Scalar.Vector.scalarCount
  var i = begin
  while i &+ width <= end {
    update.update(WholeReach(), at: i)
    i &+= width
  }
  if i < end { update.update(PartReach(count: end &- i), at: i) }
}
