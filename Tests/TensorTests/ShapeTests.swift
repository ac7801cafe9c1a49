import Tensor
import Testing

struct ShapeTests {
  @Test func broadcastingFollowsNumPy() throws {
    #expect(try Shape.broadcast([4, 1, 3], [5, 1], "add") == [4, 5, 3])
    #expect(try Shape.broadcast([], [2], "add") == [2])
    #expect(try Shape.broadcast([Shape.unknown, 3], [1, 3], "add") == [Shape.unknown, 3])
    #expect(try Shape.broadcast([0, 3], [1, 3], "add") == [0, 3])
    #expect(throws: Failure.self) { try Shape.broadcast([2], [3], "add") }
  }

  @Test func descriptionIsPythons() {
    #expect("\(Shape([Shape.unknown, 28, 28, 1]))" == "(None, 28, 28, 1)")
    #expect("\(Shape([3]))" == "(3,)")
    #expect("\(Shape([]))" == "()")
  }

  @Test func axesCountFromTheEnd() throws {
    #expect(try normalizeAxis(-1, rank: 4, "sum") == 3)
    #expect(throws: Failure.self) { try normalizeAxis(4, rank: 4, "sum") }
    #expect(throws: Failure.self) { try normalizeAxis(-5, rank: 4, "sum") }
  }

  @Test func hugeShapesAreErrorsNotTraps() {
    #expect(throws: Failure.self) { try Shape([Int.max, Int.max]).validate("x") }
    #expect(throws: Failure.self) { try Shape([-2]).validate("x") }
  }

  @Test func storageIsAlignedAndZeroed() throws {
    for bytes in [0, 1, 63, 64, 65, 100_000] {
      let storage = try Storage(byteCount: bytes)
      #expect(Int(bitPattern: storage.pointer) % 64 == 0)
      #expect((0..<bytes).allSatisfy { storage.pointer.load(fromByteOffset: $0, as: UInt8.self) == 0 })
    }
  }
}
