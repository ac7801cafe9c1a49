/// What is applied to the result of a product, in its epilogue.
public enum Activation: UInt8, Sendable {
  case none, relu
}
