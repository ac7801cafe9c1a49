import Glibc

/// The vector functions behind `BinaryOperation`.
enum BinaryFunctions {
  struct Add<Scalar: KernelScalar>: BinaryFunction {
    @inline(__always) func callAsFunction(_ a: Scalar.Vector, _ b: Scalar.Vector) -> Scalar.Vector { a + b }
  }

  struct Subtract<Scalar: KernelScalar>: BinaryFunction {
    @inline(__always) func callAsFunction(_ a: Scalar.Vector, _ b: Scalar.Vector) -> Scalar.Vector { a - b }
  }

  struct Multiply<Scalar: KernelScalar>: BinaryFunction {
    @inline(__always) func callAsFunction(_ a: Scalar.Vector, _ b: Scalar.Vector) -> Scalar.Vector { a * b }
  }

  struct Divide<Scalar: KernelScalar>: BinaryFunction {
    @inline(__always) func callAsFunction(_ a: Scalar.Vector, _ b: Scalar.Vector) -> Scalar.Vector { a / b }
  }

  /// Lane by lane through the C library in Double, which knows all of IEEE's special cases.
  struct Power<Scalar: KernelScalar>: BinaryFunction {
    @inline(__always) func callAsFunction(_ a: Scalar.Vector, _ b: Scalar.Vector) -> Scalar.Vector {
      var y = a
      for lane in 0..<Scalar.Vector.scalarCount { y[lane] = Scalar(pow(Double(a[lane]), Double(b[lane]))) }
      return y
    }
  }

  struct Maximum<Scalar: KernelScalar>: BinaryFunction {
    @inline(__always) func callAsFunction(_ a: Scalar.Vector, _ b: Scalar.Vector) -> Scalar.Vector {
      Scalar.largerLanes(a, b)
    }
  }

  struct Minimum<Scalar: KernelScalar>: BinaryFunction {
    @inline(__always) func callAsFunction(_ a: Scalar.Vector, _ b: Scalar.Vector) -> Scalar.Vector {
      Scalar.smallerLanes(a, b)
    }
  }

  struct FloorDivide<Scalar: KernelScalar>: BinaryFunction {
    @inline(__always) func callAsFunction(_ a: Scalar.Vector, _ b: Scalar.Vector) -> Scalar.Vector {
      var y = a
      for lane in 0..<Scalar.Vector.scalarCount {
        y[lane] = Scalar(floorDivision(Double(a[lane]), Double(b[lane])).quotient)
      }
      return y
    }
  }

  struct Remainder<Scalar: KernelScalar>: BinaryFunction {
    @inline(__always) func callAsFunction(_ a: Scalar.Vector, _ b: Scalar.Vector) -> Scalar.Vector {
      var y = a
      for lane in 0..<Scalar.Vector.scalarCount {
        y[lane] = Scalar(floorDivision(Double(a[lane]), Double(b[lane])).remainder)
      }
      return y
    }
  }

  struct Cube<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector { x * x * x }
  }

  struct Identity<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector { x }
  }
}

/// Python's // and %, as NumPy forms them: the remainder has the divisor's sign.
private func floorDivision(_ a: Double, _ b: Double) -> (quotient: Double, remainder: Double) {
  if b == 0 { return (a / b, .nan) }
  var remainder = fmod(a, b)
  var quotient = (a - remainder) / b
  if remainder == 0 {
    remainder = copysign(0, b)
  } else if (b < 0) != (remainder < 0) {
    remainder += b
    quotient -= 1
  }
  if quotient == 0 { return (copysign(0, a / b), remainder) }
  let whole = floor(quotient)
  return (quotient - whole > 0.5 ? whole + 1 : whole, remainder)
}

/// A binary vector function over runs.
struct VectorKernel<F: BinaryFunction>: BroadcastKernel {
  typealias Scalar = F.Scalar
  let f: F

  struct BoundLeft: UnaryFunction {
    typealias Scalar = F.Scalar
    let f: F
    let a: Scalar
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector { f(Scalar.Vector(repeating: a), x) }
  }

  struct BoundRight: UnaryFunction {
    typealias Scalar = F.Scalar
    let f: F
    let b: Scalar
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector { f(x, Scalar.Vector(repeating: b)) }
  }

  @inline(__always)
  func dense(
    _ a: UnsafePointer<Scalar>, _ b: UnsafePointer<Scalar>, _ out: UnsafeMutablePointer<Scalar>, _ n: Int
  ) { mapRun(f, a, b, out, n) }

  @inline(__always)
  func scalarLeft(_ a: Scalar, _ b: UnsafePointer<Scalar>, _ out: UnsafeMutablePointer<Scalar>, _ n: Int) {
    mapRun(BoundLeft(f: f, a: a), b, out, n)
  }

  @inline(__always)
  func scalarRight(_ a: UnsafePointer<Scalar>, _ b: Scalar, _ out: UnsafeMutablePointer<Scalar>, _ n: Int) {
    mapRun(BoundRight(f: f, b: b), a, out, n)
  }
}

/// A function of two elements, for types without `KernelScalar`; its loops are left to the compiler to vectorize.
protocol ElementFunction<Input, Output> {
  associatedtype Input: BitwiseCopyable
  associatedtype Output: BitwiseCopyable
  func callAsFunction(_ a: Input, _ b: Input) -> Output
}

struct ElementKernel<F: ElementFunction>: BroadcastKernel {
  typealias Input = F.Input
  typealias Output = F.Output
  let f: F

  @inline(__always)
  func dense(_ a: UnsafePointer<Input>, _ b: UnsafePointer<Input>, _ out: UnsafeMutablePointer<Output>, _ n: Int) {
    for i in 0..<n { out[i] = f(a[i], b[i]) }
  }

  @inline(__always)
  func scalarLeft(_ a: Input, _ b: UnsafePointer<Input>, _ out: UnsafeMutablePointer<Output>, _ n: Int) {
    for i in 0..<n { out[i] = f(a, b[i]) }
  }

  @inline(__always)
  func scalarRight(_ a: UnsafePointer<Input>, _ b: Input, _ out: UnsafeMutablePointer<Output>, _ n: Int) {
    for i in 0..<n { out[i] = f(a[i], b) }
  }
}
