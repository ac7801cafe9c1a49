/// Functions of two integer arrays. Division and remainder round towards minus infinity, as Python's `//` and `%`.
public enum IntegerOperation: UInt8, CaseIterable, Sendable {
  case add, subtract, multiply, floorDivide, remainder, maximum, minimum, and, or, xor, leftShift, rightShift
}

enum IntegerFunctions {
  struct Add<Input: FixedWidthInteger & BitwiseCopyable>: ElementFunction {
    @inline(__always) func callAsFunction(_ a: Input, _ b: Input) -> Input { a &+ b }
  }

  struct Subtract<Input: FixedWidthInteger & BitwiseCopyable>: ElementFunction {
    @inline(__always) func callAsFunction(_ a: Input, _ b: Input) -> Input { a &- b }
  }

  struct Multiply<Input: FixedWidthInteger & BitwiseCopyable>: ElementFunction {
    @inline(__always) func callAsFunction(_ a: Input, _ b: Input) -> Input { a &* b }
  }

  /// 0 for a zero divisor; the smallest integer divided by -1 wraps to itself (the processor would trap on both).
  struct FloorDivide<Input: FixedWidthInteger & BitwiseCopyable>: ElementFunction {
    @inline(__always) func callAsFunction(_ a: Input, _ b: Input) -> Input {
      if b == 0 { return 0 }
      if Input.isSigned && b == 0 &- 1 { return 0 &- a }
      let quotient = a / b
      let leavesRest = quotient &* b != a
      return leavesRest && (a < 0) != (b < 0) ? quotient &- 1 : quotient
    }
  }

  struct Remainder<Input: FixedWidthInteger & BitwiseCopyable>: ElementFunction {
    @inline(__always) func callAsFunction(_ a: Input, _ b: Input) -> Input {
      if b == 0 || (Input.isSigned && b == 0 &- 1) { return 0 }
      let rest = a % b
      return rest != 0 && (rest < 0) != (b < 0) ? rest &+ b : rest
    }
  }

  struct Maximum<Input: FixedWidthInteger & BitwiseCopyable>: ElementFunction {
    @inline(__always) func callAsFunction(_ a: Input, _ b: Input) -> Input { a > b ? a : b }
  }

  struct Minimum<Input: FixedWidthInteger & BitwiseCopyable>: ElementFunction {
    @inline(__always) func callAsFunction(_ a: Input, _ b: Input) -> Input { a < b ? a : b }
  }
}

extension IntegerFunctions {
  struct And<Input: FixedWidthInteger & BitwiseCopyable>: ElementFunction {
    @inline(__always) func callAsFunction(_ a: Input, _ b: Input) -> Input { a & b }
  }

  struct Or<Input: FixedWidthInteger & BitwiseCopyable>: ElementFunction {
    @inline(__always) func callAsFunction(_ a: Input, _ b: Input) -> Input { a | b }
  }

  struct Xor<Input: FixedWidthInteger & BitwiseCopyable>: ElementFunction {
    @inline(__always) func callAsFunction(_ a: Input, _ b: Input) -> Input { a ^ b }
  }

  /// 0 for a shift by all bits or more, or by a negative number, as in NumPy.
  struct LeftShift<Input: FixedWidthInteger & BitwiseCopyable>: ElementFunction {
    @inline(__always) func callAsFunction(_ a: Input, _ b: Input) -> Input {
      b >= 0 && b < Input.bitWidth ? a &<< b : 0
    }
  }

  /// The sign alone remains of a shift by all bits or more, or by a negative number, as in NumPy.
  struct RightShift<Input: FixedWidthInteger & BitwiseCopyable>: ElementFunction {
    @inline(__always) func callAsFunction(_ a: Input, _ b: Input) -> Input {
      b >= 0 && b < Input.bitWidth ? a &>> b : (a < 0 ? 0 &- 1 : 0)
    }
  }
}

/// `out = op(a, b)` on integers, broadcasting; results wrap on overflow, division by zero gives 0, as in NumPy. An
/// operand that has the output's shape may equal `out`.
@_specialize(where T == Int32)
@_specialize(where T == UInt32)
@_specialize(where T == Int64)
public func binaryInteger<T: FixedWidthInteger & BitwiseCopyable>(
  _ op: IntegerOperation, _ a: UnsafePointer<T>, _ b: UnsafePointer<T>, _ out: UnsafeMutablePointer<T>,
  _ broadcast: Broadcast
) {
  typealias F = IntegerFunctions
  switch op {
  case .add: runBroadcast(ElementKernel(f: F.Add<T>()), a, b, out, broadcast)
  case .subtract: runBroadcast(ElementKernel(f: F.Subtract<T>()), a, b, out, broadcast)
  case .multiply: runBroadcast(ElementKernel(f: F.Multiply<T>()), a, b, out, broadcast)
  case .floorDivide: runBroadcast(ElementKernel(f: F.FloorDivide<T>()), a, b, out, broadcast)
  case .remainder: runBroadcast(ElementKernel(f: F.Remainder<T>()), a, b, out, broadcast)
  case .maximum: runBroadcast(ElementKernel(f: F.Maximum<T>()), a, b, out, broadcast)
  case .minimum: runBroadcast(ElementKernel(f: F.Minimum<T>()), a, b, out, broadcast)
  case .and: runBroadcast(ElementKernel(f: F.And<T>()), a, b, out, broadcast)
  case .or: runBroadcast(ElementKernel(f: F.Or<T>()), a, b, out, broadcast)
  case .xor: runBroadcast(ElementKernel(f: F.Xor<T>()), a, b, out, broadcast)
  case .leftShift: runBroadcast(ElementKernel(f: F.LeftShift<T>()), a, b, out, broadcast)
  case .rightShift: runBroadcast(ElementKernel(f: F.RightShift<T>()), a, b, out, broadcast)
  }
}
