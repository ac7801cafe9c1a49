import Parallel

/// Elements of products that are held at a time, about: what fits the second-level cache.
private let productElements = 1 << 18

/// Images whose products are formed at a time.
private func imagesAtOnce(_ shape: ConvolutionShape) -> Int {
  let perImage = shape.outHeight &* shape.outWidth &* shape.kernelHeight &* shape.kernelWidth &* shape.inChannels
  return Swift.max(1, Swift.min(shape.n, productElements / Swift.max(1, perImage)))
}

/// Elements of the `products` that `convolution2DStridedInputGradient` works in.
public func stridedInputGradientRoom(_ shape: ConvolutionShape) -> Int {
  let perImage = shape.outHeight &* shape.outWidth &* shape.kernelHeight &* shape.kernelWidth &* shape.inChannels
  return Swift.max(0, imagesAtOnce(shape) &* perImage)
}

/// dx of `convolution2D` with strides above 1 or few channels, or the transposed convolution: every pixel of dy times the
/// whole kernel, a matrix product, and these products added up where they belong. A convolution of the spread-out dy
/// would multiply stride · stride times as much, mostly zeros, and few channels leave vectors empty. Overwrites dx.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func convolution2DStridedInputGradient<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ w: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ shape: ConvolutionShape,
  products: UnsafeMutablePointer<T>
) {
  T.requireSpecialization()
  if shape.n == 0 || shape.inputCount == 0 { return }
  if shape.isEmpty {
    dx.update(repeating: 0, count: shape.n &* shape.inputCount)
    return
  }
  let step = imagesAtOnce(shape)
  let pixels = shape.outHeight &* shape.outWidth
  var image = 0
  while image < shape.n {
    let count = Swift.min(step, shape.n &- image)
    matrixMultiply(
      dy + image &* shape.outputCount, w, products, m: count &* pixels,
      n: shape.kernelHeight &* shape.kernelWidth &* shape.inChannels, k: shape.outChannels, transposeA: false,
      transposeB: true, bias: nil, activation: .none, accumulate: false)
    parallel(
      count &* shape.height, (UnsafePointer(products), dx + image &* shape.inputCount, shape)
    ) { context, row in
      let (products, dx, s) = context
      addProducts(products, dx + row &* s.width &* s.inChannels, s, image: row / s.height, row: row % s.height)
    }
    image &+= count
  }
}

/// One row of dx.
@inline(__always)
private func addProducts<T: KernelScalar>(
  _ products: UnsafePointer<T>, _ to: UnsafeMutablePointer<T>, _ s: ConvolutionShape, image: Int, row: Int
) {
  let c = s.inChannels
  to.update(repeating: 0, count: s.width &* c)
  for i in 0..<s.kernelHeight {
    let from = s.outputRow(row, ofTap: i)
    if from < 0 { continue }
    let line =
      products
      + ((image &* s.outHeight &+ from) &* s.outWidth &* s.kernelHeight &+ i) &* s.kernelWidth &* c
    for j in 0..<s.kernelWidth {
      let columns = s.columns(ofTap: j)
      for column in columns.start..<columns.end {
        let from = line + (column &* s.kernelHeight &* s.kernelWidth &+ j) &* c
        let to = to + (column &* s.strideW &+ j &* s.dilationW &- s.padLeft) &* c
        var at = 0
        while at &+ T.Vector.scalarCount <= c {
          to.store(to.vector(at: at) + from.vector(at: at), at: at)
          at &+= T.Vector.scalarCount
        }
        while at < c {
          to[at] += from[at]
          at &+= 1
        }
      }
    }
  }
}
