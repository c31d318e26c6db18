import Changes
import JSON

/// Moments as APIs write them, without a calendar library.
enum TimeText {
  /// ISO 8601 with a date, and a time or not; without a zone it is UTC. Fractions beyond microseconds are cut off.
  static func iso8601(_ text: String) -> Timestamp? {
    let bytes = Array((text.utf8.count == 10 ? text + "T00:00:00" : text).utf8)
    guard bytes.count >= 19, bytes[4] == 0x2D, bytes[7] == 0x2D, bytes[13] == 0x3A, bytes[16] == 0x3A,
      bytes[10] == 0x54 || bytes[10] == 0x74 || bytes[10] == 0x20,
      let year = number(bytes[0..<4]), let month = number(bytes[5..<7]), let day = number(bytes[8..<10]),
      let hour = number(bytes[11..<13]), let minute = number(bytes[14..<16]), let second = number(bytes[17..<19]),
      (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61
    else { return nil }
    var rest = bytes[19...]
    var micros = 0
    if rest.first == 0x2E {
      let digits = rest.dropFirst().prefix { (0x30...0x39).contains($0) }
      guard let value = number((Array(digits.prefix(6)) + Array(repeating: 0x30, count: max(0, 6 - digits.count)))[...])
      else { return nil }
      micros = value
      rest = rest.dropFirst(1 + digits.count)
    }
    guard let offset = zone(rest) else { return nil }
    let seconds =
      CivilDate(year: year, month: month, day: day).daysSinceEpoch * 86400 + hour * 3600 + minute * 60 + second - offset
    return Timestamp(microseconds: Int64(seconds * 1_000_000 + micros))
  }

  /// `2026-11-24T03:30:00.123Z`.
  static func iso8601(_ moment: Timestamp) -> String {
    let total = Int(moment.microseconds).flooredBy(1000)
    let (seconds, millis) = (total.quotient.flooredBy(1000).quotient, total.quotient.flooredBy(1000).rest)
    let (day, second) = (seconds.flooredBy(86400).quotient, seconds.flooredBy(86400).rest)
    let civil = CivilDate(daysSinceEpoch: day)
    let date = "\(padded(civil.year, 4))-\(padded(civil.month, 2))-\(padded(civil.day, 2))"
    return "\(date)T\(padded(second / 3600, 2)):\(padded(second / 60 % 60, 2)):\(padded(second % 60, 2))"
      + ".\(padded(millis, 3))Z"
  }

  /// `/Date(1371283200000)/` or `/Date(1371283200000+0300)/`: milliseconds since 1970, UTC in any case.
  static func msDate(_ text: String) -> Timestamp? {
    guard text.hasPrefix("/Date("), text.hasSuffix(")/") else { return nil }
    let inside = text.dropFirst(6).dropLast(2)
    let isNegative = inside.hasPrefix("-")
    let digits = inside.drop { $0 == "-" }.prefix(while: \.isNumber)
    return Int64(digits).map { Timestamp(microseconds: (isNegative ? -$0 : $0) * 1000) }
  }

  /// The preferred form of RFC 9110, section 5.6.7: `Tue, 24 Nov 2026 03:30:00 GMT`.
  static func httpDate(_ text: String) -> Timestamp? {
    let words = text.split(separator: " ")
    guard words.count == 6, words[5] == "GMT", let day = Int(words[1]), let year = Int(words[3]),
      let month = months.firstIndex(of: String(words[2]))
    else { return nil }
    let clock = words[4].split(separator: ":").compactMap { Int($0) }
    guard clock.count == 3 else { return nil }
    let seconds =
      CivilDate(year: year, month: month + 1, day: day).daysSinceEpoch * 86400 + clock[0] * 3600 + clock[1] * 60
      + clock[2]
    return Timestamp(microseconds: Int64(seconds) * 1_000_000)
  }

  /// The form that `httpDate` of a text reads; fractions of a second are cut off.
  static func httpDate(_ moment: Timestamp) -> String {
    let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let (day, second) = Int(moment.microseconds).flooredBy(1_000_000).quotient.flooredBy(86400)
    let civil = CivilDate(daysSinceEpoch: day)
    let date =
      "\(weekdays[civil.weekday]), \(padded(civil.day, 2)) \(months[civil.month - 1]) \(padded(civil.year, 4))"
    return "\(date) \(padded(second / 3600, 2)):\(padded(second / 60 % 60, 2)):\(padded(second % 60, 2)) GMT"
  }

  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// Seconds east of UTC.
  private static func zone(_ bytes: ArraySlice<UInt8>) -> Int? {
    guard let sign = bytes.first else { return 0 }
    if sign == 0x5A || sign == 0x7A { return bytes.count == 1 ? 0 : nil }
    let digits = bytes.dropFirst().filter { $0 != 0x3A }
    guard sign == 0x2B || sign == 0x2D, digits.count == 2 || digits.count == 4, let hours = number(digits[0..<2]),
      let minutes = digits.count == 4 ? number(digits[2..<4]) : 0
    else { return nil }
    return (hours * 3600 + minutes * 60) * (sign == 0x2D ? -1 : 1)
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
    var value = 0
    for digit in digits {
      guard (0x30...0x39).contains(digit) else { return nil }
      value = value * 10 + Int(digit - 0x30)
    }
    return value
  }

  private static func padded(_ value: Int, _ width: Int) -> String {
    let text = String(value)
    return String(repeating: "0", count: max(0, width - text.count)) + text
  }
}

extension Int {
  fileprivate func flooredBy(_ divisor: Int) -> (quotient: Int, rest: Int) {
    let rest = (self % divisor + divisor) % divisor
    return ((self - rest) / divisor, rest)
  }
}

/// A way to write a moment. Where no zone is written it is UTC.
enum TimeFormat: String, Sendable, CaseIterable {
  /// `2026-11-24T03:30:00.123Z`
  case iso8601
  /// `2026-11-24T03:30:00Z`
  case iso8601Seconds = "iso8601_seconds"
  /// `2026-11-24T03:30:00`
  case local
  /// `2026-11-24 03:30:00`
  case sql
  /// `2026-11-24`
  case date
  case unix
  case unixMilliseconds = "unix_ms"
  /// `/Date(1795491000123)/`, with an offset or without; the offset changes nothing.
  case msDate = "ms_date"
  /// `Tue, 24 Nov 2026 03:30:00 GMT`
  case http

