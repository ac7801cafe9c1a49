import Parallel

/// Cross-entropy of integer labels: p[r, k] = softmax(logits)[r, k], loss[r] = -log p[r, labels[r]], the loss from the
/// logits and not from p, so that it stays finite where p underflows. A label outside of 0..<n gives loss NaN and reads
/// nothing.
///
/// logits, probabilities [rows, n], which may be equal; labels, loss [rows].
@_specialize(where T == Float) @_specialize(where T == Double)
public func sparseSoftmaxCrossEntropy<T: KernelScalar>(
  _ logits: UnsafePointer<T>, labels: UnsafePointer<Int32>, loss: UnsafeMutablePointer<T>,
  probabilities: UnsafeMutablePointer<T>, rows: Int, n: Int
) {
  T.requireSpecialization()
  let perChunk = rowsPerChunk(n)
  parallel(chunkCount(rows, perChunk), (logits, labels, loss, probabilities, rows, n, perChunk)) { context, chunk in
    let (logits, labels, loss, probabilities, rows, n, perChunk) = context
    for row in chunk &* perChunk..<min(rows, (chunk &+ 1) &* perChunk) {
      let x = logits + row &* n
      let label = Int(labels[row])
      let m = rowMaximum(x, n)
      // Before the probabilities overwrite it.
      let distance = label >= 0 && label < n ? Double(m) - Double(x[label]) : .nan
      let sum = softmaxRow(x, probabilities + row &* n, n, m)
      loss[row] = T(distance + scalarLog(sum))
    }
  }
}

/// Gradient of `sparseSoftmaxCrossEntropy`: dlogits[r, k] = dloss[r] · (p[r, k] - [k = labels[r]]). A label outside of
/// 0..<n makes its row NaN.
///
/// dloss, labels [rows]; probabilities, dlogits [rows, n], which may be equal.
@_specialize(where T == Float) @_specialize(where T == Double)
public func sparseSoftmaxCrossEntropyBackward<T: KernelScalar>(
  _ dloss: UnsafePointer<T>, probabilities: UnsafePointer<T>, labels: UnsafePointer<Int32>,
  dlogits: UnsafeMutablePointer<T>, rows: Int, n: Int
) {
  T.requireSpecialization()
  let perChunk = rowsPerChunk(n)
  parallel(chunkCount(rows, perChunk), (dloss, probabilities, labels, dlogits, rows, n, perChunk)) { context, chunk in
    let (dloss, probabilities, labels, dlogits, rows, n, perChunk) = context
    for row in chunk &* perChunk..<min(rows, (chunk &+ 1) &* perChunk) {
      let label = Int(labels[row])
      let isInRange = label >= 0 && label < n
      let p = probabilities + row &* n
      let atLabel = isInRange ? (p[label] - 1) * dloss[row] : 0
      scaledRow(p, dlogits + row &* n, n, isInRange ? dloss[row] : T.nan)
      if isInRange { dlogits[row &* n &+ label] = atLabel }
    }
  }
}

/// Cross-entropy of target distributions: p = softmax(logits), loss[r] = -Σₖ targets[r, k] · log p[r, k], from the
/// logits and not from p. Targets need not add up to 1.
///
/// logits, targets, probabilities [rows, n], loss [rows]; probabilities may be equal to logits or targets.
@_specialize(where T == Float) @_specialize(where T == Double)
public func softmaxCrossEntropy<T: KernelScalar>(
  _ logits: UnsafePointer<T>, targets: UnsafePointer<T>, loss: UnsafeMutablePointer<T>,
  probabilities: UnsafeMutablePointer<T>, rows: Int, n: Int
) {
  T.requireSpecialization()
  let perChunk = rowsPerChunk(n)
  parallel(chunkCount(rows, perChunk), (logits, targets, loss, probabilities, rows, n, perChunk)) { context, chunk in
    let (logits, targets, loss, probabilities, rows, n, perChunk) = context
    for row in chunk &* perChunk..<min(rows, (chunk &+ 1) &* perChunk) {
      let (x, t) = (logits + row &* n, targets + row &* n)
      let m = rowMaximum(x, n)
      // Both terms are sums of non-negative numbers for targets of a distribution: nothing cancels.
      let (mass, distance) = targetMoments(x, t, n, m)
      let sum = softmaxRow(x, probabilities + row &* n, n, m)
      loss[row] = T(distance + mass * scalarLog(sum))
    }
  }
}

