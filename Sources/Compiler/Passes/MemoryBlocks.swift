/// A piece of memory that is needed from one step to another.
struct MemoryBlock {
  let id: Int
  let bytes: Int
  let first: Int
  let last: Int
}

/// Offsets in one arena, such that blocks needed at the same time do not overlap: the largest block first, each at the
/// lowest place that is free during its life. Offsets are multiples of 64.
func assignOffsets(_ blocks: [MemoryBlock]) -> (offsets: [Int: Int], total: Int) {
  var offsets: [Int: Int] = [:]
  var total = 0
  var placed: [(block: MemoryBlock, offset: Int, end: Int)] = []
  for block in blocks.sorted(by: { ($0.bytes, $1.id) > ($1.bytes, $0.id) }) {
    let size = (max(block.bytes, 1) + 63) & ~63
    let rivals =
      placed
      .filter { $0.block.first <= block.last && block.first <= $0.block.last }
      .sorted { $0.offset < $1.offset }
    var offset = 0
    for rival in rivals {
      if offset + size <= rival.offset { break }
      offset = max(offset, rival.end)
    }
    placed.append((block, offset, offset + size))
    offsets[block.id] = offset
    total = max(total, offset + size)
  }
  return (offsets, total)
}
