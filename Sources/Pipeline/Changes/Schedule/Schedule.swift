/// When something is done again and again.
package enum Schedule: Hashable, Sendable {
  /// So long from the beginning of one time to that of the next.
  case every(Duration)
  /// At times that a clock on the wall shows.
  case calendar(CalendarTimes)
  /// Whichever comes first: of an object that several links pull.
  indirect case first([Schedule])

  /// The first time after `moment`. What lies between it and now was missed, and is made up for by one time, now.
  package func next(after moment: Timestamp) -> Timestamp {
    switch self {
    case .every(let duration): moment.advanced(by: duration)
    case .calendar(let times): times.next(after: moment)
    case .first(let schedules): schedules.map { $0.next(after: moment) }.min() ?? .never
    }
  }

  /// Whether it goes by a clock on the wall: then a restart is no reason to do it again.
  package var isByCalendar: Bool {
    switch self {
    case .every: false
    case .calendar: true
    case .first(let schedules): schedules.allSatisfy(\.isByCalendar)
    }
  }

  /// How long it is from now to the next time after `moment`; zero where that time has come, and where the clock was set back
  /// behind `moment`.
  package func wait(since moment: Timestamp, at now: Timestamp = .now) -> Duration {
    guard moment <= now else { return .zero }
    return max(.zero, .microseconds(next(after: moment).microseconds - now.microseconds))
  }

  /// Reads `hourly`, `daily 02:00`, `weekly mon 02:00` or the five fields of a cron line, each with a time zone after it
  /// where it is not UTC.
  package init(_ text: String) throws(ScheduleError) {
    var words = text.lowercased().split(separator: " ").map(String.init)
    var zone = Zone.utc
    if let last = text.split(separator: " ").last, words.count > 1, Self.namesZone(last) {
      guard let named = Zone(String(last)) else {
        throw ScheduleError("there is no time zone \"\(last)\"", hint: "for example Europe/Berlin, or UTC")
      }
      zone = named
      words.removeLast()
    }
    switch (words.first, words.count) {
    case ("hourly", 1): self = try Self.cron(["0", "*", "*", "*", "*"], zone)
    case ("daily", 2): self = try Self.cron(Self.clock(words[1]) + ["*", "*", "*"], zone)
    case ("weekly", 3): self = try Self.cron(Self.clock(words[2]) + ["*", "*", words[1]], zone)
    case (_, 5): self = try Self.cron(words, zone)
    default:
      throw ScheduleError(
        "\"\(text)\" is no schedule",
        hint: "hourly, \"daily 02:00\", \"weekly mon 02:00\", or a cron line of five fields")
    }
  }

  private static func namesZone(_ word: Substring) -> Bool {
    word == "UTC" || word.contains { $0 == "/" } && word.first.map { $0.isLetter } == true
  }

  private static func cron(_ fields: [String], _ zone: Zone) throws(ScheduleError) -> Schedule {
    .calendar(try CalendarTimes(cron: fields, in: zone))
  }

  /// `02:00` as the minute and the hour of a cron line.
  private static func clock(_ text: String) throws(ScheduleError) -> [String] {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ (1...2).contains($0.count) }), parts[1].count == 2,
      let hour = Int(parts[0]), let minute = Int(parts[1]), (0..<24).contains(hour), (0..<60).contains(minute)
    else { throw ScheduleError("\"\(text)\" is no time of the day", hint: "write 02:00") }
    return [String(minute), String(hour)]
  }
}

/// Why a text is no schedule.
package struct ScheduleError: Error, Hashable, Sendable, CustomStringConvertible {
  package let description: String
  package let hint: String?

  init(_ description: String, hint: String? = nil) {
    self.description = description
    self.hint = hint
  }
}
