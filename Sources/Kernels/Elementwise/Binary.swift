/// Functions of two floating-point arrays.
public enum BinaryOperation: UInt8, CaseIterable, Sendable {
  case add, subtract, multiply, divide, power, maximum, minimum, floorDivide, remainder
}

/// `out = op(a, b)` under NumPy's broadcasting rules. An operand that has the output's shape may equal `out`.
///
/// Edge values are NumPy's: division is IEEE's, power(x, 0) = 1, maximum and minimum give NaN if either is NaN, the
/// remainder has the divisor's sign and is NaN for a divisor of 0. A single exponent of 0.5, 1, 2, 3 or -1 becomes a
/// square root, copy, products or a reciprocal.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func binary<T: KernelScalar>(
  _ op: BinaryOperation, _ a: UnsafePointer<T>, _ b: UnsafePointer<T>, _ out: UnsafeMutablePointer<T>,
  _ broadcast: Broadcast
) {
  T.requireSpecialization()
  typealias F = BinaryFunctions
  switch op {
  case .add: runBroadcast(VectorKernel(f: F.Add<T>()), a, b, out, broadcast)
  case .subtract: runBroadcast(VectorKernel(f: F.Subtract<T>()), a, b, out, broadcast)
  case .multiply: runBroadcast(VectorKernel(f: F.Multiply<T>()), a, b, out, broadcast)
  case .divide: runBroadcast(VectorKernel(f: F.Divide<T>()), a, b, out, broadcast)
  case .power:
    if broadcast.count > 0 && broadcast.bIsScalar && broadcast.isDense(broadcast.aStrides) {
      let n = broadcast.count
      switch b[0] {
      case 0.5: return parallelMap(UnaryFunctions.Sqrt<T>(), a, out, n)
      case 1: return parallelMap(F.Identity<T>(), a, out, n)
      case 2: return parallelMap(UnaryFunctions.Square<T>(), a, out, n)
      case 3: return parallelMap(F.Cube<T>(), a, out, n)
      case -1: return parallelMap(UnaryFunctions.Reciprocal<T>(), a, out, n)
      default: break
      }
    }
    runBroadcast(VectorKernel(f: F.Power<T>()), a, b, out, broadcast)
  case .maximum: runBroadcast(VectorKernel(f: F.Maximum<T>()), a, b, out, broadcast)
  case .minimum: runBroadcast(VectorKernel(f: F.Minimum<T>()), a, b, out, broadcast)
  case .floorDivide: runBroadcast(VectorKernel(f: F.FloorDivide<T>()), a, b, out, broadcast)
  case .remainder: runBroadcast(VectorKernel(f: F.Remainder<T>()), a, b, out, broadcast)
  }
}
