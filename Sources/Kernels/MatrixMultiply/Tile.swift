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

struct Strip2<T: KernelScalar>: Strip {
  var v0, v1: T.Vector
  static var vectorCount: Int { @inline(__always) get { 2 } }
  @inline(__always) init() { (v0, v1) = (T.hiddenZero(), T.hiddenZero()) }
  @inline(__always) init(_ v0: T.Vector, _ v1: T.Vector) { (self.v0, self.v1) = (v0, v1) }
  @inline(__always) static func load(_ p: UnsafePointer<T>) -> Self {
    Self(p.vector(at: 0), p.vector(at: T.Vector.scalarCount))
  }
  @inline(__always) mutating func multiplyAdd(_ a: T, _ b: Self) {
    let a = T.Vector(repeating: a)
    v0 = T.multiplyAdd(a, b.v0, v0)
    v1 = T.multiplyAdd(a, b.v1, v1)
  }
  @inline(__always) func added(to o: Self) -> Self { Self(v0 + o.v0, v1 + o.v1) }
  @inline(__always) func rectified() -> Self {
    let zero = T.Vector()
    return Self(
      T.select(zero, greaterThan: v0, zero, else: v0), T.select(zero, greaterThan: v1, zero, else: v1))
  }
  @inline(__always) func store(_ p: UnsafeMutablePointer<T>) {
    p.store(v0, at: 0)
    p.store(v1, at: T.Vector.scalarCount)
  }
  @inline(__always) static func load(_ count: Int, _ p: UnsafePointer<T>) -> Self {
    let lanes = T.Vector.scalarCount
    if count <= lanes { return Self(p.lanes(count, at: 0, else: 0), T.Vector()) }
    return Self(p.vector(at: 0), p.lanes(count &- lanes, at: lanes, else: 0))
  }
  @inline(__always) func store(_ count: Int, _ p: UnsafeMutablePointer<T>) {
    let lanes = T.Vector.scalarCount
    if count <= lanes { return p.store(count, of: v0, at: 0) }
    p.store(v0, at: 0)
    p.store(count &- lanes, of: v1, at: lanes)
  }
}

struct Strip4<T: KernelScalar>: Strip {
  var low, high: Strip2<T>
  static var vectorCount: Int { @inline(__always) get { 4 } }
  @inline(__always) init() { (low, high) = (Strip2(), Strip2()) }
  @inline(__always) init(_ low: Strip2<T>, _ high: Strip2<T>) { (self.low, self.high) = (low, high) }
  @inline(__always) static func load(_ p: UnsafePointer<T>) -> Self {
    Self(Strip2.load(p), Strip2.load(p + 2 &* T.Vector.scalarCount))
  }
  @inline(__always) mutating func multiplyAdd(_ a: T, _ b: Self) {
    let a = T.Vector(repeating: a)
    low.v0 = T.multiplyAdd(a, b.low.v0, low.v0)
    low.v1 = T.multiplyAdd(a, b.low.v1, low.v1)
    high.v0 = T.multiplyAdd(a, b.high.v0, high.v0)
    high.v1 = T.multiplyAdd(a, b.high.v1, high.v1)
  }
  @inline(__always) func added(to o: Self) -> Self { Self(low.added(to: o.low), high.added(to: o.high)) }
  @inline(__always) func rectified() -> Self { Self(low.rectified(), high.rectified()) }
  @inline(__always) func store(_ p: UnsafeMutablePointer<T>) {
    low.store(p)
    high.store(p + 2 &* T.Vector.scalarCount)
  }
  @inline(__always) static func load(_ count: Int, _ p: UnsafePointer<T>) -> Self {
    let half = 2 &* T.Vector.scalarCount
    let low = Strip2.load(Swift.min(count, half), p)
    if count <= half { return Self(low, Strip2(T.Vector(), T.Vector())) }
    return Self(low, Strip2.load(count &- half, p + half))
  }
  @inline(__always) func store(_ count: Int, _ p: UnsafeMutablePointer<T>) {
    let half = 2 &* T.Vector.scalarCount
    low.store(Swift.min(count, half), p)
    if count > half { high.store(count &- half, p + half) }
  }
}

/// For a single row, whose loop is as long as the strip is wide: with fewer sums it would wait for each.
struct Strip8<T: KernelScalar>: Strip {
  var low, high: Strip4<T>
  static var vectorCount: Int { @inline(__always) get { 8 } }
  @inline(__always) init() { (low, high) = (Strip4(), Strip4()) }
  @inline(__always) init(_ low: Strip4<T>, _ high: Strip4<T>) { (self.low, self.high) = (low, high) }
  @inline(__always) static func load(_ p: UnsafePointer<T>) -> Self {
    Self(Strip4.load(p), Strip4.load(p + 4 &* T.Vector.scalarCount))
  }
  @inline(__always) mutating func multiplyAdd(_ a: T, _ b: Self) {
    low.multiplyAdd(a, b.low)
    high.multiplyAdd(a, b.high)
  }
  @inline(__always) func added(to o: Self) -> Self { Self(low.added(to: o.low), high.added(to: o.high)) }
  @inline(__always) func rectified() -> Self { Self(low.rectified(), high.rectified()) }
  @inline(__always) func store(_ p: UnsafeMutablePointer<T>) {
    low.store(p)
    high.store(p + 4 &* T.Vector.scalarCount)
  }
  @inline(__always) static func load(_ count: Int, _ p: UnsafePointer<T>) -> Self {
    let half = 4 &* T.Vector.scalarCount
    let low = Strip4.load(Swift.min(count, half), p)
    if count <= half { return Self(low, Strip4(Strip2(T.Vector(), T.Vector()), Strip2(T.Vector(), T.Vector()))) }
    return Self(low, Strip4.load(count &- half, p + half))
  }
  @inline(__always) func store(_ count: Int, _ p: UnsafeMutablePointer<T>) {
    let half = 4 &* T.Vector.scalarCount
    low.store(Swift.min(count, half), p)
    if count > half { high.store(count &- half, p + half) }
  }
}

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
