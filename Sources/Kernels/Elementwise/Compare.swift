/// Comparisons of two arrays, 1 where true and 0 where false. Only `notEqual` is true for NaN.
public enum ComparisonOperation: UInt8, CaseIterable, Sendable {
  case equal, notEqual, less, lessEqual, greater, greaterEqual
}

/// Element functions behind `ComparisonOperation`. Comparisons of the other direction swap the operands rather than negate,
/// which NaN would not survive.
enum ComparisonFunctions {
  struct Equal<Input: Comparable & BitwiseCopyable>: ElementFunction {
    @inline(__always) func callAsFunction(_ a: Input, _ b: Input) -> UInt8 { a == b ? 1 : 0 }
  }

  struct NotEqual<Input: Comparable & BitwiseCopyable>: ElementFunction {
    @inline(__always) func callAsFunction(_ a: Input, _ b: Input) -> UInt8 { a == b ? 0 : 1 }
  }

  struct Less<Input: Comparable & BitwiseCopyable>: ElementFunction {
    @inline(__always) func callAsFunction(_ a: Input, _ b: Input) -> UInt8 { a < b ? 1 : 0 }
  }

  struct LessEqual<Input: Comparable & BitwiseCopyable>: ElementFunction {
    @inline(__always) func callAsFunction(_ a: Input, _ b: Input) -> UInt8 { a <= b ? 1 : 0 }
  }

  struct Greater<Input: Comparable & BitwiseCopyable>: ElementFunction {
    @inline(__always) func callAsFunction(_ a: Input, _ b: Input) -> UInt8 { b < a ? 1 : 0 }
  }

  struct GreaterEqual<Input: Comparable & BitwiseCopyable>: ElementFunction {
    @inline(__always) func callAsFunction(_ a: Input, _ b: Input) -> UInt8 { b <= a ? 1 : 0 }
  }
}

/// `out = op(a, b)` under NumPy's broadcasting rules, as 0 and 1.
@_specialize(where T == Float)
@_specialize(where T == Double)
@_specialize(where T == Int32)
@_specialize(where T == Int64)
@_specialize(where T == UInt8)
public func compare<T: Comparable & BitwiseCopyable>(
  _ op: ComparisonOperation, _ a: UnsafePointer<T>, _ b: UnsafePointer<T>, _ out: UnsafeMutablePointer<UInt8>,
  _ broadcast: Broadcast
) {
  typealias F = ComparisonFunctions
  switch op {
  case .equal: runBroadcast(ElementKernel(f: F.Equal<T>()), a, b, out, broadcast)
  case .notEqual: runBroadcast(ElementKernel(f: F.NotEqual<T>()), a, b, out, broadcast)
  case .less: runBroadcast(ElementKernel(f: F.Less<T>()), a, b, out, broadcast)
  case .lessEqual: runBroadcast(ElementKernel(f: F.LessEqual<T>()), a, b, out, broadcast)
  case .greater: runBroadcast(ElementKernel(f: F.Greater<T>()), a, b, out, broadcast)
  case .greaterEqual: runBroadcast(ElementKernel(f: F.GreaterEqual<T>()), a, b, out, broadcast)
  }
}

/// Element functions on truth values: any non-zero byte is true.
enum LogicalFunctions {
  struct And: ElementFunction {
    @inline(__always) func callAsFunction(_ a: UInt8, _ b: UInt8) -> UInt8 { a != 0 && b != 0 ? 1 : 0 }
  }

  struct Or: ElementFunction {
    @inline(__always) func callAsFunction(_ a: UInt8, _ b: UInt8) -> UInt8 { a | b != 0 ? 1 : 0 }
  }
}

/// `out = a and b` as 0 and 1, broadcasting; any non-zero byte is true. An operand of the output's shape may equal it.
public func logicalAnd(
  _ a: UnsafePointer<UInt8>, _ b: UnsafePointer<UInt8>, _ out: UnsafeMutablePointer<UInt8>, _ broadcast: Broadcast
) {
  runBroadcast(ElementKernel(f: LogicalFunctions.And()), a, b, out, broadcast)
}

/// `out = a or b` as 0 and 1, broadcasting; any non-zero byte is true. An operand of the output's shape may equal it.
public func logicalOr(
  _ a: UnsafePointer<UInt8>, _ b: UnsafePointer<UInt8>, _ out: UnsafeMutablePointer<UInt8>, _ broadcast: Broadcast
) {
  runBroadcast(ElementKernel(f: LogicalFunctions.Or()), a, b, out, broadcast)
}

/// `y[i] = x[i] == 0 ? 1 : 0`; y may equal x.
public func logicalNot(_ x: UnsafePointer<UInt8>, _ y: UnsafeMutablePointer<UInt8>, _ n: Int) {
  for i in 0..<n { y[i] = x[i] == 0 ? 1 : 0 }
}
