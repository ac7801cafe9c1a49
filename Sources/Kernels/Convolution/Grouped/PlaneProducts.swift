#if SWIFTBN_V4
  private typealias WideStrip<T: KernelScalar> = Strip4<T>
#else
  private typealias WideStrip<T: KernelScalar> = Strip2<T>
#endif

/// The convolution of one group's planes: out[j][q] = Σ in[k][q + offset of the tap] · w[tap][k][j] (+ bias[j]).
struct PlaneProduct<T: KernelScalar> {
  /// Where the grid's first point lies in the first channel, and what separates channels.
  let source: UnsafePointer<T>
  let sourceStep: Int
  let inputs: Int
  let offsets: UnsafePointer<Int>
  let taps: Int
  /// [tap][input][output], then the bias if there is one.
  let weights: UnsafePointer<T>
  let outputs: Int
  /// As many ones as the widest strip has elements; nil without bias.
  let ones: UnsafePointer<T>?

  /// For points 0 ..< count, and those up to a whole vector.
  @inline(__always)
  func run(_ out: UnsafeMutablePointer<T>, _ outStep: Int, count: Int, relu: Bool) {
    let lanes = T.Vector.scalarCount
    let wide = WideStrip<T>.vectorCount &* lanes
    var q = 0
    while q &+ wide <= count {
      strip(WideStrip<T>.self, q, out + q, outStep, relu)
      q &+= wide
    }
    if WideStrip<T>.vectorCount > 2 && q &+ lanes < count {
      strip(Strip2<T>.self, q, out + q, outStep, relu)
      q &+= 2 &* lanes
    }
    while q < count {
      strip(Strip1<T>.self, q, out + q, outStep, relu)
      q &+= lanes
    }
  }

  @inline(__always)
  private func strip<S: Strip>(
    _: S.Type, _ q: Int, _ out: UnsafeMutablePointer<T>, _ outStep: Int, _ relu: Bool
  ) where S.T == T {
    let epilogue = Epilogue<S>(
      columns: S.vectorCount &* T.Vector.scalarCount, accumulates: false, bias: nil, relu: relu)
    var first = 0
    while first < outputs {
      let to = out + first &* outStep
      switch outputs &- first {
      case 1: planeTile(Row<S>.self, self, q, first, to, outStep, epilogue)
      case 2: planeTile(Rows2<S>.self, self, q, first, to, outStep, epilogue)
      case 3: planeTile(Rows3<S>.self, self, q, first, to, outStep, epilogue)
      default: planeTile(Rows4<S>.self, self, q, first, to, outStep, epilogue)
      }
      first &+= 4
    }
  }
}

/// Some outputs' strips, in registers.
@inline(never)
private func planeTile<R: TileRows>(
  _: R.Type, _ p: PlaneProduct<R.S.T>, _ q: Int, _ first: Int, _ out: UnsafeMutablePointer<R.S.T>, _ outStep: Int,
  _ epilogue: Epilogue<R.S>
) {
  var rows = R()
  var weights = p.weights + first
  for tap in 0..<p.taps {
    var source = p.source + (q &+ p.offsets[tap])
    for _ in 0..<p.inputs {
      rows.step(weights, 1, R.S.load(source))
      weights += p.outputs
      source += p.sourceStep
    }
  }
  if let ones = p.ones { rows.step(weights, 1, R.S.load(ones)) }
  rows.finish(out, outStep, epilogue)
}
