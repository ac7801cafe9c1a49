/// One matrix of q columns of p >= q elements, on its way to its singular values.
///
/// Golub and Reinsch's algorithm as in LINPACK's `dsvdc`: reflections from both sides leave a bidiagonal matrix, whose
/// upper diagonal implicit QR steps then make vanish. All runs over stored columns, which are contiguous.
struct Bidiagonal {
  let columns: UnsafeMutablePointer<Double>
  /// Left singular vectors (of length p) and right ones (of length q), one behind the other.
  let left, right: UnsafeMutablePointer<Double>
  /// The diagonal, in the end the singular values, and what stands above it.
  let values, above: UnsafeMutablePointer<Double>
  private let sums: UnsafeMutablePointer<Double>
  private let p, q, leftCount: Int
  private let wantsVectors: Bool

  /// Doubles that the work needs.
  static func elements(p: Int, q: Int, leftCount: Int) -> Int {
    p &* q &+ leftCount &* p &+ q &* q &+ 2 &* q &+ p
  }

  @inline(__always)
  init(_ memory: UnsafeMutablePointer<Double>, p: Int, q: Int, leftCount: Int, wantsVectors: Bool) {
    columns = memory
    left = columns + p &* q
    right = left + leftCount &* p
    values = right + q &* q
    above = values + q
    sums = above + q
    (self.p, self.q, self.leftCount, self.wantsVectors) = (p, q, leftCount, wantsVectors)
  }

  @inline(__always)
  private func column(_ j: Int) -> UnsafeMutablePointer<Double> { columns + j &* p }

  @inline(__always)
  private func leftVector(_ j: Int) -> UnsafeMutablePointer<Double> { left + j &* p }

  @inline(__always)
  private func rightVector(_ j: Int) -> UnsafeMutablePointer<Double> { right + j &* q }

  /// Singular values in descending order and, if wanted, vectors; false if the iteration does not converge.
  func decompose(scale: Double) -> Bool {
    for i in 0..<p &* q { columns[i] *= scale }
    reduce()
    if wantsVectors {
      accumulateLeft()
      accumulateRight()
    }
    return q == 0 || iterate()
  }

  /// How many columns, and how many rows, are reflected.
  private var columnSteps: Int { max(0, min(p &- 1, q)) }
  private var rowSteps: Int { max(0, q &- 2) }

  private func reduce() {
    for k in 0..<max(columnSteps, rowSteps) {
      let own = column(k) + k
      if k < columnSteps { values[k] = -makeReflection(own, p &- k) }
      for j in k &+ 1..<max(k &+ 1, q) {
        if k < columnSteps && values[k] != 0 { reflect(column(j) + k, own, p &- k) }
        above[j] = column(j)[k]
      }
      if wantsVectors && k < columnSteps { (leftVector(k) + k).update(from: UnsafePointer(own), count: p &- k) }
      if k < rowSteps { reduceRow(k) }
    }
    if q > 0 && columnSteps < q { values[columnSteps] = column(columnSteps)[columnSteps] }
    if rowSteps &+ 1 < q { above[rowSteps] = column(q &- 1)[rowSteps] }
    if q > 0 { above[q &- 1] = 0 }
  }

  /// Replaces x by the vector v of a reflection `I - v·vᵀ/v[0]` that takes it to (-length, 0, …); returns the length with
  /// the sign of x[0].
  private func makeReflection(_ x: UnsafeMutablePointer<Double>, _ count: Int) -> Double {
    var length = dotProduct(UnsafePointer(x), UnsafePointer(x), count).squareRoot()
    if length == 0 { return 0 }
    if x[0] < 0 { length = -length }
    for i in 0..<count { x[i] /= length }
    x[0] += 1
    return length
  }

  @inline(__always)
  private func reflect(_ x: UnsafeMutablePointer<Double>, _ v: UnsafeMutablePointer<Double>, _ count: Int) {
    let overlap = dotProduct(UnsafePointer(v), UnsafePointer(x), count)
    subtractMultiple(x, count, overlap / v[0], UnsafePointer(v))
  }

  /// Reflects the rows behind row k such that this row vanishes behind the upper diagonal.
  private func reduceRow(_ k: Int) {
    let row = above + (k &+ 1)
    let (count, length) = (q &- k &- 1, p &- k &- 1)
    above[k] = -makeReflection(row, count)
    if above[k] != 0 && length > 0 {
      // The reflected columns' sum, negative.
      sums.update(repeating: 0, count: length)
      let behind = column(k &+ 1) + (k &+ 1)
      subtractProducts(sums, length, UnsafePointer(row), step: 1, UnsafePointer(behind), pitch: p, count: count)
      for j in 0..<count { subtractMultiple(behind + j &* p, length, -(row[j] / row[0]), UnsafePointer(sums)) }
    }
    if wantsVectors { (rightVector(k) + (k &+ 1)).update(from: UnsafePointer(row), count: count) }
  }

  private func accumulateLeft() {
    for j in columnSteps..<max(columnSteps, leftCount) {
      leftVector(j).update(repeating: 0, count: p)
      leftVector(j)[j] = 1
    }
    for turn in 0..<columnSteps {
      let k = columnSteps &- 1 &- turn
      let own = leftVector(k) + k
      if values[k] == 0 {
        leftVector(k).update(repeating: 0, count: p)
        own[0] = 1
        continue
      }
      for j in k &+ 1..<max(k &+ 1, leftCount) { reflect(leftVector(j) + k, own, p &- k) }
      for i in 0..<p &- k { own[i] = -own[i] }
      own[0] += 1
      leftVector(k).update(repeating: 0, count: k)
    }
  }

