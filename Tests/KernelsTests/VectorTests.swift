import Kernels
import Testing

struct VectorTests {
  @Test func widthMatchesTheLevel() { #expect(Float.Vector.scalarCount == 2 * Double.Vector.scalarCount) }
}