/// Gradient of `softmaxCrossEntropy` by its logits: dlogits = dloss · (p · Σⱼ targets - targets), row by row.
///
/// dloss [rows]; probabilities, targets, dlogits [rows, n]; dlogits may be equal to probabilities or targets.
@_specialize(where T == Float) @_specialize(where T == Double)
public func softmaxCrossEntropyBackward<T: KernelScalar>(
  _ dloss: UnsafePointer<T>, probabilities: UnsafePointer<T>, targets: UnsafePointer<T>,
  dlogits: UnsafeMutablePointer<T>, rows: Int, n: Int
) {
  T.requireSpecialization()
  let perChunk = rowsPerChunk(n)
  parallel(chunkCount(rows, perChunk), (dloss, probabilities, targets, dlogits, rows, n, perChunk)) { context, chunk in
    let (dloss, probabilities, targets, dlogits, rows, n, perChunk) = context
    for row in chunk &* perChunk..<min(rows, (chunk &+ 1) &* perChunk) {
      let at = row &* n
      logitsGradient(probabilities + at, targets + at, dlogits + at, n, dloss[row])
    }
  }
}

/// Σ t and Σ t · (m - x).
@inline(never)
private func targetMoments<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ t: UnsafePointer<T>, _ n: Int, _ m: T
) -> (mass: Double, distance: Double) {
  let width = T.Vector.scalarCount
  let shift = T.Vector(repeating: m)
  var (mass, distance, i) = (0.0, 0.0, 0)
  while i < n {
    let end = min(n, i &+ elementsPerSum)
    var (sum, dot) = (T.Vector.zero, T.Vector.zero)
    while i &+ width <= end {
      let target = t.vector(at: i)
      sum = sum + target
      dot = T.multiplyAdd(target, shift - x.vector(at: i), dot)
      i &+= width
    }
    if i < end {
      let target = t.lanes(end &- i, at: i, else: 0)
      sum = sum + target
      // The rest is m: 0 · (m - m) adds nothing, whatever the other logits are.
      dot = T.multiplyAdd(target, shift - x.lanes(end &- i, at: i, else: m), dot)
      i = end
    }
    mass += Double(T.laneSum(sum))
    distance += Double(T.laneSum(dot))
  }
  return (mass, distance)
}

@inline(never)
private func logitsGradient<T: KernelScalar>(
  _ p: UnsafePointer<T>, _ t: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ n: Int, _ dloss: T
) {
  let width = T.Vector.scalarCount
  let mass = T.Vector(repeating: T(rowDot(t, t, n, isProduct: false)))
  let scale = T.Vector(repeating: dloss)
  var i = 0
  while i &+ width <= n {
    dx.store((p.vector(at: i) * mass - t.vector(at: i)) * scale, at: i)
    i &+= width
  }
  let rest = n &- i
  if rest > 0 {
    dx.store(rest, of: (p.lanes(rest, at: i, else: 0) * mass - t.lanes(rest, at: i, else: 0)) * scale, at: i)
  }
}

/// y = x · factor.
@inline(never)
private func scaledRow<T: KernelScalar>(_ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ n: Int, _ factor: T) {
  let width = T.Vector.scalarCount
  let scale = T.Vector(repeating: factor)
  var i = 0
  while i &+ width <= n {
    y.store(x.vector(at: i) * scale, at: i)
    i &+= width
  }
  if i < n { y.store(n &- i, of: x.lanes(n &- i, at: i, else: 0) * scale, at: i) }
}
