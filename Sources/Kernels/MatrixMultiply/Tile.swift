/// The register tile under every matrix product and convolution: some rows times one, two or four vectors of columns,
/// all in registers while the reduction runs.
///
/// The types nest (`Stack<Stack<Row, Row>, Row>` is a tile of three rows) so that each accumulator is a stored property
/// of its own: the compiler then keeps them in registers, which it does not for arrays or tuples in a loop.

/// A row of vectors.
protocol Strip {
  associatedtype T: KernelScalar
  static var vectorCount: Int { get }
  /// Zero, to add to.
  init()
  static func load(_ p: UnsafePointer<T>) -> Self
  /// self += a · b
  mutating func multiplyAdd(_ a: T, _ b: Self)
  func added(to other: Self) -> Self
  func rectified() -> Self
  func store(_ p: UnsafeMutablePointer<T>)
  /// The first `count` elements only, 1 or more; loads fill the others with zeros.
  static func load(_ count: Int, _ p: UnsafePointer<T>) -> Self
  func store(_ count: Int, _ p: UnsafeMutablePointer<T>)
}

struct Strip1<T: KernelScalar>: Strip {
  var v0: T.Vector
  static var vectorCount: Int { @inline(__always) get { 1 } }
  @inline(__always) init() { v0 = T.hiddenZero() }
  @inline(__always) init(_ v0: T.Vector) { self.v0 = v0 }
  @inline(__always) static func load(_ p: UnsafePointer<T>) -> Self { Self(p.vector(at: 0)) }
  @inline(__always) mutating func multiplyAdd(_ a: T, _ b: Self) {
    v0 = T.multiplyAdd(T.Vector(repeating: a), b.v0, v0)
  }
  @inline(__always) func added(to o: Self) -> Self { Self(v0 + o.v0) }
  @inline(__always) func rectified() -> Self { Self(T.select(T.Vector(), greaterThan: v0, T.Vector(), else: v0)) }
  @inline(__always) func store(_ p: UnsafeMutablePointer<T>) { p.store(v0, at: 0) }
  @inline(__always) static func load(_ count: Int, _ p: UnsafePointer<T>) -> Self {
    Self(p.lanes(count, at: 0, else: 0))
  }
  @inline(__always) func store(_ count: Int, _ p: UnsafeMutablePointer<T>) { p.store(count, of: v0, at: 0) }
}

/// Two strips side by side.
struct Pair<Half: Strip>: Strip {
  typealias T = Half.T
  var low, high: Half
  static var vectorCount: Int { @inline(__always) get { 2 &* Half.vectorCount } }
  @inline(__always) private static var half: Int { Half.vectorCount &* T.Vector.scalarCount }
  @inline(__always) init() { (low, high) = (Half(), Half()) }
  @inline(__always) private init(_ low: Half, _ high: Half) { (self.low, self.high) = (low, high) }
  @inline(__always) static func load(_ p: UnsafePointer<T>) -> Self { Self(Half.load(p), Half.load(p + half)) }
  @inline(__always) mutating func multiplyAdd(_ a: T, _ b: Self) {
    low.multiplyAdd(a, b.low)
    high.multiplyAdd(a, b.high)
  }
  @inline(__always) func added(to o: Self) -> Self { Self(low.added(to: o.low), high.added(to: o.high)) }
  @inline(__always) func rectified() -> Self { Self(low.rectified(), high.rectified()) }
  @inline(__always) func store(_ p: UnsafeMutablePointer<T>) {
    low.store(p)
    high.store(p + Self.half)
  }
  @inline(__always) static func load(_ count: Int, _ p: UnsafePointer<T>) -> Self {
    if count <= half { return Self(Half.load(count, p), Half()) }
    return Self(Half.load(p), Half.load(count &- half, p + half))
  }
  @inline(__always) func store(_ count: Int, _ p: UnsafeMutablePointer<T>) {
    if count <= Self.half { return low.store(count, p) }
    low.store(p)
    high.store(count &- Self.half, p + Self.half)
  }
}

typealias Strip2<T: KernelScalar> = Pair<Strip1<T>>
typealias Strip4<T: KernelScalar> = Pair<Strip2<T>>
/// For a single row, whose loop is as long as the strip is wide: with fewer sums it would wait for each.
typealias Strip8<T: KernelScalar> = Pair<Strip4<T>>

