import Kernels
import Testing

/// A matrix in Double with plain loops: what factorizations are compared with.
struct PlainMatrix {
  let rows, columns: Int
  var values: [Double]

  init(_ rows: Int, _ columns: Int, _ values: [Double]) {
    precondition(values.count == rows * columns)
    (self.rows, self.columns, self.values) = (rows, columns, values)
  }

  init(_ rows: Int, _ columns: Int, _ element: (Int, Int) -> Double) {
    self.init(rows, columns, (0..<rows).flatMap { i in (0..<columns).map { element(i, $0) } })
  }

  static func identity(_ n: Int) -> PlainMatrix { PlainMatrix(n, n) { $0 == $1 ? 1 : 0 } }

  /// The numbers of a batch's matrix, as the kernel's type holds them.
  init<T: BinaryFloatingPoint>(_ rows: Int, _ columns: Int, _ values: [T], matrix: Int) {
    let count = rows * columns
    self.init(rows, columns, values[matrix * count..<(matrix + 1) * count].map { Double($0) })
  }

  subscript(i: Int, j: Int) -> Double { values[i * columns + j] }
  var transposed: PlainMatrix { PlainMatrix(columns, rows) { self[$1, $0] } }
  /// The largest element; NaN if there is one.
  var size: Double { values.reduce(0) { $1.isNaN || $0.isNaN ? .nan : max($0, abs($1)) } }

  static func * (a: PlainMatrix, b: PlainMatrix) -> PlainMatrix {
    var c = PlainMatrix(a.rows, b.columns) { _, _ in 0 }
    for i in 0..<a.rows {
      for k in 0..<a.columns {
        for j in 0..<b.columns { c.values[i * b.columns + j] += a[i, k] * b[k, j] }
      }
    }
    return c
  }

  static func - (a: PlainMatrix, b: PlainMatrix) -> PlainMatrix {
    PlainMatrix(a.rows, a.columns, zip(a.values, b.values).map { $0 - $1 })
  }
}

/// |a - b| within a few roundings per row and column of what is of size `scale`.
func expectEqual<T: KernelScalar>(
  _ a: PlainMatrix, _ b: PlainMatrix, scale: Double, as _: T.Type, _ what: @autoclosure () -> String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let limit = 4 * roundoff(T.self) * Double(max(a.rows, a.columns, 4)) * scale
  let difference = (a - b).size
  #expect(difference <= limit, "\(what()): off by \(difference)", sourceLocation: sourceLocation)
}

/// The pairs of a broadcast batch, as long as the body runs.
func withBatchPairs(left: [Int], right: [Int], _ body: (BatchPairs) -> Void) {
  left.withUnsafeBufferPointer { left in
    right.withUnsafeBufferPointer { right in
      body(BatchPairs(count: left.count, left: left.baseAddress, right: right.baseAddress))
    }
  }
}
