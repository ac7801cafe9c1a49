import Tensor

/// How windows slide over an image or a volume, along each of its axes (height and width, or depth, height and width).
public struct Window: Hashable, Sendable {
  public enum Padding: Hashable, Sendable {
    case valid, same
    /// So many zeros on each side of each axis; fewer than none behind leaves the end out.
    case explicit(before: [Int], after: [Int])
  }

  public let strides: [Int]
  public let padding: Padding
  public let dilation: [Int]

  init(strides: [Int], padding: Padding, dilation: [Int]) {
    self.strides = strides
    self.padding = padding
    self.dilation = dilation
  }

  /// Reads `strides`, `padding` ("valid", "same" or "explicit", which needs `pads`: all before, then all after) and, for
  /// convolutions, `dilation`.
  init(_ reader: inout AttributeReader, axes: Int, strides fallback: [Int]? = nil, isDilated: Bool = false) throws {
    let ones = [Int](repeating: 1, count: axes)
    let name = reader.operation
    let strides = try reader.ints("strides", default: fallback ?? ones)
    let dilation = isDilated ? try reader.ints("dilation", default: ones) : ones
    for (label, extents) in [("strides", strides), ("dilation", dilation)] {
      guard extents.count == axes, extents.allSatisfy({ $0 >= 1 && $0 <= 1 << 20 }) else {
        throw Failure.value("\(name): \(label) are \(extents), expected \(axes) integers >= 1")
      }
    }
    let text = try reader.string("padding", default: "valid")
    let padding: Padding
    switch text {
    case "valid": padding = .valid
    case "same": padding = .same
    case "explicit" where isDilated:
      let pads = try reader.ints("pads")
      guard pads.count == 2 * axes, pads.allSatisfy({ $0 >= 0 && $0 <= 1 << 20 }) else {
        throw Failure.value("\(name): pads are \(pads), expected \(2 * axes) integers >= 0")
      }
      padding = .explicit(before: Array(pads.prefix(axes)), after: Array(pads.suffix(axes)))
    default: throw Failure.value("\(name): padding is '\(text)', expected 'valid' or 'same'")
    }
    self.init(strides: strides, padding: padding, dilation: dilation)
  }

  /// Output extent and padding before, along one axis; `same` is as TensorFlow defines it.
  public func output(_ extent: Int, size: Int, axis: Int) -> (extent: Int, before: Int) {
    let (stride, reach) = (strides[axis], (size - 1) * dilation[axis] + 1)
    if extent == Shape.unknown { return (Shape.unknown, 0) }
    switch padding {
    case .valid: return (extent < reach ? 0 : (extent - reach) / stride + 1, 0)
    case .same:
      let out = (extent + stride - 1) / stride
      return (out, max(0, (out - 1) * stride + reach - extent) / 2)
    case .explicit(let before, let after):
      let padded = extent + before[axis] + after[axis]
      return (padded < reach ? 0 : (padded - reach) / stride + 1, before[axis])
    }
  }

  /// Shape of what windows of `sizes` over x (N, …, C) give.
  func shape(_ x: Shape, sizes: [Int], channels: Int, _ name: String) throws -> Shape {
    let extents = sizes.indices.map { output(x[$0 + 1], size: sizes[$0], axis: $0).extent }
    for (axis, extent) in extents.enumerated() where extent == 0 && x[axis + 1] != 0 {
      throw Failure.value("\(name): x has shape \(x), which is smaller than the window \(sizes)")
    }
    return Shape([x[0]] + extents + [channels])
  }
}
