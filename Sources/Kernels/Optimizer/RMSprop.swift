/// One step of RMSprop (Hinton, 2012) as Keras 3 defines it: velocity' = rho·velocity + (1 - rho)·g²,
/// increment = lr·g / √(velocity' + epsilon), w' = w - increment.
///
/// Centered: average' = rho·average + (1 - rho)·g, and average'² is subtracted under the root. With momentum:
/// momentum' = momentumFactor·momentum + increment, and w' = w - momentum'.
///
/// All arrays [count]; every output may be equal to its input. Give `momentum` with `momentumOut`, or neither, and so
/// `average` with `averageOut`.
@_specialize(where T == Float) @_specialize(where T == Double)
public func rmspropUpdate<T: KernelScalar>(
  _ w: UnsafePointer<T>, _ g: UnsafePointer<T>, velocity: UnsafePointer<T>, momentum: UnsafePointer<T>?,
  average: UnsafePointer<T>?, wOut: UnsafeMutablePointer<T>, velocityOut: UnsafeMutablePointer<T>,
  momentumOut: UnsafeMutablePointer<T>?, averageOut: UnsafeMutablePointer<T>?, _ count: Int, lr: Double, rho: Double,
  momentumFactor: Double, epsilon: Double
) {
  T.requireSpecialization()
  let hasMomentum = momentum != nil && momentumOut != nil
  let isCentered = average != nil && averageOut != nil
  // What a variant does not use points at the weights and is never touched.
  let slots = RMSpropSlots(
    w: w, g: g, velocity: velocity, momentum: momentum ?? w, average: average ?? w, wOut: wOut,
    velocityOut: velocityOut, momentumOut: momentumOut ?? wOut, averageOut: averageOut ?? wOut, rate: T(lr),
    rho: T(rho), oneLessRho: T(1 - rho), momentumFactor: T(momentumFactor), epsilon: T(epsilon))
  switch (hasMomentum, isCentered) {
  case (false, false): updateWeights(RMSprop<T, Absent, Absent>(slots: slots), count)
  case (true, false): updateWeights(RMSprop<T, Present, Absent>(slots: slots), count)
  case (false, true): updateWeights(RMSprop<T, Absent, Present>(slots: slots), count)
  case (true, true): updateWeights(RMSprop<T, Present, Present>(slots: slots), count)
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

private struct RMSpropSlots<Scalar: KernelScalar> {
  let w: UnsafePointer<Scalar>
  let g: UnsafePointer<Scalar>
  let velocity: UnsafePointer<Scalar>
  let momentum: UnsafePointer<Scalar>
  let average: UnsafePointer<Scalar>
  let wOut: UnsafeMutablePointer<Scalar>
  let velocityOut: UnsafeMutablePointer<Scalar>
  let momentumOut: UnsafeMutablePointer<Scalar>
  let averageOut: UnsafeMutablePointer<Scalar>
  let rate: Scalar
  let rho: Scalar
  let oneLessRho: Scalar
  let momentumFactor: Scalar
  let epsilon: Scalar
}

private struct RMSprop<Scalar: KernelScalar, Moment: Presence, Center: Presence>: WeightUpdate {
  let slots: RMSpropSlots<Scalar>

  @inline(__always)
  func update<Reach: WeightReach>(_ reach: Reach, at i: Int) where Reach.Scalar == Scalar {
    let s = slots
    let (rho, oneLessRho) = (Scalar.Vector(repeating: s.rho), Scalar.Vector(repeating: s.oneLessRho))
    let (gradient, weights) = (reach.load(s.g, i), reach.load(s.w, i))
    let velocity = Scalar.multiplyAdd(reach.load(s.velocity, i), rho, oneLessRho * (gradient * gradient))
    reach.store(velocity, s.velocityOut, i)
    var variance = velocity
    if Center.isPresent {
      let average = Scalar.multiplyAdd(reach.load(s.average, i), rho, oneLessRho * gradient)
      reach.store(average, s.averageOut, i)
      variance = velocity - average * average
    }
    let root = Scalar.squareRoot(variance + Scalar.Vector(repeating: s.epsilon))
    var increment = gradient * Scalar.Vector(repeating: s.rate) / root
    if Moment.isPresent {
      let factor = Scalar.Vector(repeating: s.momentumFactor)
      increment = Scalar.multiplyAdd(reach.load(s.momentum, i), factor, increment)
      reach.store(increment, s.momentumOut, i)
    }
    reach.store(weights - increment, s.wOut, i)
  }
}
