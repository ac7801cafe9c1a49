/// One step of gradient descent as Keras 3 defines it.
///
/// Without momentum w' = w - lr·g. With it velocity' = momentum·velocity - lr·g and w' = w + velocity', or, with
/// Nesterov's, w' = w + momentum·velocity' - lr·g.
///
/// `pointers` holds for each weight those of w, g [, velocity], then those of w' [, velocity']; every output may be equal
/// to its input. Without `momentum` there is no velocity.
@_specialize(where T == Float) @_specialize(where T == Double)
public func sgdUpdate<T: KernelScalar>(
  _: T.Type, _ pointers: UnsafePointer<UnsafeMutableRawPointer>, _ cut: WeightCut, lr: Double, momentum: Double?,
  nesterov: Bool
) {
  T.requireSpecialization()
  guard let momentum else { return updateWeights(PlainRule(negativeRate: T(-lr)), pointers, cut) }
  let rule = MomentumRule(negativeRate: T(-lr), momentum: T(momentum))
  if nesterov {
    updateWeights(NesterovRule(rule: rule), pointers, cut)
  } else {
    updateWeights(rule, pointers, cut)
  }
}

private struct PlainRule<Scalar: KernelScalar>: WeightRule {
  let negativeRate: Scalar
  var pointerCount: Int { @inline(__always) get { 3 } }

  @inline(__always)
  func update(_ p: UnsafePointer<UnsafeMutableRawPointer>) -> PlainDescent<Scalar> {
    PlainDescent(w: p.input(0), g: p.input(1), wOut: p.output(2), negativeRate: negativeRate)
  }
}

private struct MomentumRule<Scalar: KernelScalar>: WeightRule {
  let negativeRate: Scalar
  let momentum: Scalar
  var pointerCount: Int { @inline(__always) get { 5 } }

  @inline(__always)
  func update(_ p: UnsafePointer<UnsafeMutableRawPointer>) -> Momentum<Scalar> {
    Momentum(
      w: p.input(0), g: p.input(1), velocity: p.input(2), wOut: p.output(3), velocityOut: p.output(4),
      negativeRate: negativeRate, momentum: momentum)
  }
}

private struct NesterovRule<Scalar: KernelScalar>: WeightRule {
  let rule: MomentumRule<Scalar>
  var pointerCount: Int { @inline(__always) get { rule.pointerCount } }

  @inline(__always)
  func update(_ p: UnsafePointer<UnsafeMutableRawPointer>) -> NesterovDescent<Scalar> {
    NesterovDescent(slots: rule.update(p))
  }
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
