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

  struct Sigmoid<Scalar: KernelScalar>: BinaryFunction {
    @inline(__always) func callAsFunction(_ dy: Scalar.Vector, _ y: Scalar.Vector) -> Scalar.Vector {
      dy * (y * (Scalar.Vector(repeating: 1) - y))
    }
  }

  /// (1 - y)(1 + y) keeps its accuracy near ±1, where 1 - y² cancels.
  struct Tanh<Scalar: KernelScalar>: BinaryFunction {
    @inline(__always) func callAsFunction(_ dy: Scalar.Vector, _ y: Scalar.Vector) -> Scalar.Vector {
      let one = Scalar.Vector(repeating: 1)
      return dy * ((one - y) * (one + y))
    }
  }

  struct Silu<Scalar: KernelScalar>: BinaryFunction {
    @inline(__always) func callAsFunction(_ dy: Scalar.Vector, _ x: Scalar.Vector) -> Scalar.Vector {
      let one = Scalar.Vector(repeating: 1)
      let s = Scalar.sigmoid(x)
      return dy * (s * Scalar.multiplyAdd(x, one - s, one))
    }
  }

  struct Softplus<Scalar: KernelScalar>: BinaryFunction {
    @inline(__always) func callAsFunction(_ dy: Scalar.Vector, _ x: Scalar.Vector) -> Scalar.Vector {
      dy * Scalar.sigmoid(x)
    }
  }
}

/// `dx = y > 0 ? dy : 0`, from the output y of relu; dx may equal dy or y.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func reluBackward<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ y: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ n: Int
) {
  parallelMap(UnaryGradients.Relu<T>(), dy, y, dx, n)
}

/// `dx = x > 0 ? dy : slope · dy`; dx may equal dy or x.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func leakyReluBackward<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ x: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ n: Int, slope: T
) {
  parallelMap(UnaryGradients.LeakyRelu(slope: slope), dy, x, dx, n)
}

/// `dx = dy · y · (1 - y)`, from the output y of sigmoid; dx may equal dy or y.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func sigmoidBackward<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ y: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ n: Int
) {
  parallelMap(UnaryGradients.Sigmoid<T>(), dy, y, dx, n)
}

/// `dx = dy · (1 - y²)`, from the output y of tanh; dx may equal dy or y.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func tanhBackward<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ y: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ n: Int
) {
  parallelMap(UnaryGradients.Tanh<T>(), dy, y, dx, n)
}

/// `dx = dy · s · (1 + x · (1 - s))` with s = sigmoid(x), from the input x of silu; dx may equal dy or x.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func siluBackward<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ x: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ n: Int
) {
  parallelMap(UnaryGradients.Silu<T>(), dy, x, dx, n)
}

/// `dx = dy · sigmoid(x)`, from the input x of softplus; dx may equal dy or x.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func softplusBackward<T: KernelScalar>(
  _ dy: UnsafePointer<T>, _ x: UnsafePointer<T>, _ dx: UnsafeMutablePointer<T>, _ n: Int
) {
  parallelMap(UnaryGradients.Softplus<T>(), dy, x, dx, n)
}
