import Graph
import Kernels
import Tensor

extension Concatenate: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let y = c.y
    let size = y.type.dtype.size
    let out = axisExtents(y.shape, axis: axis)
    let pitch = out.n * out.inner * size
    var start = 0
    let pieces = c.inputs.map { x in
      defer { start += x.shape.count / max(out.outer, 1) * size }
      return (x, start, x.shape.count / max(out.outer, 1) * size)
    }
    return { memory in
      for (x, start, bytes) in pieces {
        copyRows(
          memory.raw(x), sourcePitch: bytes, memory.raw(y) + start, destinationPitch: pitch, rows: out.outer,
          rowBytes: bytes)
      }
    }
  }
}

extension ConcatenatePart: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (x, y) = (c.x, c.y)
    let size = x.type.dtype.size
    let (whole, own) = (axisExtents(x.shape, axis: axis), axisExtents(y.shape, axis: axis))
    let along = axis < 0 ? axis + y.shape.rank : axis
    let start = c.inputs[1..<(1 + part)].reduce(0) { $0 + $1.shape[along] } * whole.inner * size
    let (pitch, bytes) = (whole.n * whole.inner * size, own.n * own.inner * size)
    return {
      copyRows(
        $0.raw(x) + start, sourcePitch: pitch, $0.raw(y), destinationPitch: bytes, rows: whole.outer, rowBytes: bytes)
    }
  }
}

extension Slice: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (x, y) = (c.x, c.y)
    let plan = try plan(of: x.shape, size: y.shape)
    let size = x.type.dtype.size
    return { copyStrided($0.raw(x), $0.raw(y), plan, elementBytes: size) }
  }

  fileprivate func plan(of shape: Shape, size: Shape) throws -> StridedCopy {
    // A step that is never taken may be any number.
    let steps = zip(strides, size.dims).map { $1 > 1 ? $0 : 1 }
    return try requirePlan(
      StridedCopy(slicing: shape.dims, begin: resolve(shape).start, size: size.dims, strides: steps), shape)
  }
}

extension SliceGradient: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (dy, dx) = (c.x, c.y)
    let plan = try slice.plan(of: dx.shape, size: dy.shape).adjoint
    let size = dx.type.dtype.size
    return { copyStridedOverZeros($0.raw(dy), $0.raw(dx), plan, elementBytes: size) }
  }
}

extension Pad: Lowerable {
  func isView(_ inputs: [TensorType], _ outputs: [TensorType]) -> Bool { inputs[0].shape == outputs[0].shape }

  func lower(_ c: Lowering) throws -> Step {
    let (x, y, value) = (c.x, c.y, value)
    let padding = try requirePlan(
      StridedCopy(padding: (crops ? y : x).shape.dims, before: before, after: after), x.shape)
    let size = x.type.dtype.size
    if crops {
      let plan = padding.adjoint
      return { copyStrided($0.raw(x), $0.raw(y), plan, elementBytes: size) }
    }
    if value == 0 { return { copyStridedOverZeros($0.raw(x), $0.raw(y), padding, elementBytes: size) } }
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      { padConstant($0.read(x, as: T.self), $0.write(y), padding, value: T(value)) }
    }
    return try c.forFloat(y) { make($0) }
  }
}

extension Flip: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (x, y) = (c.x, c.y)
    let flipped = Set(axes.map { $0 < 0 ? $0 + x.shape.rank : $0 })
    let plan = try requirePlan(
      StridedCopy(
        slicing: x.shape.dims,
        begin: x.shape.dims.enumerated().map { flipped.contains($0.offset) ? max($0.element - 1, 0) : 0 },
        size: x.shape.dims, strides: x.shape.dims.indices.map { flipped.contains($0) ? -1 : 1 }),
      x.shape)
    let size = x.type.dtype.size
    return { copyStrided($0.raw(x), $0.raw(y), plan, elementBytes: size) }
  }
}

extension Take: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (x, indices, y, e) = (c.inputs[0], c.inputs[1], c.y, axisExtents(c.x.shape, axis: axis))
    let (count, innerBytes) = (indices.count, e.inner * x.type.dtype.size)
    func make<I: FixedWidthInteger>(_ t: I.Type) -> Step {
      {
        take(
          $0.raw(x), $0.read(indices, as: I.self), $0.raw(y), outer: e.outer, axis: e.n, n: count,
          innerBytes: innerBytes)
      }
    }
    return indices.type.dtype == .int32 ? make(Int32.self) : make(Int64.self)
  }
}

extension TakeGradient: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (dy, indices, dx, e) = (c.inputs[0], c.inputs[1], c.y, axisExtents(c.y.shape, axis: axis))
    let count = indices.count
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      func step<I: FixedWidthInteger>(_ i: I.Type) -> Step {
        {
          takeBackward(
            $0.read(dy, as: T.self), $0.read(indices, as: I.self), $0.write(dx), outer: e.outer, axis: e.n, n: count,
            inner: e.inner)
        }
      }
      return indices.type.dtype == .int32 ? step(Int32.self) : step(Int64.self)
    }
    return try c.forFloat(dy) { make($0) }
  }
}

extension OneHot: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (labels, y, depth) = (c.x, c.y, depth)
    func make<T: KernelScalar>(_ t: T.Type) -> Step {
      func step<I: FixedWidthInteger>(_ i: I.Type) -> Step {
        { oneHot($0.read(labels, as: I.self), $0.write(y, as: T.self), labels.count, depth: depth) }
      }
      return labels.type.dtype == .int32 ? step(Int32.self) : step(Int64.self)
    }
    return try c.forFloat(y) { make($0) }
  }
}
