import Compiler
import Testing

struct PaceTests {
  @Test func threadsSleepThroughBriefRunsThatAreFarBetween() {
    var pace = Pace()
    // Of the first run nothing is known.
    #expect(!pace.isBrief(start: 1_000_000_000))
    pace.record(start: 1_000_000_000, end: 1_000_000_000 + Pace.helpTime - 1)
    let end = 1_000_000_000 + Pace.helpTime - 1
    #expect(!pace.isBrief(start: end) && !pace.isBrief(start: end + Pace.awakeTime))
    #expect(pace.isBrief(start: end + Pace.awakeTime + 1))
    pace.record(start: 2_000_000_000, end: 2_000_000_000 + Pace.helpTime)
    #expect(!pace.isBrief(start: 3_000_000_000))
  }
}
