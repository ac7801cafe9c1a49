import Glibc

/// The vector functions behind `UnaryOperation`.
enum UnaryFunctions {
  /// -0 - x: the sign of zeros flips too, which 0 - x would not do.
  struct Negative<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector { Scalar.Vector(repeating: -0.0) - x }
  }

  struct Abs<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector {
      let zero = Scalar.Vector(repeating: 0)
      return Scalar.select(x, greaterThan: zero, x, else: zero - x)
    }
  }

  struct Sign<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector {
      let zero = Scalar.Vector(repeating: 0)
      let positive = Scalar.select(x, greaterThan: zero, Scalar.Vector(repeating: 1), else: x)
      return Scalar.select(zero, greaterThan: x, Scalar.Vector(repeating: -1), else: positive)
    }
  }

  struct Square<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector { x * x }
  }

  struct Sqrt<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector { Scalar.squareRoot(x) }
  }

  struct Rsqrt<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector {
      Scalar.Vector(repeating: 1) / Scalar.squareRoot(x)
    }
  }

  struct Reciprocal<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector { Scalar.Vector(repeating: 1) / x }
  }

  struct Exp<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector { Scalar.exp(x) }
  }

  struct Expm1<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector { Scalar.expm1(x) }
  }

  struct Log<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector { Scalar.log(x) }
  }

  struct Log1p<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector { Scalar.log1p(x) }
  }

  struct Tanh<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector { Scalar.tanh(x) }
  }

  struct Sigmoid<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector { Scalar.sigmoid(x) }
  }

  /// max(x, 0). Adding zero turns -0 into +0.
  struct Relu<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector {
      let zero = Scalar.Vector(repeating: 0)
      return Scalar.select(zero, greaterThan: x, zero, else: x + zero)
    }
  }

  struct ExpOfMinusAbs<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector {
      let zero = Scalar.Vector(repeating: 0)
      return Scalar.exp(Scalar.select(x, greaterThan: zero, zero - x, else: x))
    }
  }

  /// max(x, 0) + b.
  struct PositivePlus<Scalar: KernelScalar>: BinaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector, _ b: Scalar.Vector) -> Scalar.Vector {
      let zero = Scalar.Vector(repeating: 0)
      return Scalar.select(zero, greaterThan: x, zero, else: x) + b
    }
  }

  struct Silu<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector { x * Scalar.sigmoid(x) }
  }

  /// x·tanh(softplus(x)) with tanh(log(1 + e)) = (e² + 2e)/(e² + 2e + 2), e = exp(x).
  struct Mish<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector {
      let e = Scalar.exp(Self.cut(x))
      let n = e * (e + Scalar.constant(2))
      return x * (n / (n + Scalar.constant(2)))
    }

    /// x up to a limit from which on the quotients that are made of exp(x) are 0 or 1, while they might overflow.
    @inline(__always) static func cut(_ x: Scalar.Vector) -> Scalar.Vector {
      let limit = Scalar.constant(20, double: 40)
      return Scalar.select(x, greaterThan: limit, limit, else: x)
    }
  }

  /// x·Φ(x), Φ being the normal distribution function.
  struct Gelu<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector { x * NormalDistribution<Scalar>()(x) }
  }

  /// Φ(x) = (1 + erf(x/√2))/2.
  struct NormalDistribution<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector {
      let half = Scalar.constant(0.5)
      return Scalar.multiplyAdd(half, Scalar.erf(x * Scalar.constant(0.707_106_781_186_547_5)), half)
    }
  }

  /// x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2.
  struct ApproximateGelu<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector {
      let half = Scalar.constant(0.5)
      return x * Scalar.multiplyAdd(half, Self.bend(x), half)
    }

    /// The tanh of it.
    @inline(__always) static func bend(_ x: Scalar.Vector) -> Scalar.Vector {
      let root = 0.797_884_560_802_865_4
      let factor = Scalar.multiplyAdd(Scalar.constant(root * 0.044715), x * x, Scalar.constant(root))
      return Scalar.tanh(x * factor)
    }
  }

  struct Erf<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector { Scalar.erf(x) }
  }

  /// Lane by lane through the C library in Double: correctly reduced for every argument.
  struct Sin<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector {
      var y = x
      for lane in 0..<Scalar.Vector.scalarCount { y[lane] = Scalar(sin(Double(x[lane]))) }
      return y
    }
  }

  struct Cos<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector {
      var y = x
      for lane in 0..<Scalar.Vector.scalarCount { y[lane] = Scalar(cos(Double(x[lane]))) }
      return y
    }
  }

  struct Arctan<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector {
      var y = x
      for lane in 0..<Scalar.Vector.scalarCount { y[lane] = Scalar(atan(Double(x[lane]))) }
      return y
    }
  }

  struct Floor<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector { x.rounded(.down) }
  }

  struct Ceil<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector { x.rounded(.up) }
  }

  struct Round<Scalar: KernelScalar>: UnaryFunction {
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector { x.rounded(.toNearestOrEven) }
  }

  struct LeakyRelu<Scalar: KernelScalar>: UnaryFunction {
    let slope: Scalar
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector {
      Scalar.select(x, greaterThan: Scalar.Vector(repeating: 0), x, else: x * Scalar.Vector(repeating: slope))
    }
  }

  /// The bounds replace what lies outside, so that NaN stays.
  struct Clip<Scalar: KernelScalar>: UnaryFunction {
    let low: Scalar
    let high: Scalar
    @inline(__always) func callAsFunction(_ x: Scalar.Vector) -> Scalar.Vector {
      let (low, high) = (Scalar.Vector(repeating: low), Scalar.Vector(repeating: high))
      let raised = Scalar.select(low, greaterThan: x, low, else: x)
      return Scalar.select(raised, greaterThan: high, high, else: raised)
    }
  }
}
