import Parallel

/// Maximum over each window: y[n, i, j, c] = max x[n, h, w, c]. Padding counts as -∞; NaN in a window gives NaN.
///
/// x [N, H, W, C], y [N, outHeight, outWidth, C]; they must not overlap.
@_specialize(where T == Float) @_specialize(where T == Double)
public func maxPooling2D<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ shape: PoolingShape
) {
  T.requireSpecialization()
  pool(MaximumOperation.self, x, y, shape)
}

/// Mean over each window, padding not counted (Keras' rule): y[n, i, j, c] = Σ x[n, h, w, c] / pixels inside the image.
/// A window that is all padding gives 0.
///
/// x [N, H, W, C], y [N, outHeight, outWidth, C]; they must not overlap.
@_specialize(where T == Float) @_specialize(where T == Double)
public func averagePooling2D<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ shape: PoolingShape
) {
  T.requireSpecialization()
  pool(AverageOperation.self, x, y, shape)
}

/// Input elements that one chunk reads, about: enough to pay for waking a thread.
private let chunkElements = 32_768

@inline(__always)
private func pool<T: KernelScalar, Operation: PoolingOperation>(
  _ operation: Operation.Type, _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ shape: PoolingShape
) {
  guard shape.outputCount > 0 else { return }
  let rows = shape.n &* shape.outHeight
  let elementsPerRow = max(1, shape.poolHeight &* shape.width &* shape.channels)
  let rowsPerChunk = max(1, chunkElements / elementsPerRow)
  let chunks = (rows &+ rowsPerChunk &- 1) / rowsPerChunk
  if shape.channels >= T.Vector.scalarCount {
    parallel(chunks, (x, y, shape, rowsPerChunk)) { context, chunk in
      let (x, y, shape, rowsPerChunk) = context
      let start = chunk &* rowsPerChunk
      for row in start..<min(start &+ rowsPerChunk, shape.n &* shape.outHeight) {
        poolRowByChannels(Operation.self, x, y, shape, row)
      }
    }
  } else {
    let scratchBytes = shape.width &* shape.channels &* MemoryLayout<T>.stride
    parallel(chunks, scratchBytes: scratchBytes, (x, y, shape, rowsPerChunk)) { context, chunk, scratch in
      let (x, y, shape, rowsPerChunk) = context
      let start = chunk &* rowsPerChunk
      for row in start..<min(start &+ rowsPerChunk, shape.n &* shape.outHeight) {
        poolRowFlat(Operation.self, x, y, shape, row, scratch.assumingMemoryBound(to: T.self))
      }
    }
  }
}

/// One row of the output, vectors over the channels. The last vector overlaps the one before when C is no multiple.
@inline(never)
private func poolRowByChannels<T: KernelScalar, Operation: PoolingOperation>(
  _ operation: Operation.Type, _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ shape: PoolingShape, _ row: Int
) {
  let channels = shape.channels
  let last = channels &- T.Vector.scalarCount
  let line = shape.width &* channels
  let (top, bottom) = shape.rows(row % shape.outHeight)
  let image = x + (row / shape.outHeight &* shape.height &+ top) &* line
  var out = y + row &* shape.outWidth &* channels
  for j in 0..<shape.outWidth {
    let (left, right) = shape.columns(j)
    let (height, width) = (bottom &- top, right &- left)
    let scale = T.Vector(repeating: Operation.isMean ? 1 / T(max(1, height &* width)) : 1)
    let corner = image + left &* channels
    var c = 0
    if height == 2 && width == 2 {
      while c < channels {
        let at = min(c, last)
        let upper = Operation.combine(T.self, corner.vector(at: at), corner.vector(at: at &+ channels))
        let lower = Operation.combine(T.self, corner.vector(at: at &+ line), corner.vector(at: at &+ line &+ channels))
        let value = Operation.combine(T.self, upper, lower)
        out.store(Operation.isMean ? value * scale : value, at: at)
        c &+= T.Vector.scalarCount
      }
    } else {
      while c < channels {
        let at = min(c, last)
        var value = T.Vector(repeating: Operation.identity(T.self))
        var pixels = corner + at
        for _ in 0..<height {
          for w in 0..<width { value = Operation.combine(T.self, value, pixels.vector(at: w &* channels)) }
          pixels += line
        }
        out.store(Operation.isMean ? value * scale : value, at: at)
        c &+= T.Vector.scalarCount
      }
    }
    out += channels
  }
}

/// One row of the output for few channels: first over the window's rows, where whole lines of the image are one run,
/// then over its columns.
@inline(never)
private func poolRowFlat<T: KernelScalar, Operation: PoolingOperation>(
  _ operation: Operation.Type, _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ shape: PoolingShape, _ row: Int,
  _ columns: UnsafeMutablePointer<T>
) {
  let channels = shape.channels
  let line = shape.width &* channels
  let (top, bottom) = shape.rows(row % shape.outHeight)
  let image = x + (row / shape.outHeight &* shape.height &+ top) &* line
  combineRuns(Operation.self, image, line, bottom &- top, columns, line)

  let out = y + row &* shape.outWidth &* channels
  var j = 0
  if shape.strideW == 1 && shape.padLeft < shape.outWidth {
    // Full windows next to each other are one run too.
    let full = max(0, min(shape.width &- shape.poolWidth &+ 1, shape.outWidth &- shape.padLeft))
    if full > 0 {
      let run = out + shape.padLeft &* channels
      combineRuns(Operation.self, columns, channels, shape.poolWidth, run, full &* channels)
      if Operation.isMean {
        let scale = 1 / T(max(1, (bottom &- top) &* shape.poolWidth))
        for i in 0..<full &* channels { run[i] *= scale }
      }
      for j in 0..<shape.padLeft { poolPixel(Operation.self, columns, out, shape, j, bottom &- top) }
      j = shape.padLeft &+ full
    }
  }
  while j < shape.outWidth {
    poolPixel(Operation.self, columns, out, shape, j, bottom &- top)
    j &+= 1
  }
}

@inline(__always)
private func poolPixel<T: KernelScalar, Operation: PoolingOperation>(
  _ operation: Operation.Type, _ columns: UnsafePointer<T>, _ out: UnsafeMutablePointer<T>, _ shape: PoolingShape,
  _ j: Int, _ height: Int
) {
  let channels = shape.channels
  let (left, right) = shape.columns(j)
  let scale = 1 / T(max(1, height &* (right &- left)))
  for c in 0..<channels {
    var value = Operation.identity(T.self)
    for w in left..<right { value = Operation.combine(value, columns[w &* channels &+ c]) }
    out[j &* channels &+ c] = Operation.isMean ? value * scale : value
  }
}

/// out[i] = combination over k < runs of x[k · distance + i], for i < n.
@inline(__always)
private func combineRuns<T: KernelScalar, Operation: PoolingOperation>(
  _ operation: Operation.Type, _ x: UnsafePointer<T>, _ distance: Int, _ runs: Int, _ out: UnsafeMutablePointer<T>,
  _ n: Int
) {
  if n < T.Vector.scalarCount {
    for i in 0..<n {
      var value = Operation.identity(T.self)
      for k in 0..<runs { value = Operation.combine(value, x[k &* distance &+ i]) }
      out[i] = value
    }
    return
  }
  var i = 0
  while i < n {
    let at = min(i, n &- T.Vector.scalarCount)
    var value = T.Vector(repeating: Operation.identity(T.self))
    for k in 0..<runs { value = Operation.combine(T.self, value, x.vector(at: k &* distance &+ at)) }
    out.store(value, at: at)
    i &+= T.Vector.scalarCount
  }
}