  /// All that ISO 8601 allows is read in any of the forms that are like it.
  func moment(_ value: JSONValue) -> Timestamp? {
    switch self {
    case .iso8601, .iso8601Seconds, .local, .sql, .date: value.stringValue.flatMap { TimeText.iso8601($0) }
    case .unix: Int64(value.plainText).map { Timestamp(microseconds: $0 * 1_000_000) }
    case .unixMilliseconds: Int64(value.plainText).map { Timestamp(microseconds: $0 * 1000) }
    case .msDate: value.stringValue.flatMap { TimeText.msDate($0) }
    case .http: value.stringValue.flatMap { TimeText.httpDate($0) }
    }
  }

  /// What is finer than the form is cut off.
  func text(_ moment: Timestamp) -> String {
    let iso = TimeText.iso8601(moment)
    return switch self {
    case .iso8601: iso
    case .iso8601Seconds: iso.prefix(19) + "Z"
    case .local: String(iso.prefix(19))
    case .sql: String(iso.prefix(19)).replacing("T", with: " ")
    case .date: String(iso.prefix(10))
    case .unix: String(moment.microseconds / 1_000_000)
    case .unixMilliseconds: String(moment.microseconds / 1000)
    case .msDate: "/Date(\(moment.microseconds / 1000))/"
    case .http: TimeText.httpDate(moment)
    }
  }
}
