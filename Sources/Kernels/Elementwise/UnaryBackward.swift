import Parallel

/// Vector functions (dy, saved) → dx, where saved is the function's input or output.
enum UnaryGradients {
  struct Relu<Scalar: KernelScalar>: BinaryFunction {
    @inline(__always) func callAsFunction(_ dy: Scalar.Vector, _ y: Scalar.Vector) -> Scalar.Vector {
      let zero = Scalar.Vector(repeating: 0)
      return Scalar.select(y, greaterThan: zero, dy, else: zero)
    }
  }

  struct LeakyRelu<Scalar: KernelScalar>: BinaryFunction {
    let slope: Scalar
    @inline(__always) func callAsFunction(_ dy: Scalar.Vector, _ x: Scalar.Vector) -> Scalar.Vector {
      let zero = Scalar.Vector(repeating: 0)
      return Scalar.select(x, greaterThan: zero, dy, else: dy * Scalar.Vector(repeating: slope))
    }
  }

  /// 1 - y².
  struct Tanh<Scalar: KernelScalar>: BinaryFunction {
    @inline(__always) func callAsFunction(_ dy: Scalar.Vector, _ y: Scalar.Vector) -> Scalar.Vector {
      dy * (Scalar.constant(1) - y * y)
    }
  }

  /// y·(1 - y).
  struct Sigmoid<Scalar: KernelScalar>: BinaryFunction {
    @inline(__always) func callAsFunction(_ dy: Scalar.Vector, _ y: Scalar.Vector) -> Scalar.Vector {
      dy * (y * (Scalar.constant(1) - y))
    }
  }

  struct Softplus<Scalar: KernelScalar>: BinaryFunction {
    @inline(__always) func callAsFunction(_ dy: Scalar.Vector, _ x: Scalar.Vector) -> Scalar.Vector {
      dy * Scalar.sigmoid(x)
    }
  }

  /// s·(1 + x·(1 - s)), s = sigmoid(x).
  struct Silu<Scalar: KernelScalar>: BinaryFunction {
    @inline(__always) func callAsFunction(_ dy: Scalar.Vector, _ x: Scalar.Vector) -> Scalar.Vector {
      let (s, one) = (Scalar.sigmoid(x), Scalar.constant(1))
      return dy * (s * Scalar.multiplyAdd(x, one - s, one))
    }
  }

  /// t + x·sigmoid(x)·(1 - t²) with t = n/(n + 2), n = e² + 2e, e = exp(x), where 1 - t² = 4(n + 1)/(n + 2)².
  struct Mish<Scalar: KernelScalar>: BinaryFunction {
    @inline(__always) func callAsFunction(_ dy: Scalar.Vector, _ x: Scalar.Vector) -> Scalar.Vector {
      let (one, two) = (Scalar.constant(1), Scalar.constant(2))
      let x = UnaryFunctions.Mish<Scalar>.cut(x)
      let e = Scalar.exp(x)
      let n = e * (e + two)
      let inverse = one / (n + two)
      // sigmoid(x) = e/(1 + e) and n + 1 = (1 + e)²
      let rest = Scalar.constant(4) * (e * (e + one)) * (inverse * inverse)
      return dy * Scalar.multiplyAdd(x, rest, n * inverse)
    }
  }

  /// Φ(x) + x·φ(x), from Φ(x).
  struct GeluSlope<Scalar: KernelScalar>: BinaryFunction {
    @inline(__always) func callAsFunction(_ whole: Scalar.Vector, _ x: Scalar.Vector) -> Scalar.Vector {
      let x = farCut(Scalar.self, x)
      let bell = Scalar.exp(x * x * Scalar.constant(-0.5))
      return Scalar.multiplyAdd(x * Scalar.constant(0.398_942_280_401_432_7), bell, whole)
    }
  }

