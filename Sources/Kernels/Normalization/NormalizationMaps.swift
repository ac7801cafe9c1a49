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
