/// One step of gradient descent on `count` weights, as Keras 3 defines it. Every output may be equal to its input.
///
/// Without momentum w' = w - lr·g. With it v' = momentum·v - lr·g and w' = w + v', or with Nesterov's
/// w' = w + momentum·v' - lr·g.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func sgdUpdate<T: KernelScalar>(
  _ w: UnsafePointer<T>, _ g: UnsafePointer<T>, velocity: UnsafePointer<T>?, wOut: UnsafeMutablePointer<T>,
  velocityOut: UnsafeMutablePointer<T>?, _ count: Int, lr: Double, momentum: Double, nesterov: Bool
) {
  guard let velocity, let velocityOut else {
    return parallelRanges(count, (w, g, wOut, T(lr))) { context, begin, end in
      let (w, g, wOut, lr) = context
      for i in begin..<end { wOut[i] = w[i] - lr * g[i] }
    }
  }
  parallelRanges(count, (w, g, velocity, wOut, velocityOut, T(lr), T(momentum), nesterov)) { context, begin, end in
    let (w, g, v, wOut, vOut, lr, momentum, nesterov) = context
    if nesterov {
      for i in begin..<end {
        let step = lr * g[i]
        let moved = momentum * v[i] - step
        wOut[i] = w[i] + (momentum * moved - step)
        vOut[i] = moved
      }
    } else {
      for i in begin..<end {
        let moved = momentum * v[i] - lr * g[i]
        wOut[i] = w[i] + moved
        vOut[i] = moved
      }
    }
  }
}

/// One step of Adam (Kingma & Ba 2015, arXiv 1412.6980) in Keras 3's form. Every output may be equal to its input.
///
/// w is first multiplied by 1 - decay; then m' = m + (g - m)(1 - β₁), v' = v + (g² - v)(1 - β₂),
/// w' = w - α·m' / (√v' + ε) with the bias-corrected α = lr·√(1 - β₂ᵗ) / (1 - β₁ᵗ). With v̂ (AMSGrad) the largest v' so
/// far takes the place of v'.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func adamUpdate<T: KernelScalar>(
  _ w: UnsafePointer<T>, _ g: UnsafePointer<T>, m: UnsafePointer<T>, v: UnsafePointer<T>, vHat: UnsafePointer<T>?,
  wOut: UnsafeMutablePointer<T>, mOut: UnsafeMutablePointer<T>, vOut: UnsafeMutablePointer<T>,
  vHatOut: UnsafeMutablePointer<T>?, _ count: Int, alpha: Double, beta1: Double, beta2: Double, epsilon: Double,
  decay: Double
) {
  let scalars = AdamScalars(
    keep: T(1 - decay), alpha: T(alpha), rate1: T(1 - beta1), rate2: T(1 - beta2), epsilon: T(epsilon))
  let slots = (w, g, m, v, wOut, mOut, vOut)
  guard let vHat, let vHatOut else {
    return parallelRanges(count, (slots, scalars)) { context, begin, end in
      let ((w, g, m, v, wOut, mOut, vOut), k) = context
      let width = T.Vector.scalarCount
      let (keep, alpha) = (T.Vector(repeating: k.keep), T.Vector(repeating: k.alpha))
      let (rate1, rate2) = (T.Vector(repeating: k.rate1), T.Vector(repeating: k.rate2))
      let epsilon = T.Vector(repeating: k.epsilon)
      var i = begin
      while i &+ width <= end {
        let gradient = g.vector(at: i)
        let (m0, v0) = (m.vector(at: i), v.vector(at: i))
        let m1 = m0 + (gradient - m0) * rate1
        let v1 = v0 + (gradient * gradient - v0) * rate2
        mOut.store(m1, at: i)
        vOut.store(v1, at: i)
        wOut.store(w.vector(at: i) * keep - alpha * m1 / (T.squareRoot(v1) + epsilon), at: i)
        i &+= width
      }
      while i < end {
        let m1 = m[i] + (g[i] - m[i]) * k.rate1
        let v1 = v[i] + (g[i] * g[i] - v[i]) * k.rate2
        mOut[i] = m1
        vOut[i] = v1
        wOut[i] = w[i] * k.keep - k.alpha * m1 / (v1.squareRoot() + k.epsilon)
        i &+= 1
      }
    }
  }
  parallelRanges(count, (slots, vHat, vHatOut, scalars)) { context, begin, end in
    let ((w, g, m, v, wOut, mOut, vOut), vHat, vHatOut, k) = context
    for i in begin..<end {
      let m1 = m[i] + (g[i] - m[i]) * k.rate1
      let v1 = v[i] + (g[i] * g[i] - v[i]) * k.rate2
      let largest = vHat[i] > v1 ? vHat[i] : v1
      mOut[i] = m1
      vOut[i] = v1
      vHatOut[i] = largest
      wOut[i] = w[i] * k.keep - k.alpha * m1 / (largest.squareRoot() + k.epsilon)
    }
  }
}

private struct AdamScalars<T> {
  let keep, alpha, rate1, rate2, epsilon: T
}

/// One step of RMSprop (Hinton 2012) in Keras 3's form. Every output may be equal to its input.
///
/// v' = ρ·v + (1 - ρ)·g²; centered: a' = ρ·a + (1 - ρ)·g and the denominator is v' - a'² + ε, else v' + ε;
/// the step is lr·g / √denominator, with momentum accumulated as b' = momentum·b + step; w' = w - step (or b').
@_specialize(where T == Float)
@_specialize(where T == Double)
public func rmspropUpdate<T: KernelScalar>(
  _ w: UnsafePointer<T>, _ g: UnsafePointer<T>, velocity: UnsafePointer<T>, momentum: UnsafePointer<T>?,
  average: UnsafePointer<T>?, wOut: UnsafeMutablePointer<T>, velocityOut: UnsafeMutablePointer<T>,
  momentumOut: UnsafeMutablePointer<T>?, averageOut: UnsafeMutablePointer<T>?, _ count: Int, lr: Double, rho: Double,
  momentumFactor: Double, epsilon: Double
) {
  let inputs = (w, g, velocity, momentum, average)
  let outputs = (wOut, velocityOut, momentumOut, averageOut)
  parallelRanges(count, (inputs, outputs, T(lr), T(rho), T(1 - rho), T(momentumFactor), T(epsilon))) {
    context, begin, end in
    let (inputs, outputs, lr, rho, rest, factor, epsilon) = context
    let (w, g, v, b, a) = inputs
    let (wOut, vOut, bOut, aOut) = outputs
    for i in begin..<end {
      let v1 = rho * v[i] + rest * g[i] * g[i]
      vOut[i] = v1
      var denominator = v1 + epsilon
      if let a, let aOut {
        let mean = rho * a[i] + rest * g[i]
        aOut[i] = mean
        denominator = v1 - mean * mean + epsilon
      }
      var step = lr * g[i] / denominator.squareRoot()
      if let b, let bOut {
        step = factor * b[i] + step
        bOut[i] = step
      }
      wOut[i] = w[i] - step
    }
  }
}
