import Parallel

/// Elements of one parallel chunk of element-wise work; smaller work stays on the caller's thread.
let elementsPerChunk = 32_768

/// Runs `body(context, begin, end)` over `0..<count` in chunks that depend on the count only. `body` must capture
/// nothing.
@inline(__always)
func parallelRanges<Context>(
  _ count: Int, _ context: Context, _ body: @escaping (Context, Int, Int) -> Void
) {
  if count <= elementsPerChunk { return body(context, 0, count) }
  let chunks = (count &+ elementsPerChunk &- 1) / elementsPerChunk
  parallel(chunks, (context, body, count)) { work, chunk in
    let begin = chunk &* elementsPerChunk
    work.1(work.0, begin, Swift.min(begin &+ elementsPerChunk, work.2))
  }
}
