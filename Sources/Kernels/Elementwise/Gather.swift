import Parallel

/// Position of the first index outside `0 ..< limit`, or -1 when all are inside. Callers check before they gather.
public func firstIndexOutOfRange(_ indices: UnsafePointer<Int64>, _ n: Int, limit: Int) -> Int {
  let bound = UInt64(limit)
  for i in 0..<n where UInt64(bitPattern: indices[i]) >= bound { return i }
  return -1
}

/// Row `r` of `out` becomes row `indices[r]` of `source`; a row is `rowBytes` bytes. Indices must be in range; source
/// and out do not overlap.
public func gatherRows(
  _ source: UnsafeRawPointer, _ indices: UnsafePointer<Int64>, _ out: UnsafeMutableRawPointer, rows: Int, rowBytes: Int
) {
  guard rows > 0, rowBytes > 0 else { return }
  let rowsPerChunk = max(1, 4 &* elementwiseChunk / rowBytes)
  let chunks = (rows &+ rowsPerChunk &- 1) / rowsPerChunk
  parallel(chunks, (source, indices, out, (rows, rowBytes, rowsPerChunk))) { context, chunk in
    let (source, indices, out, (rows, rowBytes, rowsPerChunk)) = context
    for row in chunk &* rowsPerChunk..<min(rows, (chunk &+ 1) &* rowsPerChunk) {
      (out + row &* rowBytes).copyMemory(from: source + Int(indices[row]) &* rowBytes, byteCount: rowBytes)
    }
  }
}

/// Row `r` of `out` becomes row `indices[r]` of `source`, or row `r` when `indices` is nil, converted from S to D by
/// the rules of `ConvertibleElement`, in one pass. Indices must be in range; source and out do not overlap.
public func gatherRowsConverting<S: ConvertibleElement, D: ConvertibleElement>(
  _ source: UnsafePointer<S>, _ indices: UnsafePointer<Int64>?, _ out: UnsafeMutablePointer<D>, rows: Int,
  rowElements: Int
) {
  gatherRowsConverting(source, S.kind, indices, out, D.kind, rows: rows, rowElements: rowElements)
}

/// The same between element types that are known when the program runs.
public func gatherRowsConverting(
  _ source: UnsafeRawPointer, _ sourceKind: ElementKind, _ indices: UnsafePointer<Int64>?,
  _ out: UnsafeMutableRawPointer, _ outKind: ElementKind, rows: Int, rowElements: Int
) {
  guard rows > 0, rowElements > 0 else { return }
  guard let indices else { return convert(source, sourceKind, out, outKind, rows &* rowElements) }
  let rowsPerChunk = max(1, elementwiseChunk / rowElements)
  let chunks = (rows &+ rowsPerChunk &- 1) / rowsPerChunk
  parallel(chunks, (source, sourceKind, indices, out, outKind, (rows, rowElements, rowsPerChunk))) { context, chunk in
    let (source, sourceKind, indices, out, outKind, (rows, rowElements, rowsPerChunk)) = context
    let sourceBytes = rowElements &* sourceKind.stride
    let outBytes = rowElements &* outKind.stride
    for row in chunk &* rowsPerChunk..<min(rows, (chunk &+ 1) &* rowsPerChunk) {
      convertRun(
        source + Int(indices[row]) &* sourceBytes, sourceKind, out + row &* outBytes, outKind, rowElements)
    }
  }
}
