import Parallel

/// y (N, OH, OW, C) = the mean of each window of x (N, H, W, C); padding is not counted.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func averagePooling2D<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ shape: PoolingShape
) {
  parallel(shape.n, (x, y, shape)) { context, image in
    let (x, y, s) = context
    let from = x + image &* s.height &* s.width &* s.channels
    let to = y + image &* s.outHeight &* s.outWidth &* s.channels
    for row in 0..<s.outHeight {
      for column in 0..<s.outWidth {
        let out = to + (row &* s.outWidth &+ column) &* s.channels
        let (rows, columns) = (s.rows(row), s.columns(column))
        for c in 0..<s.channels { out[c] = 0 }
        for h in rows {
          for w in columns {
            let pixel = from + (h &* s.width &+ w) &* s.channels
            for c in 0..<s.channels { out[c] += pixel[c] }
          }
        }
        let scale = 1 / T(rows.count &* columns.count)
        for c in 0..<s.channels { out[c] *= scale }
      }
    }
  }
}

/// dx: dy of each window divided among the pixels that were counted.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func averagePooling2DBackward<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ shape: PoolingShape
) {
  parallel(shape.n, (dy, dx, shape)) { context, image in
    let (dy, dx, s) = context
    let to = dx + image &* s.height &* s.width &* s.channels
    let from = dy + image &* s.outHeight &* s.outWidth &* s.channels
    for i in 0..<(s.height &* s.width &* s.channels) { to[i] = 0 }
    for row in 0..<s.outHeight {
      for column in 0..<s.outWidth {
        let gradient = from + (row &* s.outWidth &+ column) &* s.channels
        let (rows, columns) = (s.rows(row), s.columns(column))
        let scale = 1 / T(rows.count &* columns.count)
        for h in rows {
          for w in columns {
            let pixel = to + (h &* s.width &+ w) &* s.channels
            for c in 0..<s.channels { pixel[c] += gradient[c] * scale }
          }
        }
      }
    }
  }
}
