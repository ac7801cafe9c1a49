import CIntrinsics

extension UnsafeMutablePointer where Pointee == Double {
  /// Adds a vector of sums to the Doubles from `index`, converted.
  @inline(__always)
  func add<T: KernelScalar>(_ sums: T.Vector, as type: T.Type, at index: Int) {
    if T.self == Float.self {
      let floats = unsafeBitCast(sums, to: FloatVector.self)
      let half = DoubleVector.scalarCount
      store(vector(at: index) + sbn_low_doubles(floats), at: index)
      store(vector(at: index &+ half) + sbn_high_doubles(floats), at: index &+ half)
    } else {
      store(vector(at: index) + unsafeBitCast(sums, to: DoubleVector.self), at: index)
    }
  }

  @inline(__always)
  func addPair<T: KernelScalar>(_ first: T.Vector, _ second: T.Vector, as type: T.Type, at index: Int, stride: Int) {
    add(first, as: type, at: index)
    add(second, as: type, at: index &+ stride)
  }
}

/// Adds four vectors of columns over `rows` rows to `totals` (first sums, and second sums `stride` behind).
@inline(never)
func addFourColumns<S: SumTerm, Prefetch: Flag>(
  _ term: S, _ start: Int, _ pitch: Int, _ rows: Int, _ column: Int, _ totals: UnsafeMutablePointer<Double>,
  _ stride: Int, _ ahead: Int, _ prefetch: Prefetch.Type
) {
  typealias T = S.T
  let v = T.Vector.scalarCount
  let whole = WholeVector()
  let (lane0, lane1) = (term.lane(at: column), term.lane(at: column &+ v))
  let (lane2, lane3) = (term.lane(at: column &+ 2 &* v), term.lane(at: column &+ 3 &* v))
  var (s0, s1, s2, s3) = (T.Vector.zero, T.Vector.zero, T.Vector.zero, T.Vector.zero)
  var (q0, q1, q2, q3) = (T.Vector.zero, T.Vector.zero, T.Vector.zero, T.Vector.zero)
  var index = start &+ column
  let end = index &+ rows &* pitch
  while index < end {
    if Prefetch.isSet { for k in 0..<4 { term.prefetch(index &+ ahead &+ k &* v) } }
    term.add(lane0, index, whole, &s0, &q0)
    term.add(lane1, index &+ v, whole, &s1, &q1)
    term.add(lane2, index &+ 2 &* v, whole, &s2, &q2)
    term.add(lane3, index &+ 3 &* v, whole, &s3, &q3)
    index &+= pitch
  }
  totals.addPair(s0, q0, as: T.self, at: column, stride: stride)
  totals.addPair(s1, q1, as: T.self, at: column &+ v, stride: stride)
  totals.addPair(s2, q2, as: T.self, at: column &+ 2 &* v, stride: stride)
  totals.addPair(s3, q3, as: T.self, at: column &+ 3 &* v, stride: stride)
}

/// The same for one vector of columns, or its first elements.
@inline(never)
func addColumn<S: SumTerm, R: VectorReach>(
  _ term: S, _ start: Int, _ pitch: Int, _ rows: Int, _ column: Int, _ reach: R,
  _ totals: UnsafeMutablePointer<Double>, _ stride: Int
) {
  typealias T = S.T
  let lane = term.lane(at: column)
  var (s0, q0, s1, q1) = (T.Vector.zero, T.Vector.zero, T.Vector.zero, T.Vector.zero)
  var index = start &+ column
  var row = 1
  while row < rows {
    term.add(lane, index, reach, &s0, &q0)
    term.add(lane, index &+ pitch, reach, &s1, &q1)
    index &+= 2 &* pitch
    row &+= 2
  }
  if row == rows { term.add(lane, index, reach, &s0, &q0) }
  totals.addPair(s0 + s1, q0 + q1, as: T.self, at: column, stride: stride)
}

/// Adds a block of rows, few so that lanes add few numbers before they are flushed.
@inline(__always)
func addRows<S: SumTerm>(
  _ term: S, _ start: Int, _ pitch: Int, _ rows: Int, _ columns: Range<Int>,
  _ totals: UnsafeMutablePointer<Double>, _ stride: Int, _ ahead: Int
) {
  let v = S.T.Vector.scalarCount
  var column = columns.lowerBound
  while column &+ 4 &* v <= columns.upperBound {
    if ahead == 0 {
      addFourColumns(term, start, pitch, rows, column, totals, stride, 0, No.self)
    } else {
      addFourColumns(term, start, pitch, rows, column, totals, stride, ahead, Yes.self)
    }
    column &+= 4 &* v
  }
  while column &+ v <= columns.upperBound {
    addColumn(term, start, pitch, rows, column, WholeVector(), totals, stride)
    column &+= v
  }
  let rest = columns.upperBound &- column
  if rest > 0 { addColumn(term, start, pitch, rows, column, PartVector(count: rest), totals, stride) }
}

