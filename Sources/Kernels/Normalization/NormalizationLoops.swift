extension UnsafeMutablePointer where Pointee == Double {
  /// Adds a vector of sums to the Doubles from `index`, converted.
  @inline(__always)
  func add<T: KernelScalar>(_ sums: T.Vector, as type: T.Type, at index: Int) {
    if T.self == Float.self {
      let floats = unsafeBitCast(sums, to: FloatVector.self)
      let half = DoubleVector.scalarCount
      store(vector(at: index) + DoubleVector(floats.lowHalf), at: index)
      store(vector(at: index &+ half) + DoubleVector(floats.highHalf), at: index &+ half)
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

/// Runs of fewer vectors are mapped as they lie; longer ones start with a part, so that the other stores are aligned.
@inline(__always) var vectorsWorthAligning: Int { 16 }

/// Maps four rows, column by column, so that coefficients are loaded once for all.
@inline(never)
func mapFourRows<M: MapTerm>(_ map: M, _ start: Int, _ pitch: Int, _ columns: Range<Int>) {
  let v = M.T.Vector.scalarCount
  var column = columns.lowerBound
  if columns.count >= vectorsWorthAligning &* v && pitch & (v &- 1) == 0 {
    let lead = map.lead(start &+ column, limit: v)
    if lead > 0 {
      let lane = map.lane(at: column)
      for row in 0..<4 { map.apply(lane, start &+ column &+ row &* pitch, PartVector(count: lead)) }
      column &+= lead
    }
  }
  while column &+ v <= columns.upperBound {
    let lane = map.lane(at: column)
    let index = start &+ column
    map.apply(lane, index, WholeVector())
    map.apply(lane, index &+ pitch, WholeVector())
    map.apply(lane, index &+ 2 &* pitch, WholeVector())
    map.apply(lane, index &+ 3 &* pitch, WholeVector())
    column &+= v
  }
  let rest = columns.upperBound &- column
  if rest > 0 {
    let lane = map.lane(at: column)
    for row in 0..<4 { map.apply(lane, start &+ column &+ row &* pitch, PartVector(count: rest)) }
  }
}

/// Maps rows of whole vectors that follow each other in memory as one run: after a part, all stores are aligned, and a
/// row's last vector reaches into the next row; so the table repeats its first vector behind its last column.
/// `reach` is a whole or a streamed vector.
@inline(never)
func mapRowsAsRun<M: MapTerm, R: VectorReach>(_ map: M, _ start: Int, _ rows: Int, _ width: Int, _ reach: R) {
  if rows == 0 { return }
  let v = M.T.Vector.scalarCount
  let lead = map.lead(start, limit: v)
  if lead > 0 { map.apply(map.lane(at: 0), start, PartVector(count: lead)) }
  var index = start &+ lead
  // The part at the end has the place of the last row's last vector.
  let end = start &+ rows &* width &- (lead > 0 ? v : 0)
  if width == 4 &* v {
    let (lane0, lane1) = (map.lane(at: lead), map.lane(at: lead &+ v))
    let (lane2, lane3) = (map.lane(at: lead &+ 2 &* v), map.lane(at: lead &+ 3 &* v))
    while index &+ 4 &* v <= end &+ lead {
      map.apply(lane0, index, reach)
      map.apply(lane1, index &+ v, reach)
      map.apply(lane2, index &+ 2 &* v, reach)
      map.apply(lane3, index &+ 3 &* v, reach)
      index &+= 4 &* v
    }
  }
  while index < end {
    let rowEnd = min(index &+ width, end &+ lead)
    var column = lead
    while index < rowEnd {
      map.apply(map.lane(at: column), index, reach)
      column &+= v
      index &+= v
    }
  }
  if lead > 0 { map.apply(map.lane(at: width &- v &+ lead), index, PartVector(count: v &- lead)) }
}

@inline(never)
func mapRow<M: MapTerm, R: VectorReach>(_ map: M, _ start: Int, _ columns: Range<Int>, _ reach: R) {
  let v = M.T.Vector.scalarCount
  var column = columns.lowerBound
  if R.isStreamed || columns.count >= vectorsWorthAligning &* v {
    let lead = map.lead(start &+ column, limit: columns.count)
    if lead > 0 { map.apply(map.lane(at: column), start &+ column, PartVector(count: lead)) }
    column &+= lead
  }
  while column &+ v <= columns.upperBound {
    map.apply(map.lane(at: column), start &+ column, reach)
    column &+= v
  }
  let rest = columns.upperBound &- column
  if rest > 0 { map.apply(map.lane(at: column), start &+ column, PartVector(count: rest)) }
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

/// How far ahead of the element at hand loops ask for what they will read and write.
struct Ahead {
  var reads, writes: Int
  @inline(__always) static var nothing: Ahead { Ahead(reads: 0, writes: 0) }
}

/// Maps a run of one channel.
@inline(never)
func mapRun<M: MapTerm, R: VectorReach, Prefetch: Flag>(
  _ map: M, _ channel: Int, _ start: Int, _ count: Int, _ ahead: Ahead, _ reach: R, _ prefetch: Prefetch.Type
) {
  let v = M.T.Vector.scalarCount
  let lane = map.lane(channel: channel)
  var index = start
  let end = start &+ count
  if R.isStreamed || count >= vectorsWorthAligning &* v {
    let lead = map.lead(start, limit: count)
    if lead > 0 { map.apply(lane, start, PartVector(count: lead)) }
    index &+= lead
  }
  while index &+ 4 &* v <= end {
    if Prefetch.isSet {
      for k in 0..<4 { map.prefetch(index &+ ahead.reads &+ k &* v) }
      // Streamed stores would only throw out what was fetched for them.
      if !R.isStreamed { for k in 0..<4 { map.prefetchOutput(index &+ ahead.writes &+ k &* v) } }
    }
    map.apply(lane, index, reach)
    map.apply(lane, index &+ v, reach)
    map.apply(lane, index &+ 2 &* v, reach)
    map.apply(lane, index &+ 3 &* v, reach)
    index &+= 4 &* v
  }
  while index &+ v <= end {
    map.apply(lane, index, reach)
    index &+= v
  }
  if index < end { map.apply(lane, index, PartVector(count: end &- index)) }
}

/// Maps planes of at least one vector that follow each other in memory, the first of which belongs to `channel`.
///
/// The last vector of a plane ends with it and overlaps the one before; it is read before that is written, as the output
/// may be the input. No plane needs a partial vector then, of which planes this short would have one in four.
@inline(never)
func mapShortPlanes<M: MapTerm>(_ map: M, _ planes: Range<Int>, _ channels: Int, _ length: Int) {
  let v = M.T.Vector.scalarCount
  let whole = WholeVector()
  var channel = planes.lowerBound % channels
  var index = planes.lowerBound &* length
  for _ in planes {
    let lane = map.lane(channel: channel)
    let last = index &+ length &- v
    let end = map.value(lane, last, whole)
    while index < last {
      map.apply(lane, index, whole)
      index &+= v
    }
    whole.store(end, map.output, last)
    index = last &+ v
    channel = channel &+ 1 == channels ? 0 : channel &+ 1
  }
}
