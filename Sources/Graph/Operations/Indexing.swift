import Tensor

/// Tensors joined along an axis.
public struct Concatenate: Operation {
  public let axis: Int
  public var name: String { "concatenate" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    guard let first = inputs.first else { throw Failure.value("concatenate: got no inputs, expected at least one") }
    let along = try normalizeAxis(axis, rank: first.shape.rank, name)
    var dims = first.shape.dims
    for (index, input) in inputs.enumerated().dropFirst() {
      try expectSame(first, input, ("input 0", "input \(index)"))
      var others = input.shape.dims
      guard others.count == dims.count else {
        throw Failure.value("concatenate: input \(index) has shape \(input.shape), input 0 has \(first.shape)")
      }
      let isUnknown = dims[along] == Shape.unknown || others[along] == Shape.unknown
      let total = isUnknown ? Shape.unknown : dims[along] + others[along]
      others[along] = dims[along]
      guard Shape(others).isCompatible(with: Shape(dims)) else {
        throw Failure.value(
          "concatenate: input \(index) has shape \(input.shape), input 0 has \(first.shape): they may differ on axis"
            + " \(along) only")
      }
      dims = zip(dims, others).map { $0 == Shape.unknown ? $1 : $0 }
      dims[along] = total
    }
    return [TensorType(first.dtype, Shape(dims))]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    try g.inputs.indices.map { index in
      guard g.needed[index] else { return nil }
      return try g.graph.add(
        ConcatenatePart(axis: axis, part: index, count: g.inputs.count), [g.dy] + g.inputs)[0]
    }
  }
}

/// The part of a joined tensor (first input) that came from one of the others (shapes only).
public struct ConcatenatePart: Operation {
  public let axis: Int
  public let part: Int
  public let count: Int
  public var name: String { "concatenate_part" }
  public var shapeOnlyInputs: [Int] { Array(1...count) }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    [TensorType(inputs[0].dtype, inputs[1 + part].shape)]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    let pieces = try g.inputs.dropFirst().enumerated().map { try $0.offset == part ? g.dy : g.zeros(like: $0.element) }
    return [try g.graph.add(Concatenate(axis: axis), pieces)[0]] + pieces.map { _ in nil }
  }
}

/// x[begin:end:strides] on every axis, Python's rules without counting from the end: bounds are cut to the extent.
public struct Slice: Operation {
  public let begin: [Int]
  public let end: [Int]
  public let strides: [Int]
  public var name: String { "slice" }

  /// Elements that steps of any size reach in a distance.
  private func steps(_ distance: Int, _ stride: Int) -> Int { distance > 0 ? (distance - 1) / stride + 1 : 0 }

  /// First index and number of elements along each axis.
  public func resolve(_ shape: Shape) throws -> (start: [Int], count: [Int]) {
    guard begin.count == shape.rank, end.count == shape.rank, strides.count == shape.rank else {
      throw Failure.value(
        "slice: begin, end, strides have \(begin.count), \(end.count), \(strides.count) entries, expected"
          + " \(shape.rank) for shape \(shape)")
    }
    var start: [Int] = []
    var count: [Int] = []
    for axis in 0..<shape.rank {
      let (extent, stride) = (shape[axis], strides[axis])
      guard stride != 0, stride != Int.min else { throw Failure.value("slice: stride 0 on axis \(axis)") }
      if extent == Shape.unknown {
        // Only the whole axis keeps an unknown extent meaningful.
        let isWhole = stride == 1 && begin[axis] == 0 && end[axis] >= Shape.maximumCount
        let first = max(begin[axis], 0)
        start.append(first)
        count.append(
          isWhole || end[axis] >= Shape.maximumCount || stride < 0
            ? Shape.unknown : steps(max(end[axis], first) - first, stride))
        continue
      }
      if stride > 0 {
        let first = min(max(begin[axis], 0), extent)
        let last = min(max(end[axis], first), extent)
        start.append(first)
        count.append(steps(last - first, stride))
      } else {
        let first = min(begin[axis], extent - 1)
        let last = max(min(end[axis], first), -1)
        start.append(max(first, 0))
        count.append(first < 0 ? 0 : steps(first - last, -stride))
      }
    }
    return (start, count)
  }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    return [TensorType(inputs[0].dtype, Shape(try resolve(inputs[0].shape).count))]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    [try g.add(SliceGradient(slice: self), g.dy, g.inputs[0])]
  }
}

