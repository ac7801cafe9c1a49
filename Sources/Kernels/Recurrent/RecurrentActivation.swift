/// Activations that recurrent kernels know; their slopes follow from their values.
public enum RecurrentActivation: UInt8, Sendable {
  case linear, tanh, sigmoid, relu, hardSigmoid
}

/// The activations of a cell: of its candidate values and outputs, and of its gates.
public struct RecurrentActivations: Sendable {
  public let output: RecurrentActivation
  public let gate: RecurrentActivation

  public init(output: RecurrentActivation, gate: RecurrentActivation) {
    self.output = output
    self.gate = gate
  }
}

private struct HardSigmoid<Scalar: KernelScalar>: UnaryFunction {
  @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector {
    let y = x / Scalar.constant(6) + Scalar.constant(0.5)
    return Scalar.clampKeepingNaN(y, Scalar.Vector(), Scalar.constant(1))
  }
}

extension RecurrentActivation {
  /// Replaces a run of numbers.
  @inline(never)
  func apply<T: KernelScalar>(_ p: UnsafeMutablePointer<T>, _ count: Int) {
    let x = UnsafePointer(p)
    switch self {
    case .linear: break
    case .tanh: mapRun(UnaryFunctions.Tanh<T>(), x, p, count)
    case .sigmoid: mapRun(UnaryFunctions.Sigmoid<T>(), x, p, count)
    case .relu: mapRun(UnaryFunctions.Relu<T>(), x, p, count)
    case .hardSigmoid: mapRun(HardSigmoid<T>(), x, p, count)
    }
  }

  /// dy · f'(x), from y = f(x).
  @inline(__always)
  func backward<T: KernelScalar>(_: T.Type, _ dy: T.Vector, _ y: T.Vector) -> T.Vector {
    let (zero, one) = (T.Vector(), T.constant(1))
    switch self {
    case .linear: return dy
    case .tanh: return dy * (one - y * y)
    case .sigmoid: return dy * (y * (one - y))
    case .relu: return T.select(y, greaterThan: zero, dy, else: zero)
    case .hardSigmoid:
      let inside = T.select(y, greaterThan: zero, T.select(one, greaterThan: y, dy, else: zero), else: zero)
      return inside / T.constant(6)
    }
  }
}

/// Work on the elements `j ..< j + count` of one sample, for a whole vector or fewer lanes.
protocol LaneWork<Scalar> {
  associatedtype Scalar: KernelScalar
  func callAsFunction(_ j: Int, _ count: Int)
}

@inline(__always)
func forEachVector<W: LaneWork>(_ work: W, _ n: Int) {
  let width = W.Scalar.Vector.scalarCount
  var j = 0
  while j &+ width <= n {
    work(j, width)
    j &+= width
  }
  if j < n { work(j, n &- j) }
}

extension UnsafePointer where Pointee: KernelScalar {
  /// `count` lanes, the others zero.
  @inline(__always)
  func lanes(_ j: Int, _ count: Int) -> Pointee.Vector {
    count == Pointee.Vector.scalarCount ? vector(at: j) : vector(at: j, count: count)
  }
}

extension UnsafeMutablePointer where Pointee: KernelScalar {
  @inline(__always)
  func lanes(_ j: Int, _ count: Int) -> Pointee.Vector { UnsafePointer(self).lanes(j, count) }

  @inline(__always)
  func storeLanes(_ vector: Pointee.Vector, _ j: Int, _ count: Int) {
    if count == Pointee.Vector.scalarCount { store(vector, at: j) } else { store(vector, at: j, count: count) }
  }
}
