/// y = exp(x - max x) / sum, row by row; y may be equal to x. A row with NaN becomes NaN.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func softmax<T: KernelScalar>(_ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, rows: Int, n: Int) {
  forEachRow(rows, n, (x, y, n)) { context, row in
    let (x, y, n) = context
    let (from, to) = (x + row &* n, y + row &* n)
    let total = exponentials(from, to, n).total
    let scale = T(1 / total)
    for i in 0..<n { to[i] *= scale }
  }
}

/// y = x - log(sum(exp(x))), row by row; y may be equal to x.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func logSoftmax<T: KernelScalar>(_ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, rows: Int, n: Int) {
  forEachRow(rows, n, (x, y, n)) { context, row in
    let (x, y, n) = context
    let (from, to) = (x + row &* n, y + row &* n)
    let shift = logSumExp(from, n)
    for i in 0..<n { to[i] = T(Double(from[i]) - shift) }
  }
}

/// dx = y · (dy - sum(dy · y)), row by row; dx may be equal to dy.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func softmaxBackward<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ y: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, rows: Int, n: Int
) {
  forEachRow(rows, n, (dy, y, dx, n)) { context, row in
    let (dy, y, dx, n) = context
    let first = row &* n
    var dot = 0.0
    for i in first..<(first &+ n) { dot += Double(dy[i]) * Double(y[i]) }
    for i in first..<(first &+ n) { dx[i] = y[i] * T(Double(dy[i]) - dot) }
  }
}

/// loss = log(sum(exp(x))) - x[label], and probabilities = softmax(x), for each row of logits x. A label that is out of
/// range gives NaN and reads nothing.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func sparseSoftmaxCrossEntropy<T: KernelScalar>(
  _ logits: UnsafePointer<T>, labels: UnsafePointer<Int32>, loss: UnsafeMutablePointer<T>,
  probabilities: UnsafeMutablePointer<T>, rows: Int, n: Int
) {
  forEachRow(rows, n, (logits, labels, loss, probabilities, n)) { context, row in
    let (logits, labels, loss, probabilities, n) = context
    let (x, p) = (logits + row &* n, probabilities + row &* n)
    let (maximum, total) = exponentials(x, p, n)
    let scale = T(1 / total)
    for i in 0..<n { p[i] *= scale }
    let label = Int(labels[row])
    loss[row] = label >= 0 && label < n ? T(maximum - Double(x[label]) + logarithm(total)) : .nan
  }
}

/// dlogits = dloss · (probabilities - one-hot label).
@_specialize(where T == Float)
@_specialize(where T == Double)
public func sparseSoftmaxCrossEntropyBackward<T: KernelScalar>(
  _ dloss: UnsafePointer<T>, probabilities: UnsafePointer<T>, labels: UnsafePointer<Int32>,
  dlogits: UnsafeMutablePointer<T>, rows: Int, n: Int
) {
  forEachRow(rows, n, (dloss, probabilities, labels, dlogits, n)) { context, row in
    let (dloss, probabilities, labels, dlogits, n) = context
    let first = row &* n
    for i in 0..<n { dlogits[first &+ i] = dloss[row] * probabilities[first &+ i] }
    let label = Int(labels[row])
    if label >= 0 && label < n { dlogits[first &+ label] = dloss[row] * (probabilities[first &+ label] - 1) }
  }
}

/// loss = sum of targets · (log(sum(exp(x))) - x) for each row, and probabilities = softmax(x).
@_specialize(where T == Float)
@_specialize(where T == Double)
public func softmaxCrossEntropy<T: KernelScalar>(
  _ logits: UnsafePointer<T>, targets: UnsafePointer<T>, loss: UnsafeMutablePointer<T>,
  probabilities: UnsafeMutablePointer<T>, rows: Int, n: Int
) {
  forEachRow(rows, n, (logits, targets, loss, probabilities, n)) { context, row in
    let (logits, targets, loss, probabilities, n) = context
    let (x, t, p) = (logits + row &* n, targets + row &* n, probabilities + row &* n)
    let (maximum, total) = exponentials(x, p, n)
    let scale = T(1 / total)
    let shift = maximum + logarithm(total)
    var sum = 0.0
    for i in 0..<n {
      p[i] *= scale
      // A target of 0 contributes nothing, even where the logit is -infinity.
      if t[i] != 0 { sum += Double(t[i]) * (shift - Double(x[i])) }
    }
    loss[row] = T(sum)
  }
}

/// dlogits = dloss · (probabilities · sum(targets) - targets).
@_specialize(where T == Float)
@_specialize(where T == Double)
public func softmaxCrossEntropyBackward<T: KernelScalar>(
  _ dloss: UnsafePointer<T>, probabilities: UnsafePointer<T>, targets: UnsafePointer<T>,
  dlogits: UnsafeMutablePointer<T>, rows: Int, n: Int
) {
  forEachRow(rows, n, (dloss, probabilities, targets, dlogits, n)) { context, row in
    let (dloss, probabilities, targets, dlogits, n) = context
    let first = row &* n
    var mass = 0.0
    for i in 0..<n { mass += Double(targets[first &+ i]) }
    for i in first..<(first &+ n) { dlogits[i] = dloss[row] * (probabilities[i] * T(mass) - targets[i]) }
  }
}
