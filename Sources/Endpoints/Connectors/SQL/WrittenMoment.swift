import Changes
import ODBC

/// A moment as ISO 8601 writes it: `2026-01-31`, `2026-01-31T12:00:00.5+01:00`, with a blank for the T, with or without a zone.
struct WrittenMoment: Hashable {
  /// As written.
  let moment: ODBCMoment
  /// Minutes east of UTC; nil where no zone is given.
  let offset: Int?

  init?(_ text: String) {
    let bytes = Array(text.utf8)
    guard bytes.count >= 10, bytes[4] == 0x2D, bytes[7] == 0x2D, let year = Self.number(bytes[0..<4]),
      let month = Self.number(bytes[5..<7]), (1...12).contains(month), let day = Self.number(bytes[8..<10]),
      CivilDate(year: year, month: month, day: day).exists
    else { return nil }
    guard bytes.count > 10 else {
      moment = ODBCMoment(year: year, month: month, day: day)
      offset = nil
      return
    }
    guard bytes.count >= 19, [0x54, 0x74, 0x20].contains(bytes[10]), bytes[13] == 0x3A, bytes[16] == 0x3A,
      let hour = Self.number(bytes[11..<13]), hour < 24, let minute = Self.number(bytes[14..<16]), minute < 60,
      let second = Self.number(bytes[17..<19]), second < 60
    else { return nil }
    var rest = bytes[19...]
    var nanosecond = 0
    if rest.first == 0x2E {
      let digits = rest.dropFirst().prefix { (0x30...0x39).contains($0) }
      let nine = Array(digits.prefix(9)) + [UInt8](repeating: 0x30, count: max(0, 9 - digits.count))
      guard !digits.isEmpty, let value = Self.number(nine[...]) else { return nil }
      nanosecond = value
      rest = rest.dropFirst(1 + digits.count)
    }
    guard let zone = Self.zone(rest) else { return nil }
    moment = ODBCMoment(
      year: year, month: month, day: day, hour: hour, minute: minute, second: second, nanosecond: nanosecond)
    offset = zone
  }

  /// The moment in UTC; as written where it has no zone.
  var inUTC: ODBCMoment {
    guard let offset, offset != 0 else { return moment }
    var result = moment
    let minutes = moment.hour * 60 + moment.minute - offset
    let shift = minutes < 0 ? -1 : minutes / 1440
    let civil = CivilDate(year: moment.year, month: moment.month, day: moment.day)
    let date = CivilDate(daysSinceEpoch: civil.daysSinceEpoch + shift)
    (result.year, result.month, result.day) = (date.year, date.month, date.day)
    let rest = minutes - shift * 1440
    (result.hour, result.minute) = (rest / 60, rest % 60)
    return result
  }

  /// Nil inside the optional: none is given. Nil: what is there is no zone.
  private static func zone(_ bytes: ArraySlice<UInt8>) -> Int?? {
    guard let sign = bytes.first else { return .some(nil) }
    if bytes.count == 1, sign == 0x5A || sign == 0x7A { return 0 }
    let digits = bytes.dropFirst().filter { $0 != 0x3A }
    guard sign == 0x2B || sign == 0x2D, digits.count == 2 || digits.count == 4, let hours = number(digits[0..<2]),
      let minutes = digits.count == 4 ? number(digits[2..<4]) : 0, hours < 24, minutes < 60
    else { return nil }
    return .some((hours * 60 + minutes) * (sign == 0x2D ? -1 : 1))
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
    var value = 0
    for digit in digits {
      guard (0x30...0x39).contains(digit) else { return nil }
      value = value * 10 + Int(digit - 0x30)
    }
    return value
  }
}

extension ODBCMoment {
  var dateText: String { "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))" }

  /// `2026-01-31T12:00:00.5`: no zone, and no zeros at the end of the fraction.
  var text: String {
    let clock = "\(Self.padded(hour, 2)):\(Self.padded(minute, 2)):\(Self.padded(second, 2))"
    guard nanosecond > 0 else { return "\(dateText)T\(clock)" }
    var fraction = Self.padded(nanosecond, 9)
    while fraction.last == "0" { fraction.removeLast() }
    return "\(dateText)T\(clock).\(fraction)"
  }

  /// Without the digits of the second that a column has no room for: drivers refuse them.
  func cut(to digits: Int) -> ODBCMoment {
    var result = self
    let unit = (digits..<9).reduce(1) { unit, _ in unit * 10 }
    if digits < 9 { result.nanosecond -= nanosecond % unit }
    return result
  }

  private static func padded(_ value: Int, _ width: Int) -> String {
    let text = String(value)
    return String(repeating: "0", count: max(0, width - text.count)) + text
  }
}
