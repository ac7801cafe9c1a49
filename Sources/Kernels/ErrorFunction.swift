extension KernelScalar {
  /// erf(x) = 2/√π · ∫₀ˣ e^(-t²) dt.
  @inline(__always)
  static func erf(_ x: Vector) -> Vector {
    if Self.self == Float.self { return singleErrorFunction(x) }
    return doubleErrorFunction(x)
  }

  /// Polynomials of N. Juffa's public `erff`: x + x·P(x²) near 0, else 1 - exp(-Q(|x|)).
  @inline(__always)
  private static func singleErrorFunction(_ x: Vector) -> Vector {
    let t = magnitude(x)
    let s = x * x
    var q = multiplyAdd(constant(-1.72853470e-5), t, constant(3.83197126e-4))
    let u = multiplyAdd(constant(-3.88396438e-3), t, constant(2.42546219e-2))
    q = multiplyAdd(q, s, u)
    q = multiplyAdd(q, t, constant(-1.06777877e-1))
    q = multiplyAdd(q, t, constant(-6.34846687e-1))
    q = multiplyAdd(q, t, constant(-1.28717512e-1))
    q = multiplyAdd(q, t, -t)
    let far = constant(1) - exp(q)
    var p = constant(-5.96761703e-4)
    p = multiplyAdd(p, s, constant(4.99119423e-3))
    p = multiplyAdd(p, s, constant(-2.67681349e-2))
    p = multiplyAdd(p, s, constant(1.12819925e-1))
    p = multiplyAdd(p, s, constant(-3.76125336e-1))
    p = multiplyAdd(p, s, constant(1.28379166e-1))
    let near = multiplyAdd(p, x, x)
    return withSign(of: x, magnitude(select(t, greaterThan: constant(0.927734375), far, else: near)))
  }

  /// x + x·P(x²) up to 1, else 1 - exp(-x²)·Q((x - 3) / (x + 3)); from 6 on the result rounds to 1.
  @inline(__always)
  private static func doubleErrorFunction(_ x: Vector) -> Vector {
    let s = x * x
    var p = constant(-7.795898827002142e-10)
    p = multiplyAdd(p, s, constant(1.3720064546777686e-08))
    p = multiplyAdd(p, s, constant(-1.6208483801871705e-07))
    p = multiplyAdd(p, s, constant(1.6447424703317362e-06))
    p = multiplyAdd(p, s, constant(-1.492473690741966e-05))
    p = multiplyAdd(p, s, constant(0.00012055294904839707))
    p = multiplyAdd(p, s, constant(-0.0008548325975389692))
    p = multiplyAdd(p, s, constant(0.0052239776071164225))
    p = multiplyAdd(p, s, constant(-0.02686617064323777))
    p = multiplyAdd(p, s, constant(0.11283791670945006))
    p = multiplyAdd(p, s, constant(-0.37612638903183543))
    p = multiplyAdd(p, s, constant(0.12837916709551256))
    let near = multiplyAdd(p, x, x)

    let size = magnitude(x)
    let t = select(size, greaterThan: constant(6), constant(6), else: size)
    let v = (t - constant(3)) / (t + constant(3))
    var q = constant(3.381355142042904e-09)
    q = multiplyAdd(q, v, constant(1.2755818949624478e-06))
    q = multiplyAdd(q, v, constant(2.0135111426447427e-06))
    q = multiplyAdd(q, v, constant(-8.00978093907608e-06))
    q = multiplyAdd(q, v, constant(-1.2845780030775907e-05))
    q = multiplyAdd(q, v, constant(6.406279226046039e-05))
    q = multiplyAdd(q, v, constant(4.525434558991009e-05))
    q = multiplyAdd(q, v, constant(-0.0005970624964924544))
    q = multiplyAdd(q, v, constant(0.0007077464666941425))
    q = multiplyAdd(q, v, constant(0.004269136356961225))
    q = multiplyAdd(q, v, constant(-0.024392499318915004))
    q = multiplyAdd(q, v, constant(0.07166583719747308))
    q = multiplyAdd(q, v, constant(-0.15011593650077898))
    q = multiplyAdd(q, v, constant(0.24560380171233487))
    q = multiplyAdd(q, v, constant(-0.3262335600430372))
    q = multiplyAdd(q, v, constant(0.17900115118138996))
    let far = constant(1) - exp(-(t * t)) * q
    return withSign(of: x, magnitude(select(size, greaterThan: constant(1), far, else: near)))
  }
}
