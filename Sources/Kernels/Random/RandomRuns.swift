import Parallel

/// Elements of one chunk, and of one piece of it, whose words and intermediate results stay in the first-level cache.
private let chunkElements = 16_384
private let pieceElements = 512

/// Calls `body` for pieces of 0..<count with the random words of each, from word start · wordsPerElement of the stream,
/// so that results do not depend on the pieces. `scratch` holds `pieceElements` Doubles.
///
/// `body` must capture nothing.
@inline(__always)
func forEachRandomPiece<Context>(
  _ count: Int, wordsPerElement: Int, _ philox: Philox, _ context: Context,
  _ body:
    @escaping (
      _ context: Context, _ start: Int, _ count: Int, _ words: UnsafePointer<UInt32>,
      _ scratch: UnsafeMutablePointer<Double>
    ) -> Void
) {
  let chunks = (count &+ chunkElements &- 1) / chunkElements
  let scratchBytes = pieceElements &* (MemoryLayout<Double>.size &+ 2 &* MemoryLayout<UInt32>.size)
  parallel(chunks, scratchBytes: scratchBytes, (context, body, philox, count, wordsPerElement)) {
    work, chunk, scratch in
    let (context, body, philox, count, wordsPerElement) = work
    let doubles = scratch.assumingMemoryBound(to: Double.self)
    let words = (scratch + pieceElements &* MemoryLayout<Double>.size).assumingMemoryBound(to: UInt32.self)
    let end = min(count, (chunk &+ 1) &* chunkElements)
    var start = chunk &* chunkElements
    while start < end {
      let piece = min(pieceElements, end &- start)
      let groups = (piece &* wordsPerElement &+ Philox.groupWords &- 1) / Philox.groupWords
      philox.fill(words, first: start &* wordsPerElement / Philox.groupWords, count: groups)
      body(context, start, piece, UnsafePointer(words), doubles)
      start &+= piece
    }
  }
}

/// 2^-32·(word + ½), in (0, 1).
@inline(__always)
func probability(_ word: UInt32) -> Double {
  // The word's bits below a 1 in the exponent: no conversion from integers, which old levels lack.
  Double(bitPattern: 0x3ff0_0000_0000_0000 | UInt64(word) &<< 20) - (1 - 0x1p-33)
}

/// 52 bits of a pair of words as a multiple of 2^-52 in [0, 1).
@inline(__always)
func unitInterval(_ words: UnsafePointer<UInt32>, _ index: Int) -> Double {
  let pair = UInt64(words[2 &* index]) | UInt64(words[2 &* index &+ 1]) &<< 32
  return Double(bitPattern: 0x3ff0_0000_0000_0000 | pair &>> 12) - 1
}