/// The same along the rows, so that memory is read in its order; the sums of all columns are in `lanes`, two numbers for
/// each. Where the data is not in the second cache this is up to 3 times as fast as columns side by side, of which each
/// row is another page or another place in one: the processor's own prefetching follows a single stream best.
@inline(never)
func addRowsAlong<S: SumTerm>(
  _ term: S, _ start: Int, _ pitch: Int, _ rows: Int, _ columns: Range<Int>, _ lanes: UnsafeMutablePointer<S.T>,
  _ totals: UnsafeMutablePointer<Double>, _ stride: Int, _ ahead: Int
) {
  typealias T = S.T
  let v = T.Vector.scalarCount
  let length = (columns.count &+ v &- 1) & ~(v &- 1)
  let (first, second) = (lanes, lanes + length)
  first.update(repeating: 0, count: 2 &* length)
  for row in 0..<rows { addRow(term, start &+ row &* pitch, columns, first, second, ahead) }
  var offset = 0
  while offset < length {
    let column = columns.lowerBound &+ offset
    totals.addPair(first.vector(at: offset), second.vector(at: offset), as: T.self, at: column, stride: stride)
    offset &+= v
  }
}

@inline(never)
private func addRow<S: SumTerm>(
  _ term: S, _ start: Int, _ columns: Range<Int>, _ first: UnsafeMutablePointer<S.T>,
  _ second: UnsafeMutablePointer<S.T>, _ ahead: Int
) {
  let v = S.T.Vector.scalarCount
  let whole = columns.count & ~(v &- 1)
  let begin = start &+ columns.lowerBound
  var offset = 0
  while offset < whole {
    term.prefetchFar(begin &+ offset &+ ahead)
    var (s, q) = (first.vector(at: offset), second.vector(at: offset))
    term.add(term.lane(at: columns.lowerBound &+ offset), begin &+ offset, WholeVector(), &s, &q)
    first.store(s, at: offset)
    second.store(q, at: offset)
    offset &+= v
  }
  if whole < columns.count {
    var (s, q) = (first.vector(at: whole), second.vector(at: whole))
    let rest = PartVector(count: columns.count &- whole)
    term.add(term.lane(at: columns.lowerBound &+ whole), begin &+ whole, rest, &s, &q)
    first.store(s, at: whole)
    second.store(q, at: whole)
  }
}

/// Adds a run of one channel to `totals`: a vector's worth of Doubles for each of the two sums.
@inline(never)
func addRun<S: SumTerm, Prefetch: Flag>(
  _ term: S, _ channel: Int, _ start: Int, _ count: Int, _ totals: UnsafeMutablePointer<Double>, _ ahead: Int,
  _ prefetch: Prefetch.Type
) {
  typealias T = S.T
  let v = T.Vector.scalarCount
  let whole = WholeVector()
  let lane = term.lane(channel: channel)
  var (s0, s1, s2, s3) = (T.Vector.zero, T.Vector.zero, T.Vector.zero, T.Vector.zero)
  var (q0, q1, q2, q3) = (T.Vector.zero, T.Vector.zero, T.Vector.zero, T.Vector.zero)
  var index = start
  let end = start &+ count
  while index &+ 4 &* v <= end {
    if Prefetch.isSet { for k in 0..<4 { term.prefetch(index &+ ahead &+ k &* v) } }
    term.add(lane, index, whole, &s0, &q0)
    term.add(lane, index &+ v, whole, &s1, &q1)
    term.add(lane, index &+ 2 &* v, whole, &s2, &q2)
    term.add(lane, index &+ 3 &* v, whole, &s3, &q3)
    index &+= 4 &* v
  }
  while index &+ v <= end {
    term.add(lane, index, whole, &s0, &q0)
    index &+= v
  }
  if index < end { term.add(lane, index, PartVector(count: end &- index), &s1, &q1) }
  totals.addPair((s0 + s1) + (s2 + s3), (q0 + q1) + (q2 + q3), as: T.self, at: 0, stride: v)
}
