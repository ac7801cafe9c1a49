import Parallel

/// Gradient of `maxPooling2D`: dx[n, h, w, c] = Σ dy of the windows whose first maximum, in row-major order, is there.
/// In a window with NaN it is the first NaN. Overwrites all of dx: 0 where no gradient arrives.
///
/// dy, y [N, outHeight, outWidth, C] (y as `maxPooling2D` wrote it), x, dx [N, H, W, C]; dx must not overlap others.
@_specialize(where T == Float) @_specialize(where T == Double)
public func maxPooling2DBackward<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ x: UnsafePointer<T>, _ y: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>,
  _ shape: PoolingShape
) {
  T.requireSpecialization()
  poolBackward(FirstMaximum<Once>.self, FirstMaximum<Adding>.self, dy, x, y, dx, shape)
}

/// Gradient of `averagePooling2D`: each pixel of a window gets dy / pixels inside the image. Overwrites all of dx.
///
/// dy [N, outHeight, outWidth, C], dx [N, H, W, C]; they must not overlap.
@_specialize(where T == Float) @_specialize(where T == Double)
public func averagePooling2DBackward<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ shape: PoolingShape
) {
  T.requireSpecialization()
  poolBackward(EqualShares<Once>.self, EqualShares<Adding>.self, dy, dy, dy, dx, shape)
}

/// Elements of dx that one chunk writes, about.
private let chunkElements = 32_768

/// `Single` is for windows that share no pixels, `Shared` for the others.
@inline(__always)
private func poolBackward<T: KernelScalar, Single: PoolingGradientRule, Shared: PoolingGradientRule>(
  _ single: Single.Type, _ shared: Shared.Type, _ dy: UnsafePointer<T>, _ x: UnsafePointer<T>, _ y: UnsafePointer<T>,
  _ dx: UnsafeMutablePointer<T>, _ shape: PoolingShape
) {
  guard shape.inputCount > 0 else { return }
  if shape.outputCount == 0 {
    dx.update(repeating: 0, count: shape.inputCount)
    return
  }
  // Where windows do not share rows, every output row owns a band of dx; otherwise an image is one band.
  let bandsPerImage = shape.strideH >= shape.poolHeight ? shape.outHeight : 1
  let bands = shape.n &* bandsPerImage
  let bandsPerChunk = max(1, chunkElements &* bands / shape.inputCount)
  let chunks = (bands &+ bandsPerChunk &- 1) / bandsPerChunk
  parallel(chunks, (dy, x, y, dx, shape, bandsPerImage, bandsPerChunk)) { context, chunk in
    let (dy, x, y, dx, shape, bandsPerImage, bandsPerChunk) = context
    let start = chunk &* bandsPerChunk
    let end = min(start &+ bandsPerChunk, shape.n &* bandsPerImage)
    if shape.strideH >= shape.poolHeight && shape.strideW >= shape.poolWidth {
      for band in start..<end { writeBand(Single.self, dy, x, y, dx, shape, band) }
    } else {
      for band in start..<end { addBand(Shared.self, dy, x, y, dx, shape, band, bandsPerImage) }
    }
  }
}

/// Rows of dx that belong to output row i when windows do not share rows.
@inline(__always)
private func bandRows(_ shape: PoolingShape, _ i: Int) -> (start: Int, end: Int) {
  (i == 0 ? 0 : shape.rows(i).start, i == shape.outHeight &- 1 ? shape.height : shape.rows(i &+ 1).start)
}

/// One band when no windows overlap: each pixel is written once.
@inline(__always)
private func writeBand<T: KernelScalar, Rule: PoolingGradientRule>(
  _ rule: Rule.Type, _ dy: UnsafePointer<T>, _ x: UnsafePointer<T>, _ y: UnsafePointer<T>,
  _ dx: UnsafeMutablePointer<T>, _ shape: PoolingShape, _ band: Int
) {
  let (image, i) = (band / shape.outHeight, band % shape.outHeight)
  let line = shape.width &* shape.channels
  let (start, end) = bandRows(shape, i)
  let (top, bottom) = shape.rows(i)
  let base = image &* shape.height &* line
  (dx + base + start &* line).update(repeating: 0, count: (top &- start) &* line)
  (dx + base + bottom &* line).update(repeating: 0, count: (end &- bottom) &* line)
  // Columns that no window covers.
  var done = 0
  for j in 0..<shape.outWidth {
    let (left, right) = shape.columns(j)
    if left > done { clearColumns(dx + base, shape, top, bottom, done, left) }
    done = max(done, right)
  }
  if done < shape.width { clearColumns(dx + base, shape, top, bottom, done, shape.width) }
  spreadRow(Rule.self, dy, x, y, dx, shape, image, i)
}

@inline(never)
private func clearColumns<T: KernelScalar>(
  _ image: UnsafeMutablePointer<T>, _ shape: PoolingShape, _ top: Int, _ bottom: Int, _ left: Int, _ right: Int
) {
  for h in top..<bottom {
    (image + (h &* shape.width &+ left) &* shape.channels)
      .update(repeating: 0, count: (right &- left) &* shape.channels)
  }
}

/// One band when windows overlap: cleared first, then each window adds its part.
@inline(__always)
private func addBand<T: KernelScalar, Rule: PoolingGradientRule>(
  _ rule: Rule.Type, _ dy: UnsafePointer<T>, _ x: UnsafePointer<T>, _ y: UnsafePointer<T>,
  _ dx: UnsafeMutablePointer<T>, _ shape: PoolingShape, _ band: Int, _ bandsPerImage: Int
) {
  let (image, part) = (band / bandsPerImage, band % bandsPerImage)
  let line = shape.width &* shape.channels
  let isWhole = bandsPerImage == 1
  let (start, end) = isWhole ? (0, shape.height) : bandRows(shape, part)
  (dx + (image &* shape.height &+ start) &* line).update(repeating: 0, count: (end &- start) &* line)
  for i in (isWhole ? 0 : part)..<(isWhole ? shape.outHeight : part &+ 1) {
    spreadRow(Rule.self, dy, x, y, dx, shape, image, i)
  }
}
