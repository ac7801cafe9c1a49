/// Element-wise comparisons and logic; results are bytes 0 or 1.
public enum ComparisonOperation: UInt8, CaseIterable, Sendable {
  case equal, notEqual, less, lessEqual, greater, greaterEqual
}

public enum LogicalOperation: UInt8, CaseIterable, Sendable {
  case and, or
}

/// out = a ? b under broadcasting. NaN compares unequal to everything.
@_specialize(where T == Float)
@_specialize(where T == Double)
@_specialize(where T == Int32)
@_specialize(where T == Int64)
@_specialize(where T == UInt8)
@_specialize(where T == UInt32)
public func compare<T: Comparable>(
  _ operation: ComparisonOperation, _ a: UnsafePointer<T>, _ b: UnsafePointer<T>, _ out: UnsafeMutablePointer<UInt8>,
  _ shape: Broadcast
) {
  switch operation {
  case .equal: forEachPair(a, b, out, shape) { $0 == $1 ? 1 : 0 }
  case .notEqual: forEachPair(a, b, out, shape) { $0 != $1 ? 1 : 0 }
  case .less: forEachPair(a, b, out, shape) { $0 < $1 ? 1 : 0 }
  case .lessEqual: forEachPair(a, b, out, shape) { $0 <= $1 ? 1 : 0 }
  case .greater: forEachPair(a, b, out, shape) { $0 > $1 ? 1 : 0 }
  case .greaterEqual: forEachPair(a, b, out, shape) { $0 >= $1 ? 1 : 0 }
  }
}

/// out = a and b, or a or b, on bytes where nonzero is true.
public func logical(
  _ operation: LogicalOperation, _ a: UnsafePointer<UInt8>, _ b: UnsafePointer<UInt8>,
  _ out: UnsafeMutablePointer<UInt8>, _ shape: Broadcast
) {
  switch operation {
  case .and: forEachPair(a, b, out, shape) { $0 != 0 && $1 != 0 ? 1 : 0 }
  case .or: forEachPair(a, b, out, shape) { $0 != 0 || $1 != 0 ? 1 : 0 }
  }
}

/// out = not a.
public func logicalNot(_ a: UnsafePointer<UInt8>, _ out: UnsafeMutablePointer<UInt8>, _ count: Int) {
  for i in 0..<count { out[i] = a[i] == 0 ? 1 : 0 }
}

/// out = condition ? a : b. `values` describes how a and b meet in the result's shape, `conditions` how the condition
/// does (its second operand is the result itself).
@_specialize(where T == UInt8)
@_specialize(where T == UInt32)
@_specialize(where T == UInt64)
public func select<T: FixedWidthInteger>(
  _ condition: UnsafePointer<UInt8>, _ a: UnsafePointer<T>, _ b: UnsafePointer<T>, _ out: UnsafeMutablePointer<T>,
  conditions: Broadcast, values: Broadcast
) {
  // The two descriptions merge axes differently, so the condition is followed element by element.
  let (aStep, bStep) = (values.aStrides[values.rank &- 1], values.bStrides[values.rank &- 1])
  let length = values.rowLength
  let conditionLength = conditions.rowLength
  let conditionStep = conditions.aStrides[conditions.rank &- 1]
  var conditionRow = 0
  var position = 0
  var start = conditions.offsets(row: 0).a
  for row in 0..<values.rowCount {
    let offset = values.offsets(row: row)
    let (x, y, z) = (a + offset.a, b + offset.b, out + row &* length)
    for i in 0..<length {
      if position == conditionLength {
        position = 0
        conditionRow &+= 1
        start = conditions.offsets(row: conditionRow).a
      }
      z[i] = condition[start &+ position &* conditionStep] != 0 ? x[i &* aStep] : y[i &* bStep]
      position &+= 1
    }
  }
}
