/// `y[j · yStride + i] = x[i · xStride + j]` for i < rows, j < columns.
@inline(__always)
func transposeTile<E: SIMDScalar>(
  _ x: UnsafePointer<E>, _ xStride: Int, _ y: UnsafeMutablePointer<E>, _ yStride: Int, _ rows: Int, _ columns: Int
) {
  var j = 0
  while j &+ 8 <= columns {
    // Two blocks side by side: whole cache lines, which rows at a distance of a power of two drive out soon.
    let width = j &+ 16 <= columns ? 16 : 8
    var i = 0
    while i &+ 8 <= rows {
      for block in stride(from: j, to: j &+ width, by: 8) {
        transpose8(x + (i &* xStride &+ block), xStride, y + (block &* yStride &+ i), yStride)
      }
      i &+= 8
    }
    while i < rows {
      for k in j..<j &+ width { y[k &* yStride &+ i] = x[i &* xStride &+ k] }
      i &+= 1
    }
    j &+= width
  }
  while j < columns {
    for i in 0..<rows { y[j &* yStride &+ i] = x[i &* xStride &+ j] }
    j &+= 1
  }
}

/// Eight by eight: interleaving row i with row i + 4 rotates the bits of (row, column) by one; three times swaps them.
@inline(__always)
private func transpose8<E: SIMDScalar>(
  _ x: UnsafePointer<E>, _ xStride: Int, _ y: UnsafeMutablePointer<E>, _ yStride: Int
) {
  @inline(__always) func row(_ i: Int) -> SIMD8<E> {
    UnsafeRawPointer(x + i &* xStride).loadUnaligned(as: SIMD8<E>.self)
  }
  @inline(__always) func store(_ v: SIMD8<E>, _ i: Int) {
    UnsafeMutableRawPointer(y + i &* yStride).storeBytes(of: v, as: SIMD8<E>.self)
  }
  let a = interleave4(row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7))
  let b = interleave4(a.0, a.1, a.2, a.3, a.4, a.5, a.6, a.7)
  let c = interleave4(b.0, b.1, b.2, b.3, b.4, b.5, b.6, b.7)
  store(c.0, 0)
  store(c.1, 1)
  store(c.2, 2)
  store(c.3, 3)
  store(c.4, 4)
  store(c.5, 5)
  store(c.6, 6)
  store(c.7, 7)
}

private typealias Eight<E: SIMDScalar> = (
  SIMD8<E>, SIMD8<E>, SIMD8<E>, SIMD8<E>, SIMD8<E>, SIMD8<E>, SIMD8<E>, SIMD8<E>
)

@inline(__always)
private func interleave4<E: SIMDScalar>(
  _ r0: SIMD8<E>, _ r1: SIMD8<E>, _ r2: SIMD8<E>, _ r3: SIMD8<E>, _ r4: SIMD8<E>, _ r5: SIMD8<E>, _ r6: SIMD8<E>,
  _ r7: SIMD8<E>
) -> Eight<E> {
  @inline(__always) func interleaved(_ even: SIMD8<E>, _ odd: SIMD8<E>) -> SIMD16<E> {
    var both = SIMD16<E>()
    both.evenHalf = even
    both.oddHalf = odd
    return both
  }
  let (s0, s1, s2, s3) = (interleaved(r0, r4), interleaved(r1, r5), interleaved(r2, r6), interleaved(r3, r7))
  return (s0.lowHalf, s0.highHalf, s1.lowHalf, s1.highHalf, s2.lowHalf, s2.highHalf, s3.lowHalf, s3.highHalf)
}
