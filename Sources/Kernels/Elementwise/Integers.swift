/// Integer arithmetic under broadcasting. Overflow wraps; dividing by zero gives 0, as in NumPy.
///
/// `power` and `divide` are not defined on integers and leave `out` alone.
@_specialize(where I == Int32)
@_specialize(where I == Int64)
public func binaryInteger<I: FixedWidthInteger & SignedInteger>(
  _ operation: BinaryOperation, _ a: UnsafePointer<I>, _ b: UnsafePointer<I>, _ out: UnsafeMutablePointer<I>,
  _ shape: Broadcast
) {
  switch operation {
  case .add: forEachPair(a, b, out, shape) { $0 &+ $1 }
  case .subtract: forEachPair(a, b, out, shape) { $0 &- $1 }
  case .multiply: forEachPair(a, b, out, shape) { $0 &* $1 }
  case .maximum: forEachPair(a, b, out, shape) { $0 > $1 ? $0 : $1 }
  case .minimum: forEachPair(a, b, out, shape) { $0 < $1 ? $0 : $1 }
  case .floorDivide:
    forEachPair(a, b, out, shape) { x, y in
      if y == 0 { return 0 }
      if y == -1 { return 0 &- x }
      let quotient = x / y
      return x % y != 0 && (x < 0) != (y < 0) ? quotient - 1 : quotient
    }
  case .remainder:
    forEachPair(a, b, out, shape) { x, y in
      if y == 0 || y == -1 { return 0 }
      let remainder = x % y
      return remainder != 0 && (remainder < 0) != (y < 0) ? remainder + y : remainder
    }
  case .divide, .power: break
  }
}

/// out[i] = f(a[i], b[i]) element by element under broadcasting.
@inline(__always)
func forEachPair<A, R>(
  _ a: UnsafePointer<A>, _ b: UnsafePointer<A>, _ out: UnsafeMutablePointer<R>, _ shape: Broadcast,
  _ function: (A, A) -> R
) {
  let (aStep, bStep) = (shape.aStrides[shape.rank &- 1], shape.bStrides[shape.rank &- 1])
  for row in 0..<shape.rowCount {
    let offset = shape.offsets(row: row)
    let (x, y, z) = (a + offset.a, b + offset.b, out + row &* shape.rowLength)
    for i in 0..<shape.rowLength { z[i] = function(x[i &* aStep], y[i &* bStep]) }
  }
}
