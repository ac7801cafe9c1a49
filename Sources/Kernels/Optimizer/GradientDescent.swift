/// One step of gradient descent as Keras 3 defines it.
///
/// Without momentum w' = w - lr·g. With it velocity' = momentum·velocity - lr·g and w' = w + velocity', or, with
/// Nesterov's, w' = w + momentum·velocity' - lr·g.
///
/// All arrays [count]; every output may be equal to its input. Give `velocity` and `velocityOut`, or neither.
@_specialize(where T == Float) @_specialize(where T == Double)
public func sgdUpdate<T: KernelScalar>(
  _ w: UnsafePointer<T>, _ g: UnsafePointer<T>, velocity: UnsafePointer<T>?, wOut: UnsafeMutablePointer<T>,
  velocityOut: UnsafeMutablePointer<T>?, _ count: Int, lr: Double, momentum: Double, nesterov: Bool
) {
  T.requireSpecialization()
  guard let velocity, let velocityOut else {
    return updateWeights(PlainDescent(w: w, g: g, wOut: wOut, negativeRate: T(-lr)), count)
  }
  let slots = Momentum(
    w: w, g: g, velocity: velocity, wOut: wOut, velocityOut: velocityOut, negativeRate: T(-lr), momentum: T(momentum))
  if nesterov { updateWeights(NesterovDescent(slots: slots), count) } else { updateWeights(slots, count) }
}

private struct PlainDescent<Scalar: KernelScalar>: WeightUpdate {
  let w: UnsafePointer<Scalar>
  let g: UnsafePointer<Scalar>
  let wOut: UnsafeMutablePointer<Scalar>
  let negativeRate: Scalar

  @inline(__always)
  func update<Reach: WeightReach>(_ reach: Reach, at i: Int) where Reach.Scalar == Scalar {
    let rate = Scalar.Vector(repeating: negativeRate)
    reach.store(Scalar.multiplyAdd(reach.load(g, i), rate, reach.load(w, i)), wOut, i)
  }
}

private struct Momentum<Scalar: KernelScalar>: WeightUpdate {
  let w: UnsafePointer<Scalar>
  let g: UnsafePointer<Scalar>
  let velocity: UnsafePointer<Scalar>
  let wOut: UnsafeMutablePointer<Scalar>
  let velocityOut: UnsafeMutablePointer<Scalar>
  let negativeRate: Scalar
  let momentum: Scalar

  /// velocity' and -lr·g.
  @inline(__always)
  func nextVelocity<Reach: WeightReach>(_ reach: Reach, _ i: Int) -> (velocity: Scalar.Vector, step: Scalar.Vector)
  where Reach.Scalar == Scalar {
    let step = reach.load(g, i) * Scalar.Vector(repeating: negativeRate)
    return (Scalar.multiplyAdd(reach.load(velocity, i), Scalar.Vector(repeating: momentum), step), step)
  }

  @inline(__always)
  func update<Reach: WeightReach>(_ reach: Reach, at i: Int) where Reach.Scalar == Scalar {
    let next = nextVelocity(reach, i).velocity
    let weights = reach.load(w, i)
    reach.store(next, velocityOut, i)
    reach.store(weights + next, wOut, i)
  }
}

private struct NesterovDescent<Scalar: KernelScalar>: WeightUpdate {
  let slots: Momentum<Scalar>

  @inline(__always)
  func update<Reach: WeightReach>(_ reach: Reach, at i: Int) where Reach.Scalar == Scalar {
    let (next, step) = slots.nextVelocity(reach, i)
    let weights = reach.load(slots.w, i)
    reach.store(next, slots.velocityOut, i)
    let ahead = Scalar.multiplyAdd(next, Scalar.Vector(repeating: slots.momentum), step)
    reach.store(weights + ahead, slots.wOut, i)
  }
}
