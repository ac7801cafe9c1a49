import Parallel

/// A normalization as the drivers see it: two sums per channel, numbers per channel made of them, a map over all
/// elements. Drivers decide in which order memory is walked and on how many threads.
protocol NormalizationJob {
  associatedtype T
  associatedtype Term: SumTerm where Term.T == T
  associatedtype Map: MapTerm where Map.T == T

  static var hasSums: Bool { get }
  /// Tensors that are read and written.
  static var tensors: Int { get }
  var hasMap: Bool { get }
  /// Rows of the table, from the first, that the sums and the map read.
  static var sumRows: Int { get }
  static var mapRows: Int { get }

  /// Fills what the sums read. Channel `c` is in column `c - channels.lowerBound`.
  func prepare(_ channels: Range<Int>, _ shape: NormalizationShape, _ table: CoefficientTable<T>)
  /// Writes results of the channels and what the map reads. True: the sums are too inexact, `table` has been changed,
  /// form them again; never if `isLast`.
  func finish(
    _ channels: Range<Int>, _ sums: ChannelSums, _ table: CoefficientTable<T>, isLast: Bool
  ) -> Bool
  func term(_ table: CoefficientTable<T>) -> Term
  func map(_ table: CoefficientTable<T>) -> Map
}

/// The sums of channels, one column each, and memory that `finish` may use.
struct ChannelSums {
  let first, second, scratch: UnsafeMutablePointer<Double>
}

@inline(__always)
func runNormalization<J: NormalizationJob>(_ job: J, _ shape: NormalizationShape) {
  if shape.channels == 0 { return }
  if shape.isRowLike && (J.hasSums || shape.inner < J.T.Vector.scalarCount) {
    runRows(job, shape)
  } else {
    runPlanes(job, shape)
  }
}

/// `parallel`, or a plain loop for work too small to share.
@inline(__always)
func forEachPiece<Context>(
  _ pieces: Int, isSmall: Bool, _ context: Context, _ body: @escaping (Context, Int) -> Void
) {
  if isSmall {
    for piece in 0..<pieces { body(context, piece) }
  } else {
    parallel(pieces, context, body)
  }
}