/// Rows of strips.
protocol TileRows {
  associatedtype S: Strip
  static var rowCount: Int { get }
  init()
  /// Row i += a[i · rowStep] · b.
  mutating func step(_ a: UnsafePointer<S.T>, _ rowStep: Int, _ b: S)
  /// c[i · rowStep …] = row i (+ c) (+ bias), rectified if asked. A partial store writes `columns` elements.
  func finish<F: TileFinish>(_ c: UnsafeMutablePointer<S.T>, _ rowStep: Int, _ finish: F) where F.S == S
}

struct Row<S: Strip>: TileRows {
  var strip: S
  static var rowCount: Int { @inline(__always) get { 1 } }
  @inline(__always) init() { strip = S() }
  @inline(__always) mutating func step(_ a: UnsafePointer<S.T>, _ rowStep: Int, _ b: S) {
    strip.multiplyAdd(a.pointee, b)
  }
  @inline(__always)
  func finish<F: TileFinish>(_ c: UnsafeMutablePointer<S.T>, _ rowStep: Int, _ finish: F) where F.S == S {
    finish.apply(strip, c)
  }
}

struct Stack<Upper: TileRows, Lower: TileRows>: TileRows where Upper.S == Lower.S {
  typealias S = Upper.S
  var upper: Upper
  var lower: Lower
  static var rowCount: Int { @inline(__always) get { Upper.rowCount &+ Lower.rowCount } }
  @inline(__always) init() { (upper, lower) = (Upper(), Lower()) }
  @inline(__always) mutating func step(_ a: UnsafePointer<S.T>, _ rowStep: Int, _ b: S) {
    upper.step(a, rowStep, b)
    lower.step(a + Upper.rowCount &* rowStep, rowStep, b)
  }
  @inline(__always)
  func finish<F: TileFinish>(_ c: UnsafeMutablePointer<S.T>, _ rowStep: Int, _ finish: F) where F.S == S {
    upper.finish(c, rowStep, finish)
    lower.finish(c + Upper.rowCount &* rowStep, rowStep, finish)
  }
}

typealias Rows2<S: Strip> = Stack<Row<S>, Row<S>>
typealias Rows3<S: Strip> = Stack<Rows2<S>, Row<S>>
typealias Rows4<S: Strip> = Stack<Rows2<S>, Rows2<S>>
typealias Rows5<S: Strip> = Stack<Rows4<S>, Row<S>>
typealias Rows6<S: Strip> = Stack<Rows4<S>, Rows2<S>>
typealias Rows7<S: Strip> = Stack<Rows4<S>, Rows3<S>>
typealias Rows8<S: Strip> = Stack<Rows4<S>, Rows4<S>>
typealias Rows9<S: Strip> = Stack<Rows8<S>, Row<S>>
typealias Rows10<S: Strip> = Stack<Rows8<S>, Rows2<S>>
typealias Rows11<S: Strip> = Stack<Rows8<S>, Rows3<S>>
typealias Rows12<S: Strip> = Stack<Rows8<S>, Rows4<S>>
typealias Rows13<S: Strip> = Stack<Rows8<S>, Rows5<S>>

/// What happens to a finished row of a tile.
protocol TileFinish {
  associatedtype S: Strip
  func apply(_ row: S, _ c: UnsafeMutablePointer<S.T>)
}

/// Writes `columns` elements (a whole strip or less) of row (+ c if accumulating) (+ bias), rectified if asked.
struct Epilogue<S: Strip>: TileFinish {
  let columns: Int
  let accumulates: Bool
  let bias: UnsafePointer<S.T>?
  let relu: Bool

  @inline(__always)
  func apply(_ row: S, _ c: UnsafeMutablePointer<S.T>) {
    let isWhole = columns == S.vectorCount &* S.T.Vector.scalarCount
    var result = row
    if accumulates { result = result.added(to: isWhole ? S.load(UnsafePointer(c)) : S.load(columns, UnsafePointer(c))) }
    if let bias { result = result.added(to: isWhole ? S.load(bias) : S.load(columns, bias)) }
    if relu { result = result.rectified() }
    if isWhole { result.store(c) } else { result.store(columns, c) }
  }
}
