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