  /// (1 + t)/2 + x·(1 - t²)·u'/2 with t = tanh(u), u = √(2/π)·(x + 0.044715·x³).
  struct ApproximateGelu<Scalar: KernelScalar>: BinaryFunction {
    @inline(__always) func callAsFunction(_ dy: Scalar.Vector, _ x: Scalar.Vector) -> Scalar.Vector {
      let (half, one) = (Scalar.constant(0.5), Scalar.constant(1))
      let x = farCut(Scalar.self, x)
      let t = UnaryFunctions.ApproximateGelu<Scalar>.bend(x)
      let root = 0.797_884_560_802_865_4
      let du = Scalar.multiplyAdd(
        Scalar.constant(0.5 * root * 3 * 0.044715), x * x, Scalar.constant(0.5 * root))
      return dy * Scalar.multiplyAdd(x * (one - t * t), du, Scalar.multiplyAdd(half, t, half))
    }
  }

  /// Beyond ±40 slopes that end at 0 or 1 are there in every dtype, while squares of x may overflow.
  @inline(__always)
  private static func farCut<Scalar: KernelScalar>(_: Scalar.Type, _ x: Scalar.Vector) -> Scalar.Vector {
    Scalar.clampKeepingNaN(x, Scalar.constant(-40), Scalar.constant(40))
  }
}

/// Activations whose gradient is one pass of its own.
public enum ActivationWithGradient: UInt8, CaseIterable, Sendable {
  case tanh, sigmoid, softplus, silu, mish, gelu, approximateGelu
}

/// `dx = dy · f'(x)`, from the output of f for tanh and sigmoid, from its input for the others; dx may equal dy or it.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func activationBackward<T: KernelScalar>(
  _ activation: ActivationWithGradient, _ dy: UnsafePointer<T>, _ saved: UnsafePointer<T>,
  _ dx: UnsafeMutablePointer<T>, _ n: Int
) {
  typealias G = UnaryGradients
  switch activation {
  case .tanh: parallelMap(G.Tanh<T>(), dy, saved, dx, n)
  case .sigmoid: parallelMap(G.Sigmoid<T>(), dy, saved, dx, n)
  case .softplus: parallelMap(G.Softplus<T>(), dy, saved, dx, n)
  case .silu: parallelMap(G.Silu<T>(), dy, saved, dx, n)
  case .mish: parallelMap(G.Mish<T>(), dy, saved, dx, n)
  case .gelu: geluBackward(dy, saved, dx, n)
  case .approximateGelu: parallelMap(G.ApproximateGelu<T>(), dy, saved, dx, n)
  }
}

/// Two passes over blocks that stay in the first cache: with both exponentials in one loop the registers do not suffice.
@inline(__always)
private func geluBackward<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ x: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ n: Int
) {
  let block = 1024
  parallel(elementwiseChunks(n), scratchBytes: block &* MemoryLayout<T>.stride, (dy, x, dx, n)) {
    context, chunk, scratch in
    let (dy, x, dx, n) = context
    let block = 1024
    let slopes = scratch.assumingMemoryBound(to: T.self)
    var start = chunk &* elementwiseChunk
    let end = min(n, start &+ elementwiseChunk)
    while start < end {
      let count = min(block, end &- start)
      leafRun(UnaryFunctions.NormalDistribution<T>(), x + start, slopes, count)
      leafRun(UnaryGradients.GeluSlope<T>(), UnsafePointer(slopes), x + start, slopes, count)
      leafRun(BinaryFunctions.Multiply<T>(), UnsafePointer(slopes), dy + start, dx + start, count)
      start &+= count
    }
  }
}

/// `dx = y > 0 ? dy : 0`, from the output y of relu; dx may equal dy or y.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func reluBackward<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ y: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ n: Int
) {
  T.requireSpecialization()
  parallelMap(UnaryGradients.Relu<T>(), dy, y, dx, n)
}

/// `dx = x > 0 ? dy : slope · dy`; dx may equal dy or x.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func leakyReluBackward<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ x: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ n: Int, slope: T
) {
  T.requireSpecialization()
  parallelMap(UnaryGradients.LeakyRelu(slope: slope), dy, x, dx, n)
}
