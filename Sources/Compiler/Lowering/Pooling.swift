import Graph
import Kernels
import Tensor

/// Pooling over images, or over volumes: then over each plane, and over the planes' results after that. Both the largest
/// value and the mean can be taken so: the pixels that count of a window are a product of those along the axes.
struct PoolingStages {
  /// Over the height and width of each plane, and over the depth.
  let planes: PoolingShape
  let depth: PoolingShape?
  private let scalarBytes: Int

  init(_ pooling: Pooling, x: TensorType, y: TensorType) {
    let (window, size, axes) = (pooling.window, pooling.size, pooling.size.count)
    let (x, y, scalarBytes) = (x.shape, y.shape, x.dtype.size)
    func before(_ axis: Int) -> Int { window.output(x[axis + 1], size: size[axis], axis: axis).before }
    let (h, w) = (axes - 2, axes - 1)
    planes = PoolingShape(
      n: axes == 3 ? x[0] * x[1] : x[0], height: x[h + 1], width: x[w + 1], channels: x[axes + 1],
      poolHeight: size[h], poolWidth: size[w], strideH: window.strides[h], strideW: window.strides[w],
      padTop: before(h), padLeft: before(w), outHeight: y[h + 1], outWidth: y[w + 1])
    depth =
      axes == 2
      ? nil
      : PoolingShape(
        n: x[0], height: x[1], width: y[2] * y[3], channels: x[4], poolHeight: size[0], poolWidth: 1,
        strideH: window.strides[0], strideW: 1, padTop: before(0), padLeft: 0, outHeight: y[1], outWidth: y[2] * y[3])
    self.scalarBytes = scalarBytes
  }

  /// Bytes of the planes' results, from an aligned offset.
  var planeBytes: Int {
    depth == nil ? 0 : (planes.n * planes.outHeight * planes.outWidth * planes.channels * scalarBytes + 63) & ~63
  }

  func forward<T: KernelScalar>(
    _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, isMaximum: Bool, _ temporary: UnsafeMutableRawPointer
  ) {
    func pool(_ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ shape: PoolingShape) {
      if isMaximum { maxPooling2D(x, y, shape) } else { averagePooling2D(x, y, shape) }
    }
    guard let depth else { return pool(x, y, planes) }
    let between = temporary.assumingMemoryBound(to: T.self)
    pool(x, between, planes)
    pool(between, y, depth)
  }

  func maximumGradient<T: KernelScalar>(
    _ dy: UnsafePointer<T>, _ x: UnsafePointer<T>, _ y: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>,
    _ temporary: UnsafeMutableRawPointer
  ) {
    guard let depth else { return maxPooling2DBackward(dy, x, y, dx, planes) }
    let between = temporary.assumingMemoryBound(to: T.self)
    let gradient = (temporary + planeBytes).assumingMemoryBound(to: T.self)
    maxPooling2D(x, between, planes)
    maxPooling2DBackward(dy, between, y, gradient, depth)
    maxPooling2DBackward(gradient, x, between, dx, planes)
  }

  func averageGradient<T: KernelScalar>(
    _ dy: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ temporary: UnsafeMutableRawPointer
  ) {
    guard let depth else { return averagePooling2DBackward(dy, dx, planes) }
    let gradient = temporary.assumingMemoryBound(to: T.self)
    averagePooling2DBackward(dy, gradient, depth)
    averagePooling2DBackward(gradient, dx, planes)
  }
}

extension Pooling: Lowerable {
  func temporaryBytes(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
    PoolingStages(self, x: inputs[0], y: outputs[0]).planeBytes
  }

  func lower(_ c: Lowering) throws -> Step {
    let (x, y, temporary, isMaximum) = (c.x, c.y, c.temporary, isMaximum)
    let stages = PoolingStages(self, x: x.type, y: y.type)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { stages.forward($0.read(x, as: T.self), $0.write(y), isMaximum: isMaximum, $0.raw(temporary)) }
    }
    return try c.forFloat(x) { make($0) }
  }
}

extension MaxPoolingGradient: Lowerable {
  func temporaryBytes(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
    2 * PoolingStages(pooling, x: inputs[1], y: inputs[0]).planeBytes
  }

  func lower(_ c: Lowering) throws -> Step {
    let (dy, x, y, dx, temporary) = (c.inputs[0], c.inputs[1], c.inputs[2], c.y, c.temporary)
    let stages = PoolingStages(pooling, x: x.type, y: y.type)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      {
        stages.maximumGradient($0.read(dy, as: T.self), $0.read(x), $0.read(y), $0.write(dx), $0.raw(temporary))
      }
    }
    return try c.forFloat(dy) { make($0) }
  }
}

extension AveragePoolingGradient: Lowerable {
  func temporaryBytes(_ inputs: [TensorType], _ outputs: [TensorType]) -> Int {
    PoolingStages(pooling, x: inputs[1], y: inputs[0]).planeBytes
  }

  func lower(_ c: Lowering) throws -> Step {
    let (dy, dx, temporary) = (c.inputs[0], c.y, c.temporary)
    let stages = PoolingStages(pooling, x: dx.type, y: dy.type)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { stages.averageGradient($0.read(dy, as: T.self), $0.write(dx), $0.raw(temporary)) }
    }
    return try c.forFloat(dy) { make($0) }
  }
}
