/// The times of a cron line in a time zone.
///
/// Where clocks change, each fixed time happens once: one that is skipped happens at the moment the clocks are put forward,
/// one that comes twice at its first coming. Lines for every hour (`*`, `*/2`) go by the time that really passes: they
/// happen in both hours of the same name.
package struct CalendarTimes: Hashable, Sendable {
  private let minutes: [Int]
  private let hours: [Int]
  private let days: Set<Int>
  private let months: Set<Int>
  private let weekdays: Set<Int>
  /// Days of the month and of the week are both given: then one of them is enough.
  private let isEitherDay: Bool
  private let goesByHours: Bool
  private let zone: Zone

  /// - Parameter fields: minute, hour, day of the month, month, day of the week.
  init(cron fields: [String], in zone: Zone) throws(ScheduleError) {
    minutes = try CronField.minute.values(fields[0]).sorted()
    hours = try CronField.hour.values(fields[1]).sorted()
    days = try CronField.day.values(fields[2])
    months = try CronField.month.values(fields[3])
    weekdays = Set(try CronField.weekday.values(fields[4]).map { $0 % 7 })
    isEitherDay = !fields[2].hasPrefix("*") && !fields[4].hasPrefix("*")
    goesByHours = fields[1].hasPrefix("*")
    self.zone = zone
    let longest = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    guard isEitherDay || months.contains(where: { month in days.contains { $0 <= longest[month - 1] } }) else {
      throw ScheduleError("there is no such day", hint: "none of the months has it")
    }
  }

  /// The first of the times after a moment.
  package func next(after moment: Timestamp) -> Timestamp {
    let seconds = Int((Double(moment.microseconds) / 1e6).rounded(.down))
    let found = goesByHours ? nextByHours(after: seconds) : nextByDays(after: seconds)
    return Timestamp(microseconds: Int64(found) * 1_000_000)
  }

  private func isDay(_ date: CivilDate) -> Bool {
    guard months.contains(date.month) else { return false }
    let (isDay, isWeekday) = (days.contains(date.day), weekdays.contains(date.weekday))
    return isEitherDay ? isDay || isWeekday : isDay && isWeekday
  }

  /// A line may have to wait for a 29 February that is a certain day of the week.
  private static let longestSearch = 366 * 41

  private func nextByDays(after seconds: Int) -> Int {
    let first = zone.wall(at: seconds).date.daysSinceEpoch
    for day in first..<first + Self.longestSearch {
      let date = CivilDate(daysSinceEpoch: day)
      guard isDay(date) else { continue }
      for hour in hours {
        for minute in minutes {
          let moment = zone.moment(of: date, minute: hour * 60 + minute)
          if moment > seconds { return moment }
        }
      }
    }
    return .max / 1_000_000
  }

  private func nextByHours(after seconds: Int) -> Int {
    var moment = (seconds >= 0 ? seconds / 60 : (seconds - 59) / 60) * 60 + 60
    let end = moment + Self.longestSearch * 86_400
    while moment < end {
      let (date, minute) = zone.wall(at: moment)
      if !isDay(date) {
        let next = zone.moment(of: CivilDate(daysSinceEpoch: date.daysSinceEpoch + 1), minute: 0)
        moment = max(next, moment + 60)
      } else if hours.contains(minute / 60), minutes.contains(minute % 60) {
        return moment
      } else {
        moment += 60
      }
    }
    return .max / 1_000_000
  }
}

/// What a field of a cron line may hold.
private struct CronField {
  let what: String
  let range: ClosedRange<Int>
  var names: [String] = []

  static let minute = CronField(what: "minute", range: 0...59)
  static let hour = CronField(what: "hour", range: 0...23)
  static let day = CronField(what: "day of the month", range: 1...31)
  static let month = CronField(
    what: "month", range: 1...12,
    names: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"])
  /// 7 is Sunday too.
  static let weekday = CronField(
    what: "day of the week", range: 0...7, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"])

  /// `*`, `5`, `1-5`, `*/15`, `8-18/2`, `mon,wed-fri`.
  func values(_ text: String) throws(ScheduleError) -> Set<Int> {
    var values: Set<Int> = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let pieces = part.split(separator: "/", omittingEmptySubsequences: false)
      guard pieces.count <= 2, let span = pieces.first.flatMap({ self.span($0) }),
        pieces.count == 1 || span.count > 1 || pieces[0] == "*"
      else { throw unreadable(part) }
      guard let step = pieces.count == 2 ? Int(pieces[1]) : 1, step > 0 else { throw unreadable(part) }
      values.formUnion(stride(from: span.lowerBound, through: span.upperBound, by: step))
    }
    return values
  }

  private func span(_ text: Substring) -> ClosedRange<Int>? {
    if text == "*" { return names.first == "sun" ? 0...6 : range }
    let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { value($0) }
    guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil, first <= last else { return nil }
    return first...last
  }

  private func value(_ text: Substring) -> Int? {
    if let index = names.firstIndex(of: String(text)) { return index + (names.first == "jan" ? 1 : 0) }
    guard text.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(text), range.contains(number) else {
      return nil
    }
    return number
  }

  private func unreadable(_ part: Substring) -> ScheduleError {
    ScheduleError(
      "\"\(part)\" is no \(what)",
      hint: "from \(range.lowerBound) to \(range.upperBound), as 5, 1-5, 1,3,5, * or */15")
  }
}
