import CIntrinsics

/// A floating-point type that kernels compute in, with the widest vector of the instruction-set level.
///
/// Kernels are written once, generic over this protocol, and specialized with `@_specialize(where T == Float)` and
/// `@_specialize(where T == Double)`; every helper they use is `@inline(__always)`. Comparisons, selections and roots of
/// SIMD's own come out lane by lane in generic code that is specialized (measured: 10 to 40 times slower), so these go
/// through C's vector types.
public protocol KernelScalar: BinaryFloatingPoint, SIMDScalar, Codable
where SIMDMaskScalar: FixedWidthInteger & SignedInteger {
  associatedtype Vector: SIMD where Vector.Scalar == Self

  /// `a * b + c`, one rounding where the level has the instruction (v3, v4), two at v2.
  static func multiplyAdd(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector
  static func squareRoot(_ a: Vector) -> Vector
  /// Zero that the optimizer does not know: accumulators of a register tile that begin with a constant are spilled to
  /// the stack in every turn of its loop (measured: half the speed).
  static func hiddenZero() -> Vector
  /// Lane-wise `condition ? a : b` on a comparison `x > y`.
  static func select(_ x: Vector, greaterThan y: Vector, _ a: Vector, else b: Vector) -> Vector
  /// The larger lane; `b` where either is NaN... in hardware order: `a > b ? a : b`.
  static func maximum(_ a: Vector, _ b: Vector) -> Vector
  /// Lane-wise g where x equals y or either is NaN, else 0.
  static func keep(_ g: Vector, where x: Vector, equals y: Vector) -> Vector
  /// Lane-wise 0 where x equals y or either is NaN, else g.
  static func clear(_ g: Vector, where x: Vector, equals y: Vector) -> Vector
  /// The numbers at even and at odd places of two vectors in a row, and back.
  static func split(_ a: Vector, _ b: Vector) -> (even: Vector, odd: Vector)
  static func merge(even: Vector, odd: Vector) -> (first: Vector, second: Vector)
  /// `to[j · toStep + i] = from[i · fromStep + j]` for as many i and j as a vector has lanes.
  static func transposeSquare(
    _ from: UnsafePointer<Self>, _ fromStep: Int, _ to: UnsafeMutablePointer<Self>, _ toStep: Int)
}

extension KernelScalar {
  /// Begins every kernel that is specialized for Float and Double: for other types it has no code. Otherwise the compiler
  /// also keeps its body for types unknown, which nobody calls: 0.7 MB of the library.
  @inline(__always)
  static func requireSpecialization() {
    if !_isConcrete(Self.self) { lacksSpecialization() }
  }
}

@inline(never)
private func lacksSpecialization() -> Never { fatalError("kernels compute in Float and Double") }

#if SWIFTBN_V4
  public typealias FloatVector = SIMD16<Float>
  public typealias DoubleVector = SIMD8<Double>
#elseif SWIFTBN_V3
  public typealias FloatVector = SIMD8<Float>
  public typealias DoubleVector = SIMD4<Double>
#else
  public typealias FloatVector = SIMD4<Float>
  public typealias DoubleVector = SIMD2<Double>
#endif

extension Float: KernelScalar {
  public typealias Vector = FloatVector

  @inline(__always)
  public static func multiplyAdd(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector {
    #if SWIFTBN_V2
      return a * b + c
    #else
      return c.addingProduct(a, b)
    #endif
  }

  @inline(__always)
  public static func squareRoot(_ a: Vector) -> Vector { sbn_sqrt_f(a) }

  @inline(__always)
  public static func hiddenZero() -> Vector { sbn_hidden_zero_f() }

  @inline(__always)
  public static func select(_ x: Vector, greaterThan y: Vector, _ a: Vector, else b: Vector) -> Vector {
    sbn_select_f(x, y, a, b)
  }

  @inline(__always)
  public static func maximum(_ a: Vector, _ b: Vector) -> Vector { sbn_upper_f(a, b) }

  @inline(__always)
  public static func keep(_ g: Vector, where x: Vector, equals y: Vector) -> Vector { sbn_keep_f(g, x, y) }

  @inline(__always)
  public static func clear(_ g: Vector, where x: Vector, equals y: Vector) -> Vector { sbn_clear_f(g, x, y) }

  @inline(__always)
  public static func split(_ a: Vector, _ b: Vector) -> (even: Vector, odd: Vector) {
    (sbn_evens_f(a, b), sbn_odds_f(a, b))
  }

  @inline(__always)
  public static func merge(even: Vector, odd: Vector) -> (first: Vector, second: Vector) {
    (sbn_first_half_f(even, odd), sbn_second_half_f(even, odd))
  }

  @inline(__always)
  public static func transposeSquare(
    _ from: UnsafePointer<Self>, _ fromStep: Int, _ to: UnsafeMutablePointer<Self>, _ toStep: Int
  ) { sbn_transpose_f(from, fromStep, to, toStep) }
}

extension Double: KernelScalar {
  public typealias Vector = DoubleVector

  @inline(__always)
  public static func multiplyAdd(_ a: Vector, _ b: Vector, _ c: Vector) -> Vector {
    #if SWIFTBN_V2
      return a * b + c
    #else
      return c.addingProduct(a, b)
    #endif
  }

  @inline(__always)
  public static func squareRoot(_ a: Vector) -> Vector { sbn_sqrt_d(a) }

  @inline(__always)
  public static func hiddenZero() -> Vector { sbn_hidden_zero_d() }

  @inline(__always)
  public static func select(_ x: Vector, greaterThan y: Vector, _ a: Vector, else b: Vector) -> Vector {
    sbn_select_d(x, y, a, b)
  }

  @inline(__always)
  public static func maximum(_ a: Vector, _ b: Vector) -> Vector { sbn_upper_d(a, b) }

  @inline(__always)
  public static func keep(_ g: Vector, where x: Vector, equals y: Vector) -> Vector { sbn_keep_d(g, x, y) }

  @inline(__always)
  public static func clear(_ g: Vector, where x: Vector, equals y: Vector) -> Vector { sbn_clear_d(g, x, y) }

  @inline(__always)
  public static func split(_ a: Vector, _ b: Vector) -> (even: Vector, odd: Vector) {
    (sbn_evens_d(a, b), sbn_odds_d(a, b))
  }

  @inline(__always)
  public static func merge(even: Vector, odd: Vector) -> (first: Vector, second: Vector) {
    (sbn_first_half_d(even, odd), sbn_second_half_d(even, odd))
  }

  @inline(__always)
  public static func transposeSquare(
    _ from: UnsafePointer<Self>, _ fromStep: Int, _ to: UnsafeMutablePointer<Self>, _ toStep: Int
  ) { sbn_transpose_d(from, fromStep, to, toStep) }
}

extension UnsafePointer where Pointee: KernelScalar {
  /// A full vector from this address, which needs no alignment.
  @inline(__always)
  func vector(at index: Int) -> Pointee.Vector {
    UnsafeRawPointer(self + index).loadUnaligned(as: Pointee.Vector.self)
  }

  /// The first `count` lanes from this address, the others zero: for the tail of a run.
  @inline(__always)
  func vector(at index: Int, count: Int) -> Pointee.Vector {
    var vector = Pointee.Vector()
    withUnsafeMutableBytes(of: &vector) {
      $0.baseAddress!.copyMemory(from: self + index, byteCount: count &* MemoryLayout<Pointee>.stride)
    }
    return vector
  }
}

extension UnsafeMutablePointer where Pointee: KernelScalar {
  @inline(__always)
  func vector(at index: Int) -> Pointee.Vector {
    UnsafeRawPointer(self + index).loadUnaligned(as: Pointee.Vector.self)
  }

  @inline(__always)
  func store(_ vector: Pointee.Vector, at index: Int) {
    UnsafeMutableRawPointer(self + index).storeBytes(of: vector, as: Pointee.Vector.self)
  }

  /// Stores the first `count` lanes.
  @inline(__always)
  func store(_ vector: Pointee.Vector, at index: Int, count: Int) {
    withUnsafeBytes(of: vector) {
      UnsafeMutableRawPointer(self + index).copyMemory(
        from: $0.baseAddress!, byteCount: count &* MemoryLayout<Pointee>.stride)
    }
  }
}
