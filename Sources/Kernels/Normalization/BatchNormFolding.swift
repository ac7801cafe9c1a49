/// Weights and bias of a linear operation that has the batch normalization behind it built in.
///
///     s = gamma / sqrt(movingVariance + epsilon), weights = w * s, newBias = (bias - movingMean) * s + beta
///
/// `w` and `weights` are [rows][C], all others [C]; nil stands for bias 0, gamma 1, beta 0. `weights` may equal `w`.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func foldBatchNorm<T: KernelScalar>(
  w: UnsafePointer<T>, bias: UnsafePointer<T>?, gamma: UnsafePointer<T>?, beta: UnsafePointer<T>?,
  movingMean: UnsafePointer<T>, movingVariance: UnsafePointer<T>, weights: UnsafeMutablePointer<T>,
  newBias: UnsafeMutablePointer<T>, rows: Int, channels: Int, epsilon: Double
) {
  T.requireSpecialization()
  // The scales lie where the bias will.
  formScales(movingVariance, gamma, newBias, channels, epsilon)
  for row in 0..<rows {
    let start = row &* channels
    for c in 0..<channels { weights[start &+ c] = w[start &+ c] * newBias[c] }
  }
  for c in 0..<channels {
    let shift = (bias.map { Double($0[c]) } ?? 0) - Double(movingMean[c])
    let scale = (gamma.map { Double($0[c]) } ?? 1) / (Double(movingVariance[c]) + epsilon).squareRoot()
    newBias[c] = T(shift * scale + (beta.map { Double($0[c]) } ?? 0))
  }
}
