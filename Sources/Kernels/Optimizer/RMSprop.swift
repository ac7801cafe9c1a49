/// One step of RMSprop (Hinton, 2012) as Keras 3 defines it: velocity' = rho·velocity + (1 - rho)·g²,
/// increment = lr·g / √(velocity' + epsilon), w' = w - increment.
///
/// Centered: average' = rho·average + (1 - rho)·g, and average'² is subtracted under the root. With momentum:
/// momentum' = momentumFactor·momentum + increment, and w' = w - momentum'.
///
/// `pointers` holds for each weight those of w, g, velocity [, momentum] [, average], then those of w', velocity'
/// [, momentum'] [, average']; every output may be equal to its input. Without `momentumFactor` there is no momentum.
@_specialize(where T == Float) @_specialize(where T == Double)
public func rmspropUpdate<T: KernelScalar>(
  _: T.Type, _ pointers: UnsafePointer<UnsafeMutableRawPointer>, _ cut: WeightCut, lr: Double, rho: Double,
  momentumFactor: Double?, epsilon: Double, centered: Bool
) {
  T.requireSpecialization()
  let numbers = RMSpropNumbers(
    rate: T(lr), rho: T(rho), oneLessRho: T(1 - rho), momentumFactor: T(momentumFactor ?? 0), epsilon: T(epsilon))
  switch (momentumFactor != nil, centered) {
  case (false, false): updateWeights(RMSpropRule<T, Absent, Absent>(numbers: numbers), pointers, cut)
  case (true, false): updateWeights(RMSpropRule<T, Present, Absent>(numbers: numbers), pointers, cut)
  case (false, true): updateWeights(RMSpropRule<T, Absent, Present>(numbers: numbers), pointers, cut)
  case (true, true): updateWeights(RMSpropRule<T, Present, Present>(numbers: numbers), pointers, cut)
  }
}

/// Whether a variant has a slot, decided at compile time.
private protocol Presence {
  static var isPresent: Bool { get }
}
private enum Absent: Presence {
  @inline(__always) static var isPresent: Bool { false }
}
private enum Present: Presence {
  @inline(__always) static var isPresent: Bool { true }
}

private struct RMSpropNumbers<Scalar: KernelScalar> {
  let rate: Scalar
  let rho: Scalar
  let oneLessRho: Scalar
  let momentumFactor: Scalar
  let epsilon: Scalar
}

private struct RMSpropRule<Scalar: KernelScalar, Moment: Presence, Center: Presence>: WeightRule {
  let numbers: RMSpropNumbers<Scalar>
  private var stateCount: Int {
    @inline(__always) get { 1 &+ (Moment.isPresent ? 1 : 0) &+ (Center.isPresent ? 1 : 0) }
  }
  var pointerCount: Int { @inline(__always) get { 3 &+ 2 &* stateCount } }

  @inline(__always)
  func update(_ p: UnsafePointer<UnsafeMutableRawPointer>) -> RMSprop<Scalar, Moment, Center> {
    let (out, average) = (2 &+ stateCount, Moment.isPresent ? 4 : 3)
    // What a variant does not use is the weight itself and is never touched.
    return RMSprop(
      w: p.input(0), g: p.input(1), velocity: p.input(2), momentum: p.input(Moment.isPresent ? 3 : 0),
      average: p.input(Center.isPresent ? average : 0), wOut: p.output(out), velocityOut: p.output(out &+ 1),
      momentumOut: p.output(Moment.isPresent ? out &+ 2 : out),
      averageOut: p.output(Center.isPresent ? out &+ average &- 1 : out), numbers: numbers)
  }
}

private struct RMSprop<Scalar: KernelScalar, Moment: Presence, Center: Presence>: WeightUpdate {
  let w: UnsafePointer<Scalar>
  let g: UnsafePointer<Scalar>
  let velocity: UnsafePointer<Scalar>
  let momentum: UnsafePointer<Scalar>
  let average: UnsafePointer<Scalar>
  let wOut: UnsafeMutablePointer<Scalar>
  let velocityOut: UnsafeMutablePointer<Scalar>
  let momentumOut: UnsafeMutablePointer<Scalar>
  let averageOut: UnsafeMutablePointer<Scalar>
  let numbers: RMSpropNumbers<Scalar>

  @inline(__always)
  func update<Reach: WeightReach>(_ reach: Reach, at i: Int) where Reach.Scalar == Scalar {
    let (rho, oneLessRho) = (Scalar.Vector(repeating: numbers.rho), Scalar.Vector(repeating: numbers.oneLessRho))
    let (gradient, weights) = (reach.load(g, i), reach.load(w, i))
    let velocity = Scalar.multiplyAdd(reach.load(self.velocity, i), rho, oneLessRho * (gradient * gradient))
    reach.store(velocity, velocityOut, i)
    var variance = velocity
    if Center.isPresent {
      let average = Scalar.multiplyAdd(reach.load(self.average, i), rho, oneLessRho * gradient)
      reach.store(average, averageOut, i)
      variance = velocity - average * average
    }
    let root = Scalar.squareRoot(variance + Scalar.Vector(repeating: numbers.epsilon))
    var increment = gradient * Scalar.Vector(repeating: numbers.rate) / root
    if Moment.isPresent {
      let factor = Scalar.Vector(repeating: numbers.momentumFactor)
      increment = Scalar.multiplyAdd(reach.load(momentum, i), factor, increment)
      reach.store(increment, momentumOut, i)
    }
    reach.store(weights - increment, wOut, i)
  }
}
