/// dx = y > 0 ? dy : 0. dx may be equal to dy or y.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func reluBackward<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ y: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ count: Int
) {
  parallelRanges(count, (dy, y, dx)) { context, begin, end in
    let (dy, y, dx) = context
    for i in begin..<end { dx[i] = y[i] > 0 ? dy[i] : 0 }
  }
}

/// y = x > 0 ? x : slope · x. NaN stays NaN; y may be equal to x.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func leakyRelu<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ count: Int, slope: T
) {
  parallelRanges(count, (x, y, slope)) { context, begin, end in
    let (x, y, slope) = context
    for i in begin..<end { y[i] = x[i] > 0 ? x[i] : slope * x[i] }
  }
}

/// dx = x > 0 ? dy : slope · dy. dx may be equal to dy.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func leakyReluBackward<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ x: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ count: Int, slope: T
) {
  parallelRanges(count, (dy, x, dx, slope)) { context, begin, end in
    let (dy, x, dx, slope) = context
    for i in begin..<end { dx[i] = x[i] > 0 ? dy[i] : slope * dy[i] }
  }
}

/// y = min(max(x, low), high). NaN stays NaN; y may be equal to x.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func clip<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ count: Int, low: T, high: T
) {
  parallelRanges(count, (x, y, low, high)) { context, begin, end in
    let (x, y, low, high) = context
    for i in begin..<end { y[i] = x[i] < low ? low : (x[i] > high ? high : x[i]) }
  }
}

/// y = value, `count` times.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func fill<T: KernelScalar>(_ y: UnsafeMutablePointer<T>, _ count: Int, value: T) {
  parallelRanges(count, (y, value)) { context, begin, end in
    let (y, value) = context
    for i in begin..<end { y[i] = value }
  }
}
