import Changes
import Support
import Testing

@Suite("Schedules")
struct ScheduleTests {
  private static func moment(_ text: String) throws -> Timestamp { try #require(Timestamp(utc: text)) }

  /// The next times after a moment.
  private static func times(_ schedule: String, after start: String, _ count: Int) throws -> [String] {
    let schedule = try Schedule(schedule)
    var moment = try moment(start)
    return (0..<count).map { _ in
      moment = schedule.next(after: moment)
      return moment.utc
    }
  }

  @Test("an interval goes from beginning to beginning")
  func interval() throws {
    let start = try Self.moment("2026-03-01T10:00:00")
    #expect(Schedule.every(.seconds(300)).next(after: start).utc == "2026-03-01T10:05:00")
  }

  @Test(
    "times are those that the words say",
    arguments: [
      ("hourly", "2026-11-24T10:59:59", ["2026-11-24T11:00:00", "2026-11-24T12:00:00"]),
      ("daily 02:00", "2026-02-28T02:00:00", ["2026-03-01T02:00:00", "2026-03-02T02:00:00"]),
      ("weekly mon 02:30", "2026-11-24T00:00:00", ["2026-11-30T02:30:00", "2026-12-07T02:30:00"]),
      ("*/15 8-9 * * mon-fri", "2026-11-27T09:40:00", ["2026-11-27T09:45:00", "2026-11-30T08:00:00"]),
      ("0 0 29 2 *", "2026-01-01T00:00:00", ["2028-02-29T00:00:00", "2032-02-29T00:00:00"]),
      // Day of the month or day of the week, as cron has it.
      ("0 0 13 * 5", "2026-11-08T00:00:00", ["2026-11-13T00:00:00", "2026-11-20T00:00:00"]),
      ("0 6 * * 7", "2026-11-24T00:00:00", ["2026-11-29T06:00:00", "2026-12-06T06:00:00"]),
      ("5,35 */12 1 jan,jul *", "2026-11-24T00:00:00", ["2027-01-01T00:05:00", "2027-01-01T00:35:00"]),
      ("daily 02:00 Europe/Berlin", "2026-11-24T00:30:00", ["2026-11-24T01:00:00", "2026-11-25T01:00:00"]),
      ("hourly Asia/Kolkata", "2026-11-24T00:00:00", ["2026-11-24T00:30:00", "2026-11-24T01:30:00"]),
    ])
  func words(_ schedule: String, _ start: String, _ expected: [String]) throws {
    #expect(try Self.times(schedule, after: start, expected.count) == expected)
  }

  @Test("a time that is skipped when clocks are put forward happens once, at that moment")
  func forward() throws {
    #expect(
      try Self.times("daily 02:30 Europe/Berlin", after: "2026-03-27T12:00:00", 4) == [
        "2026-03-28T01:30:00", "2026-03-29T01:00:00", "2026-03-30T00:30:00", "2026-03-31T00:30:00",
      ])
    // Lord Howe's clocks move by half an hour; Samoa's calendar went without a 30 December.
    #expect(
      try Self.times("daily 02:15 Australia/Lord_Howe", after: "2026-10-02T16:00:00", 3) == [
        "2026-10-03T15:30:00", "2026-10-04T15:15:00", "2026-10-05T15:15:00",
      ])
    #expect(
      try Self.times("daily 12:00 Pacific/Apia", after: "2011-12-29T00:00:00", 3) == [
        "2011-12-29T22:00:00", "2011-12-30T10:00:00", "2011-12-30T22:00:00",
      ])
  }

  @Test("a time that comes twice when clocks are put back happens at its first coming")
  func back() throws {
    #expect(
      try Self.times("daily 02:30 Europe/Berlin", after: "2026-10-24T12:00:00", 3) == [
        "2026-10-25T00:30:00", "2026-10-26T01:30:00", "2026-10-27T01:30:00",
      ])
  }

  @Test("lines for every hour go by the time that passes, whatever clocks do")
  func real() throws {
    #expect(
      try Self.times("30 * * * * Europe/Berlin", after: "2026-10-24T23:50:00", 4) == [
        "2026-10-25T00:30:00", "2026-10-25T01:30:00", "2026-10-25T02:30:00", "2026-10-25T03:30:00",
      ])
    #expect(
      try Self.times("hourly Europe/Berlin", after: "2026-03-29T00:10:00", 2) == [
        "2026-03-29T01:00:00", "2026-03-29T02:00:00",
      ])
  }

  @Test("what is no schedule is refused with a hint")
  func refused() {
    for text in [
      "", "sometimes", "daily", "daily 2", "daily 24:00", "daily 02:60", "weekly 02:00", "weekly moon 02:00",
      "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "*/0 * * * *", "5-1 * * * *",
      "1, * * * *", "5/2 * * * *", "+1 * * * *", "0 0 30 2 *", "0 0 31 apr,jun *", "daily 02:00 Europe/Atlantis",
    ] {
      #expect("\(text)") { try Schedule(text) } throws: { ($0 as? ScheduleError)?.hint != nil }
    }
  }

  @Test("of several schedules the one that comes first counts")
  func first() throws {
    let both = Schedule.first([try Schedule("daily 02:00"), .every(.seconds(3600))])
    #expect(both.next(after: try Self.moment("2026-11-24T01:30:00")).utc == "2026-11-24T02:00:00")
    #expect(both.next(after: try Self.moment("2026-11-24T02:00:00")).utc == "2026-11-24T03:00:00")
    #expect(try Schedule("hourly").isByCalendar && !both.isByCalendar)
  }

  @Test("nothing is waited for where the time has come or the clock was set back")
  func waiting() throws {
    let (daily, last) = (try Schedule("daily 02:00"), try Self.moment("2026-11-24T02:00:00"))
    #expect(daily.wait(since: last, at: try Self.moment("2026-11-25T01:59:00")) == .seconds(60))
    #expect(daily.wait(since: last, at: try Self.moment("2026-11-26T12:00:00")) == .zero)
    #expect(daily.wait(since: last, at: try Self.moment("2026-11-23T12:00:00")) == .zero)
  }

  /// A line of which each field is drawn.
  private static func line(_ numbers: inout SeededNumbers) -> String {
    func field(_ range: ClosedRange<Int>) -> String {
      switch Int.random(in: 0..<5, using: &numbers) {
      case 0, 1: "*"
      case 2: "*/\(Int.random(in: 2...6, using: &numbers))"
      case 3: "\(Int.random(in: range, using: &numbers)),\(Int.random(in: range, using: &numbers))"
      default: "\(Int.random(in: range, using: &numbers))"
      }
    }
    let zones = [
      "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo",
    ]
    let (minute, hour) = (field(0...59), field(0...23))
    return
      "\(minute) \(hour) \(field(1...28)) \(field(1...12)) \(field(0...6)) \(zones.randomElement(using: &numbers) ?? "UTC")"
  }

  @Test(
    "of any line the next time is later, the first one, and the same from wherever it is asked",
    arguments: [1, 2, 3, 4])
  func properties(_ seed: UInt64) throws {
    var numbers = SeededNumbers(state: seed)
    for _ in 0..<25 {
      let line = Self.line(&numbers)
      let schedule = try Schedule(line)
      let start = Timestamp(
        microseconds: Int64.random(in: 1_600_000_000_000_000...2_000_000_000_000_000, using: &numbers))
      let next = schedule.next(after: start)
      #expect(next > start, "seed \(seed): \(line) after \(start.utc)")
      #expect(next.microseconds % 60_000_000 == 0, "seed \(seed): \(line)")
      // From any moment on the way the next time is the same, and just before it as well.
      let way = next.microseconds - start.microseconds
      for between in [0, Int64.random(in: 0..<way, using: &numbers), way - 1] {
        let moment = Timestamp(microseconds: start.microseconds + between)
        #expect(schedule.next(after: moment) == next, "seed \(seed): \(line) after \(moment.utc)")
      }
    }
  }

  @Test(
    "each day has its daily time exactly once, in every zone",
    arguments: ["Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe"])
  func daily(_ zone: String) throws {
    for clock in ["00:00", "00:30", "02:00", "02:30", "23:45"] {
      let schedule = try Schedule("daily \(clock) \(zone)")
      var moment = try Self.moment("2017-12-31T12:00:00")
      for day in 1...365 {
        let next = schedule.next(after: moment)
        let hours = next.seconds(since: moment) / 3600
        #expect(day == 1 || (22.5...25.5).contains(hours), "\(clock) \(zone): \(hours) hours to \(next.utc)")
        moment = next
      }
    }
  }
}

extension Timestamp {
  /// `2026-01-31T12:00:00`, taken for UTC.
  init?(utc text: String) {
    let numbers = text.split { !$0.isNumber }.compactMap { Int($0) }
    guard numbers.count == 6 else { return nil }
    let days = CivilDate(year: numbers[0], month: numbers[1], day: numbers[2]).daysSinceEpoch
    self.init(microseconds: Int64(days * 86_400 + numbers[3] * 3600 + numbers[4] * 60 + numbers[5]) * 1_000_000)
  }

  var utc: String {
    let seconds = Int(microseconds / 1_000_000)
    let date = CivilDate(daysSinceEpoch: seconds / 86_400)
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let clock = [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60].map(two).joined(separator: ":")
    return "\(date.year)-\(two(date.month))-\(two(date.day))T\(clock)"
  }
}
