package import Changes

/// An instant in UTC with up to six digits of a second, read from the ways databases and APIs write one
/// (RFC 3339; PostgreSQL's and SQLite's space for `T`; a zone of hours alone; none, which means UTC).
struct Instant: Hashable {
  private let seconds: Int64
  private let microseconds: Int64

  init?(_ text: String) {
    var reader = DigitReader(text)
    guard let year = reader.number(4), reader.take("-"), let month = reader.number(2), (1...12).contains(month),
      reader.take("-"), let day = reader.number(2), (1...31).contains(day), reader.take("T") || reader.take(" "),
      let hour = reader.number(2), hour < 24, reader.take(":"), let minute = reader.number(2), minute < 60
    else { return nil }
    var second: Int64 = 0
    var fraction: Int64 = 0
    if reader.take(":") {
      guard let value = reader.number(2), value < 61 else { return nil }
      second = value
      if reader.take(".") {
        guard let value = reader.fraction() else { return nil }
        fraction = value
      }
    }
    guard let offset = reader.zone(), reader.isAtEnd else { return nil }
    let days = Int64(CivilDate(year: Int(year), month: Int(month), day: Int(day)).daysSinceEpoch)
    seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
    microseconds = fraction
  }

  /// Microseconds since 1970.
  var sinceEpoch: Int64 { seconds * 1_000_000 + microseconds }

  /// RFC 3339 in UTC, without trailing zeros of the fraction.
  var text: String {
    let day = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
    let rest = seconds - day * 86_400
    let date = CivilDate(daysSinceEpoch: Int(day))
    let clock = [rest / 3600, rest / 60 % 60, rest % 60].map { padded($0, 2) }.joined(separator: ":")
    var fraction = ""
    if microseconds > 0 {
      fraction = "." + padded(microseconds, 6)
      while fraction.last == "0" { fraction.removeLast() }
    }
    return
      "\(padded(Int64(date.year), 4))-\(padded(Int64(date.month), 2))-\(padded(Int64(date.day), 2))T\(clock)\(fraction)Z"
  }

  private func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}

/// Takes a text apart from its beginning; nil or false leaves it where it was.
private struct DigitReader {
  private var rest: Substring.UTF8View

  init(_ text: String) { rest = Substring(text).utf8 }

  var isAtEnd: Bool { rest.isEmpty }

  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard rest.first == UInt8(ascii: character) else { return false }
    rest = rest.dropFirst()
    return true
  }

  mutating func number(_ width: Int) -> Int64? {
    let digits = rest.prefix(width)
    guard digits.count == width, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    rest = rest.dropFirst(width)
    return digits.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
  }

  /// A fraction of a second in microseconds; further digits are cut off, as PostgreSQL does not keep them either.
  mutating func fraction() -> Int64? {
    let digits = rest.prefix { (0x30...0x39).contains($0) }
    guard !digits.isEmpty else { return nil }
    rest = rest.dropFirst(digits.count)
    let six = digits.prefix(6)
    return (six.count..<6).reduce(six.reduce(0) { $0 * 10 + Int64($1 - 0x30) }) { value, _ in value * 10 }
  }

  /// Seconds east of UTC.
  mutating func zone() -> Int64? {
    if isAtEnd || take("Z") { return 0 }
    let sign: Int64 = take("+") ? 1 : -1
    guard sign == 1 || take("-"), let hours = number(2) else { return nil }
    _ = take(":")
    return sign * (hours * 3600 + (number(2) ?? 0) * 60)
  }
}

extension Timestamp {
  /// Reads a time as databases and APIs write one; see `Instant`. Nil for anything else.
  package init?(instant text: String) {
    guard let instant = Instant(text) else { return nil }
    self.init(microseconds: instant.sinceEpoch)
  }
}