  private func accumulateRight() {
    for turn in 0..<q {
      let k = q &- 1 &- turn
      if k < rowSteps && above[k] != 0 {
        let own = rightVector(k) + (k &+ 1)
        for j in k &+ 1..<q { reflect(rightVector(j) + (k &+ 1), own, q &- k &- 1) }
      }
      rightVector(k).update(repeating: 0, count: q)
      rightVector(k)[k] = 1
    }
  }

  // MARK: Iteration

  private static let epsilon = 0x1p-52
  private static let tiny = 0x1p-966

  private func iterate() -> Bool {
    let (s, e) = (values, above)
    var (end, turns) = (q, 0)
    while end > 0 {
      // The block of rows `first..<end` that does not fall apart.
      var first = end &- 1
      while first > 0 {
        let limit = Self.tiny + Self.epsilon * (abs(s[first &- 1]) + abs(s[first]))
        if abs(e[first &- 1]) <= limit {
          e[first &- 1] = 0
          break
        }
        first &-= 1
      }
      if first == end &- 1 {
        settle(first)
        end &-= 1
        turns = 0
      } else if let zero = negligible(first, end) {
        if zero == end &- 1 { clearAbove(first, zero) } else { clearBeside(zero, end) }
      } else {
        turns &+= 1
        if turns > 80 { return false }
        step(first, end)
      }
    }
    return true
  }

  /// The last negligible element of the diagonal in `first..<end`, which is made 0.
  private func negligible(_ first: Int, _ end: Int) -> Int? {
    var i = end &- 1
    while i >= first {
      let beside = (i < end &- 1 ? abs(above[i]) : 0) + (i > first ? abs(above[i &- 1]) : 0)
      if abs(values[i]) <= Self.tiny + Self.epsilon * beside {
        values[i] = 0
        return i
      }
      i &-= 1
    }
    return nil
  }

  /// The last diagonal element is 0: makes what is above it vanish, too.
  private func clearAbove(_ first: Int, _ last: Int) {
    let (s, e) = (values, above)
    var f = e[last &- 1]
    e[last &- 1] = 0
    var j = last &- 1
    while j >= first {
      let rotation = Rotation(s[j], f)
      s[j] = rotation.length
      if j != first {
        f = -rotation.s * e[j &- 1]
        e[j &- 1] = rotation.c * e[j &- 1]
      }
      rotateRight(j, last, rotation)
      j &-= 1
    }
  }

  /// A diagonal element before the last is 0: makes what is beside it vanish, too.
  private func clearBeside(_ zero: Int, _ end: Int) {
    let (s, e) = (values, above)
    var f = e[zero]
    e[zero] = 0
    for j in zero &+ 1..<end {
      let rotation = Rotation(s[j], f)
      s[j] = rotation.length
      f = -rotation.s * e[j]
      e[j] = rotation.c * e[j]
      rotateLeft(j, zero, rotation)
    }
  }

  /// One implicit QR step with the shift of the last two rows.
  private func step(_ first: Int, _ end: Int) {
    let (s, e, last) = (values, above, end &- 1)
    let scale = max(
      max(max(abs(s[last]), abs(s[last &- 1])), max(abs(e[last &- 1]), abs(s[first]))), abs(e[first]))
    let (sl, sb, eb) = (s[last] / scale, s[last &- 1] / scale, e[last &- 1] / scale)
    let (sf, ef) = (s[first] / scale, e[first] / scale)
    let b = ((sb + sl) * (sb - sl) + eb * eb) / 2
    let c = (sl * eb) * (sl * eb)
    var shift = 0.0
    if b != 0 || c != 0 {
      let root = (b * b + c).squareRoot()
      shift = c / (b < 0 ? b - root : b + root)
    }
    var (f, g) = ((sf + sl) * (sf - sl) + shift, sf * ef)
    for j in first..<last {
      let fromRight = Rotation(f, g)
      if j != first { e[j &- 1] = fromRight.length }
      f = fromRight.c * s[j] + fromRight.s * e[j]
      e[j] = fromRight.c * e[j] - fromRight.s * s[j]
      g = fromRight.s * s[j &+ 1]
      s[j &+ 1] = fromRight.c * s[j &+ 1]
      rotateRight(j, j &+ 1, fromRight)
      let fromLeft = Rotation(f, g)
      s[j] = fromLeft.length
      f = fromLeft.c * e[j] + fromLeft.s * s[j &+ 1]
      s[j &+ 1] = fromLeft.c * s[j &+ 1] - fromLeft.s * e[j]
      g = fromLeft.s * e[j &+ 1]
      e[j &+ 1] = fromLeft.c * e[j &+ 1]
      rotateLeft(j, j &+ 1, fromLeft)
    }
    e[last &- 1] = f
  }

  /// A singular value is found: makes it positive and puts it in order among those found before, which are behind it.
  private func settle(_ found: Int) {
    if values[found] <= 0 {
      values[found] = values[found] < 0 ? -values[found] : 0
      if wantsVectors { for i in 0..<q { rightVector(found)[i] = -rightVector(found)[i] } }
    }
    var k = found
    while k &+ 1 < q && values[k] < values[k &+ 1] {
      swapRows(values + k, values + (k &+ 1), 1)
      if wantsVectors {
        swapRows(leftVector(k), leftVector(k &+ 1), p)
        swapRows(rightVector(k), rightVector(k &+ 1), q)
      }
      k &+= 1
    }
  }

  @inline(__always)
  private func rotateLeft(_ i: Int, _ j: Int, _ rotation: Rotation) {
    if wantsVectors { rotateRows(leftVector(i), leftVector(j), p, c: rotation.c, s: rotation.s) }
  }

  @inline(__always)
  private func rotateRight(_ i: Int, _ j: Int, _ rotation: Rotation) {
    if wantsVectors { rotateRows(rightVector(i), rightVector(j), q, c: rotation.c, s: rotation.s) }
  }
}
