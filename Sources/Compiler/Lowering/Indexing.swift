import Graph
import Kernels
import Tensor

extension Lowering {
  /// A step that fills y's memory with one value; zero for every dtype, others for floats.
  fileprivate func filling(_ y: Operand, with value: Double) throws -> Step {
    func make<T: KernelScalar>(_ t: T.Type) -> Step { { fill($0.write(y, as: T.self), y.count, value: T(value)) } }
    if value == 0 {
      let bytes = y.type.byteCount
      return { $0.raw(y).initializeMemory(as: UInt8.self, repeating: 0, count: bytes) }
    }
    return try forFloat(y) { make($0) }
  }
}

extension Concatenate: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let y = c.y
    let along = axis < 0 ? axis + y.shape.rank : axis
    let size = y.type.dtype.size
    let steps = StridedCopy.contiguous(y.shape.dims)
    var start = 0
    var pieces: [(Operand, StridedCopy)] = []
    for x in c.inputs {
      let plan = try requirePlan(
        StridedCopy(
          extents: x.shape.dims, sourceStrides: StridedCopy.contiguous(x.shape.dims), targetStrides: steps,
          targetOffset: start * steps[along]), y.shape)
      pieces.append((x, plan))
      start += x.shape[along]
    }
    return { memory in
      for (x, plan) in pieces { stridedCopy(memory.raw(x), memory.raw(y), plan, elementSize: size) }
    }
  }
}

extension ConcatenatePart: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (x, y) = (c.x, c.y)
    let along = axis < 0 ? axis + y.shape.rank : axis
    let start = c.inputs[1..<(1 + part)].reduce(0) { $0 + $1.shape[along] }
    let steps = StridedCopy.contiguous(x.shape.dims)
    let plan = try requirePlan(
      StridedCopy(
        extents: y.shape.dims, sourceStrides: steps, targetStrides: StridedCopy.contiguous(y.shape.dims),
        sourceOffset: start * steps[along]), y.shape)
    let size = x.type.dtype.size
    return { stridedCopy($0.raw(x), $0.raw(y), plan, elementSize: size) }
  }
}

extension Slice: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (x, y) = (c.x, c.y)
    let view = try view(of: x.shape)
    let plan = try requirePlan(
      StridedCopy(
        extents: y.shape.dims, sourceStrides: view.strides, targetStrides: StridedCopy.contiguous(y.shape.dims),
        sourceOffset: view.offset), y.shape)
    let size = x.type.dtype.size
    return { stridedCopy($0.raw(x), $0.raw(y), plan, elementSize: size) }
  }

  /// Where the slice's elements lie in a tensor.
  fileprivate func view(of shape: Shape) throws -> (offset: Int, strides: [Int]) {
    let own = StridedCopy.contiguous(shape.dims)
    let start = try resolve(shape).start
    return (zip(start, own).reduce(0) { $0 + $1.0 * $1.1 }, zip(strides, own).map { $0 * $1 })
  }
}

extension SliceGradient: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (dy, dx) = (c.x, c.y)
    let view = try slice.view(of: dx.shape)
    let plan = try requirePlan(
      StridedCopy(
        extents: dy.shape.dims, sourceStrides: StridedCopy.contiguous(dy.shape.dims), targetStrides: view.strides,
        targetOffset: view.offset), dx.shape)
    let (size, clear) = (dx.type.dtype.size, try c.filling(dx, with: 0))
    return {
      try clear($0)
      stridedCopy($0.raw(dy), $0.raw(dx), plan, elementSize: size)
    }
  }
}

extension Pad: Lowerable {
  func isView(_ inputs: [TensorType], _ outputs: [TensorType]) -> Bool { inputs[0].shape == outputs[0].shape }

  func lower(_ c: Lowering) throws -> Step {
    let (x, y) = (c.x, c.y)
    let (small, large) = crops ? (y, x) : (x, y)
    let (smallSteps, largeSteps) = (
      StridedCopy.contiguous(small.shape.dims), StridedCopy.contiguous(large.shape.dims)
    )
    let offset = zip(before, largeSteps).reduce(0) { $0 + $1.0 * $1.1 }
    let plan = try requirePlan(
      StridedCopy(
        extents: small.shape.dims, sourceStrides: crops ? largeSteps : smallSteps,
        targetStrides: crops ? smallSteps : largeSteps, sourceOffset: crops ? offset : 0,
        targetOffset: crops ? 0 : offset), large.shape)
    let size = x.type.dtype.size
    if crops { return { stridedCopy($0.raw(x), $0.raw(y), plan, elementSize: size) } }
    let clear = try c.filling(y, with: value)
    return {
      try clear($0)
      stridedCopy($0.raw(x), $0.raw(y), plan, elementSize: size)
    }
  }
}

extension Flip: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (x, y) = (c.x, c.y)
    let own = StridedCopy.contiguous(x.shape.dims)
    var (steps, offset) = (own, 0)
    for axis in Set(axes.map { $0 < 0 ? $0 + x.shape.rank : $0 }) {
      steps[axis] = -own[axis]
      offset += max(x.shape[axis] - 1, 0) * own[axis]
    }
    let plan = try requirePlan(
      StridedCopy(extents: x.shape.dims, sourceStrides: steps, targetStrides: own, sourceOffset: offset), x.shape)
    let size = x.type.dtype.size
    return { stridedCopy($0.raw(x), $0.raw(y), plan, elementSize: size) }
  }
}

extension Take: Lowerable {
  func lower(_ c: Lowering) throws -> Step {
    let (x, indices, y, e) = (c.inputs[0], c.inputs[1], c.y, axisExtents(c.x.shape, axis: axis))
    let (count, size) = (indices.count, x.type.dtype.size)
    func make<I: FixedWidthInteger>(_ t: I.Type) -> Step {
      {
        takeRows(
          $0.raw(x), $0.read(indices, as: I.self), $0.raw(y), outer: e.outer, n: e.n, inner: e.inner, count: count,
          elementSize: size)
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
          takeRowsBackward(
            $0.read(dy, as: T.self), $0.read(indices, as: I.self), $0.write(dx), outer: e.outer, n: e.n,
            inner: e.inner, count: count)
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
        { oneHot($0.read(labels, as: I.self), $0.write(y, as: T.self), count: labels.count, depth: depth) }
      }
      return labels.type.dtype == .int32 ? step(Int32.self) : step(Int64.self)
    }
    return try c.forFloat(y) { make($0) }
  }
}
