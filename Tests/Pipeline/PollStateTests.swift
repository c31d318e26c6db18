import Changes
import JSON
import Support
import Testing

@testable import Polling

/// What polling decides, without a database and without a clock.
struct PollStateTests {
  private static let settings = PollSettings(
    cursor: "c", overlap: .seconds(10), every: .seconds(5), sweep: .seconds(3600))

  private static func mark(_ number: Int64) -> CursorMark {
    CursorMark(cursor: .integer(number), key: RecordKey(.integer(number)))
  }

  private static func at(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: seconds * 1_000_000) }

  private static func page(_ numbers: [Int64], isLast: Bool = true) -> PolledPage {
    PolledPage(
      numbers.map { PolledRow(key: RecordKey(.integer($0)), row: [], cursor: .integer($0)) }, isLast: isLast,
      stamp: Stamp(1), readAt: at(0))
  }

  /// A table that was read first with mark 1, at second 0.
  private static func begun() -> PollState {
    var state = PollState()
    state.begin(settings, highest: mark(1), at: at(0))
    state.read(sweep: page([]), settings, at: at(0))
    state.checked(through: nil)
    return state
  }

  private static func round(_ state: inout PollState, at second: Int64, writers: Set<String>, reads: [Int64]) {
    state.beginRound(writers, settings, at: at(second))
    state.read(round: page(reads))
  }

  @Test func `The mark waits for the overlap, then for those who write, then for a round that reads what they left`() {
    var state = Self.begun()
    Self.round(&state, at: 0, writers: ["a"], reads: [5])
    #expect(state.mark == Self.mark(1) && state.candidate?.mark == Self.mark(5))
    // "a" has ended, but "b" may have taken a value before 5 and only now begun to write.
    Self.round(&state, at: 9, writers: ["b"], reads: [5, 6])
    Self.round(&state, at: 10, writers: ["b"], reads: [5, 6])
    #expect(state.candidate?.wait.writers == ["b"])
    Self.round(&state, at: 15, writers: ["b", "c"], reads: [5, 6])
    #expect(state.mark == Self.mark(1))
    state.beginRound(["c"], Self.settings, at: Self.at(20))
    #expect(state.round?.place == Self.mark(1), "what b left before 5 is still to be read")
    state.read(round: Self.page([3, 5, 6, 7]))
    #expect(state.mark == Self.mark(5) && state.candidate?.mark == Self.mark(7))
  }

  @Test func `A table at rest has nothing to wait for`() {
    var state = Self.begun()
    for second in [0, 10, 20] as [Int64] { Self.round(&state, at: second, writers: [], reads: second < 20 ? [2] : []) }
    #expect(state.mark == Self.mark(2) && state.candidate == nil)
    let atRest = state.mark
    Self.round(&state, at: 30, writers: ["a"], reads: [])
    #expect(state.mark == atRest && state.candidate == nil)
  }

  @Test func `What came late to the first mark is for a second sweep`() {
    var state = Self.begun()
    #expect(state.sweptAt == Self.at(0))
    Self.round(&state, at: 5, writers: ["a"], reads: [])
    Self.round(&state, at: 10, writers: ["a"], reads: [])
    #expect(!state.owesSweep)
    Self.round(&state, at: 15, writers: [], reads: [])
    #expect(state.step(at: Self.at(15), Self.settings) == .rows(after: nil))
    state.read(sweep: Self.page([1], isLast: false), Self.settings, at: Self.at(15))
    #expect(!state.owesSweep && state.late == nil)
    #expect(state.step(at: Self.at(15), Self.settings) == .rows(after: RecordKey(1)))
  }

  @Test func `Rounds and sweeps take turns, and each comes when it is due`() {
    var state = Self.begun()
    #expect(state.step(at: Self.at(0), Self.settings) == .beginRound)
    Self.round(&state, at: 0, writers: [], reads: [])
    #expect(state.step(at: Self.at(2), Self.settings) == .rest(.seconds(3)))
    state.sweep = PollState.Sweep(phase: .keys(RecordKey(7)), at: Self.at(2))
    #expect(state.step(at: Self.at(5), Self.settings) == .keys(after: RecordKey(7)))
    state.checked(through: RecordKey(9))
    #expect(state.step(at: Self.at(5), Self.settings) == .beginRound)
    Self.round(&state, at: 5, writers: [], reads: [])
    #expect(state.step(at: Self.at(6), Self.settings) == .keys(after: RecordKey(9)))
  }

  @Test func `Without a cursor each round is a sweep`() {
    let settings = PollSettings(every: .seconds(60))
    var state = PollState()
    #expect(state.step(at: Self.at(0), settings) == .begin)
    state.begin(settings, highest: nil, at: Self.at(0))
    #expect(state.step(at: Self.at(0), settings) == .rows(after: nil))
    state.read(sweep: Self.page([]), Self.settings, at: Self.at(1))
    #expect(state.step(at: Self.at(1), settings) == .keys(after: nil))
    state.checked(through: nil)
    #expect(state.step(at: Self.at(20), settings) == .rest(.seconds(40)))
    #expect(state.step(at: Self.at(60), settings) == .rows(after: nil))
  }

  @Test func `A clock that is set back stops nothing`() {
    var state = Self.begun()
    Self.round(&state, at: 1000, writers: [], reads: [5])
    #expect(
      state.step(at: Self.at(3), Self.settings) == .rows(after: nil), "it is the sweep's turn, which was in the future")
    state.read(sweep: Self.page([]), Self.settings, at: Self.at(3))
    state.checked(through: nil)
    #expect(state.step(at: Self.at(3), Self.settings) == .beginRound)
    for second in [3, 13] as [Int64] { Self.round(&state, at: second, writers: [], reads: [5]) }
    #expect(state.mark == Self.mark(5))
  }

  @Test func `A row that is no mark is read again and again`() {
    var state = Self.begun()
    var future = Self.page([5, 6])
    future.rows[1].isMark = false
    state.beginRound([], Self.settings, at: Self.at(0))
    state.read(round: future)
    #expect(state.candidate?.mark == Self.mark(5))
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func `A state is what its text says`(seed: UInt64) throws {
    var numbers = SeededNumbers(state: seed)
    var state = PollState()
    var now: Int64 = 0
    for _ in 0..<200 {
      now += Int64.random(in: 0...7, using: &numbers)
      switch state.step(at: Self.at(now), Self.settings) {
      case .begin: state.begin(Self.settings, highest: seed.isMultiple(of: 2) ? nil : Self.mark(0), at: Self.at(now))
      case .beginRound: state.beginRound(numbers.next().isMultiple(of: 3) ? ["1"] : [], Self.settings, at: Self.at(now))
      case .page: state.read(round: Self.page([now], isLast: numbers.next().isMultiple(of: 2)))
      case .rows:
        state.read(
          sweep: Self.page([now], isLast: numbers.next().isMultiple(of: 2)), known: Int(now), Self.settings,
          at: Self.at(now))
      case .count:
        state.counted(
          Int(now), through: numbers.next().isMultiple(of: 2) ? nil : RecordKey(.integer(now)), Self.settings,
          at: Self.at(now))
      case .held: if numbers.next().isMultiple(of: 2) { state.confirm() } else { state.sweepAgain(at: Self.at(now)) }
      case .keys: state.checked(through: numbers.next().isMultiple(of: 2) ? nil : RecordKey(["a", .integer(now)]))
      case .rest(let rest): #expect(rest > .zero)
      }
      #expect(PollState(text: state.text) == state, "seed \(seed): \(state.text)")
    }
    #expect(PollState(text: "0") == nil && PollState(text: "{}") == nil)
  }
}
