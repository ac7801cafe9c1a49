import Parallel

/// `y[o, k, i] = Σ x[o, j, i] over j ≤ k` (`j ≥ k` when reversed) for x of shape (outer, n, inner); y may equal x.
/// Single runs are added up in Double.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func cumulativeSum<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, outer: Int, n: Int, inner: Int, reversed: Bool
) {
  T.requireSpecialization()
  guard outer > 0, n > 0, inner > 0 else { return }
  let perChunk = max(1, elementwiseChunk / (n &* inner))
  parallel((outer &+ perChunk &- 1) / perChunk, (x, y, (outer, n, inner, perChunk, reversed))) { context, chunk in
    let (x, y, (outer, n, inner, perChunk, reversed)) = context
    for o in chunk &* perChunk..<min(outer, (chunk &+ 1) &* perChunk) {
      let first = (o &* n &+ (reversed ? n &- 1 : 0)) &* inner
      let step = reversed ? 0 &- inner : inner
      if inner == 1 {
        var sum = 0.0
        for k in 0..<n {
          let position = first &+ k &* step
          sum += Double(x[position])
          y[position] = T(sum)
        }
        continue
      }
      if UnsafePointer(y) != x { (y + first).update(from: x + first, count: inner) }
      for k in 1..<n {
        let position = first &+ k &* step
        mapRun(BinaryFunctions.Add<T>(), UnsafePointer(y + (position &- step)), x + position, y + position, inner)
      }
    }
  }
}