/// Zeros in the shape of the second input with the first written where the slice was.
public struct SliceGradient: Operation {
  public let slice: Slice
  public var name: String { "slice_gradient" }
  public var shapeOnlyInputs: [Int] { [1] }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    return [TensorType(inputs[0].dtype, inputs[1].shape)]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] { [try g.add(slice, g.dy), nil] }
}

/// x with `before` and `after` elements of one value around it on each axis, or (cropping) without them.
public struct Pad: Operation {
  public let before: [Int]
  public let after: [Int]
  public let value: Double
  public let crops: Bool
  public var name: String { crops ? "crop" : "pad" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    let shape = inputs[0].shape
    guard before.count == shape.rank, after.count == shape.rank,
      (before + after).allSatisfy({ 0 <= $0 && $0 <= Shape.maximumCount })
    else {
      throw Failure.value(
        "\(name): before \(before) and after \(after) do not fit shape \(shape), expected \(shape.rank) numbers in"
          + " 0...2**48 each")
    }
    let dims = zip(shape.dims, zip(before, after)).map { extent, margin in
      extent == Shape.unknown ? extent : extent + (crops ? -1 : 1) * (margin.0 + margin.1)
    }
    guard dims.allSatisfy({ $0 >= -1 }) else {
      throw Failure.value("crop: before \(before) and after \(after) exceed shape \(shape)")
    }
    return [TensorType(inputs[0].dtype, Shape(dims))]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    [try g.add(Pad(before: before, after: after, value: 0, crops: !crops), g.dy)]
  }
}

/// Elements in reverse order along axes.
public struct Flip: Operation {
  public let axes: [Int]
  public var name: String { "flip" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    for axis in axes { _ = try normalizeAxis(axis, rank: inputs[0].shape.rank, name) }
    return inputs
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] { [try g.add(self, g.dy)] }
}

/// Rows x[..., indices, ...] along an axis.
public struct Take: Operation {
  public let axis: Int
  public var name: String { "take" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 2)
    let (x, indices) = (inputs[0], inputs[1])
    guard indices.dtype == .int32 || indices.dtype == .int64 else {
      throw Failure.type("take: indices have dtype \(indices.dtype), expected int32 or int64")
    }
    let along = try normalizeAxis(axis, rank: x.shape.rank, name)
    let dims = x.shape.dims[..<along] + indices.shape.dims + x.shape.dims[(along + 1)...]
    return [TensorType(x.dtype, Shape(Array(dims)))]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    [try g.add(TakeGradient(axis: axis), g.dy, g.inputs[1], g.inputs[0]), nil]
  }
}

/// Adds the rows of the first input at the indices into zeros of the third input's shape.
public struct TakeGradient: Operation {
  public let axis: Int
  public var name: String { "take_gradient" }
  public var shapeOnlyInputs: [Int] { [2] }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 3)
    return [TensorType(inputs[0].dtype, inputs[2].shape)]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] {
    [try g.add(Take(axis: axis), g.dy, g.inputs[1]), nil, nil]
  }
}

/// A new last axis with 1 at the label and 0 elsewhere; labels out of range give zeros.
public struct OneHot: Operation {
  public let depth: Int
  public let dtype: DType
  public var name: String { "one_hot" }

  public func infer(_ inputs: [TensorType]) throws -> [TensorType] {
    try expect(inputs, count: 1)
    guard inputs[0].dtype == .int32 || inputs[0].dtype == .int64 else {
      throw Failure.type("one_hot: labels have dtype \(inputs[0].dtype), expected int32 or int64")
    }
    guard depth >= 1, dtype.isFloat else {
      throw Failure.value("one_hot: depth \(depth), dtype \(dtype): expected depth >= 1 and a float dtype")
    }
    return [TensorType(dtype, Shape(inputs[0].shape.dims + [depth]))]
  }

  public func gradient(_ g: inout GradientBuilder) throws -> [Value?] { [nil] }
}

let indexingFactories: [String: OperationFactory] = [
  "concatenate": { Concatenate(axis: try $0.int("axis")) },
  "slice": { Slice(begin: try $0.ints("begin"), end: try $0.ints("end"), strides: try $0.ints("strides")) },
  "pad": {
    Pad(
      before: try $0.ints("before"), after: try $0.ints("after"), value: try $0.double("value", default: 0),
      crops: false)
  },
  "flip": { Flip(axes: try $0.ints("axes")) },
  "take": { Take(axis: try $0.int("axis")) },
  "one_hot": { OneHot(depth: try $0.int("depth"), dtype: try $0.dtype("dtype")) },
]
