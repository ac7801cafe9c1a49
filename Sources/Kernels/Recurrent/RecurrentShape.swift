/// Sequences as the recurrent kernels see them. Everything is batch-major, (N, T, …). States and outputs lie in the order
/// in which the steps are taken; what belongs to inputs (projections, gates, their gradients) in that of the inputs.
public struct RecurrentShape: Sendable {
  public let batch: Int
  public let steps: Int
  public let units: Int
  /// The last input comes first.
  public let isReversed: Bool

  public init(batch: Int, steps: Int, units: Int, isReversed: Bool) {
    self.batch = batch
    self.steps = steps
    self.units = units
    self.isReversed = isReversed
  }

  /// Position of the input that a step reads.
  @inline(__always)
  func time(_ step: Int) -> Int { isReversed ? steps &- 1 &- step : step }

  /// Samples of one parallel chunk: their recurrence depends on no others, so a chunk takes all its steps alone. Each
  /// step reads the recurrent kernel; where that does not fit a core's cache, more samples share what comes from memory.
  private var rowsPerBlock: Int { units < 256 ? 16 : 32 }
  var blocks: Int { (batch &+ rowsPerBlock &- 1) / rowsPerBlock }

  @inline(__always)
  func rows(ofBlock block: Int) -> Range<Int> {
    let first = block &* rowsPerBlock
    return first..<Swift.min(first &+ rowsPerBlock, batch)
  }

  /// Elements of scratch for `width` per sample of a block.
  func scratch(_ width: Int) -> Int { Swift.min(rowsPerBlock, batch) &* width }
}

/// States before the first step and which steps count; nil: zeros, and all.
public struct RecurrentStart<T> {
  public var state: UnsafePointer<T>?
  /// Of an LSTM only.
  public var cell: UnsafePointer<T>?
  /// (N, T); where it is 0 the states stay as they are.
  public var mask: UnsafePointer<UInt8>?

  public init(state: UnsafePointer<T>?, cell: UnsafePointer<T>? = nil, mask: UnsafePointer<UInt8>?) {
    self.state = state
    self.cell = cell
    self.mask = mask
  }

  @inline(__always)
  func counts(_ row: Int, _ time: Int, _ shape: RecurrentShape) -> Bool {
    guard let mask else { return true }
    return mask[row &* shape.steps &+ time] != 0
  }
}

/// Rows of (N, T, units) or of the first states (N, units), one after another in steps of `stride`.
struct StateRows<T> {
  let pointer: UnsafePointer<T>
  let stride: Int

  /// States before a step for the samples from `row` on; nil: zeros.
  @inline(__always)
  init?(
    before step: Int, _ row: Int, _ states: UnsafeMutablePointer<T>, first: UnsafePointer<T>?, _ shape: RecurrentShape
  ) {
    if step > 0 {
      pointer = UnsafePointer(states + (row &* shape.steps &+ step &- 1) &* shape.units)
      stride = shape.steps &* shape.units
    } else {
      guard let first else { return nil }
      pointer = first + row &* shape.units
      stride = shape.units
    }
  }
}

/// Copies a row, or zeros where there is none.
@inline(__always)
func copyRow<T: KernelScalar>(_ from: UnsafePointer<T>?, _ to: UnsafeMutablePointer<T>, _ count: Int) {
  guard let from else { return to.update(repeating: 0, count: count) }
  to.update(from: from, count: count)
}
