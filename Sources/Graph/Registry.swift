/// Names of all operations that can be added by name.
enum Registry {
  static let factories: [String: OperationFactory] = {
    let families: [[String: OperationFactory]] = [
      Unary.factories, Binary.factories, elementwiseFactories, conditionFactories, reductionFactories, shapeFactories,
      indexingFactories, linearFactories, convolutionFactories, poolingFactories, softmaxFactories,
      normalizationFactories, recurrentFactories, randomFactories, optimizerFactories, sortingFactories,
      scatterFactories, cumulativeFactories, Bitwise.factories, matrixFactories,
    ]
    var all: [String: OperationFactory] = [:]
    for family in families { all.merge(family) { first, _ in first } }
    return all
  }()
}
