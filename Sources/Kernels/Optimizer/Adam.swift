/// One step of Adam (Kingma & Ba, 2015) as Keras 3 defines it:
/// m' = m + (g - m)·(1 - beta1), v' = v + (g² - v)·(1 - beta2), w' = w·(1 - decay) - m'·alpha / (√v' + epsilon).
///
/// The caller folds the bias correction of step t into alpha = lr·√(1 - beta2ᵗ) / (1 - beta1ᵗ); decay is lr times the
/// decoupled weight decay (AdamW), 0 without it. AMSGrad's vHat' = max(vHat, v') takes the place of v' under the root.
///
/// `pointers` holds for each weight those of w, g, m, v [, vHat], then those of w', m', v' [, vHat']; every output may be
/// equal to its input.
@_specialize(where T == Float) @_specialize(where T == Double)
public func adamUpdate<T: KernelScalar>(
  _: T.Type, _ pointers: UnsafePointer<UnsafeMutableRawPointer>, _ cut: WeightCut, amsgrad: Bool, alpha: Double,
  beta1: Double, beta2: Double, epsilon: Double, decay: Double
) {
  T.requireSpecialization()
  let numbers = AdamNumbers(
    keep: T(1 - decay), negativeAlpha: T(-alpha), rate1: T(1 - beta1), rate2: T(1 - beta2), epsilon: T(epsilon))
  if amsgrad {
    updateWeights(LargestAdamRule(numbers: numbers), pointers, cut)
  } else {
    updateWeights(AdamRule(numbers: numbers), pointers, cut)
  }
}

private struct AdamNumbers<Scalar: KernelScalar> {
  let keep: Scalar
  let negativeAlpha: Scalar
  let rate1: Scalar
  let rate2: Scalar
  let epsilon: Scalar
}

private struct AdamRule<Scalar: KernelScalar>: WeightRule {
  let numbers: AdamNumbers<Scalar>
  var pointerCount: Int { @inline(__always) get { 7 } }

  @inline(__always)
  func update(_ p: UnsafePointer<UnsafeMutableRawPointer>) -> AdamSlots<Scalar> {
    AdamSlots(
      w: p.input(0), g: p.input(1), m: p.input(2), v: p.input(3), wOut: p.output(4), mOut: p.output(5),
      vOut: p.output(6), numbers: numbers)
  }
}

/// AMSGrad (Reddi et al., 2018).
private struct LargestAdamRule<Scalar: KernelScalar>: WeightRule {
  let numbers: AdamNumbers<Scalar>
  var pointerCount: Int { @inline(__always) get { 9 } }

  @inline(__always)
  func update(_ p: UnsafePointer<UnsafeMutableRawPointer>) -> LargestAdam<Scalar> {
    LargestAdam(
      slots: AdamSlots(
        w: p.input(0), g: p.input(1), m: p.input(2), v: p.input(3), wOut: p.output(5), mOut: p.output(6),
        vOut: p.output(7), numbers: numbers),
      vHat: p.input(4), vHatOut: p.output(8))
  }
}

private struct AdamSlots<Scalar: KernelScalar>: WeightUpdate {
  let w: UnsafePointer<Scalar>
  let g: UnsafePointer<Scalar>
  let m: UnsafePointer<Scalar>
  let v: UnsafePointer<Scalar>
  let wOut: UnsafeMutablePointer<Scalar>
  let mOut: UnsafeMutablePointer<Scalar>
  let vOut: UnsafeMutablePointer<Scalar>
  let numbers: AdamNumbers<Scalar>

  /// Stores the moments and returns them.
  @inline(__always)
  func moments<Reach: WeightReach>(_ reach: Reach, _ i: Int) -> (m: Scalar.Vector, v: Scalar.Vector)
  where Reach.Scalar == Scalar {
    let (gradient, first, second) = (reach.load(g, i), reach.load(m, i), reach.load(v, i))
    let nextM = Scalar.multiplyAdd(gradient - first, Scalar.Vector(repeating: numbers.rate1), first)
    let nextV = Scalar.multiplyAdd(gradient * gradient - second, Scalar.Vector(repeating: numbers.rate2), second)
    reach.store(nextM, mOut, i)
    reach.store(nextV, vOut, i)
    return (nextM, nextV)
  }

  @inline(__always)
  func step<Reach: WeightReach>(_ reach: Reach, _ i: Int, _ m: Scalar.Vector, _ v: Scalar.Vector)
  where Reach.Scalar == Scalar {
    let change =
      m * Scalar.Vector(repeating: numbers.negativeAlpha)
      / (Scalar.squareRoot(v) + Scalar.Vector(repeating: numbers.epsilon))
    reach.store(Scalar.multiplyAdd(reach.load(w, i), Scalar.Vector(repeating: numbers.keep), change), wOut, i)
  }

  @inline(__always)
  func update<Reach: WeightReach>(_ reach: Reach, at i: Int) where Reach.Scalar == Scalar {
    let (m, v) = moments(reach, i)
    step(reach, i, m, v)
  }
}

private struct LargestAdam<Scalar: KernelScalar>: WeightUpdate {
  let slots: AdamSlots<Scalar>
  let vHat: UnsafePointer<Scalar>
  let vHatOut: UnsafeMutablePointer<Scalar>

  @inline(__always)
  func update<Reach: WeightReach>(_ reach: Reach, at i: Int) where Reach.Scalar == Scalar {
    let (m, v) = slots.moments(reach, i)
    let largest = Scalar.largerLanes(reach.load(vHat, i), v)
    reach.store(largest, vHatOut, i)
    slots.step(reach, i, m, largest)
  }
}
