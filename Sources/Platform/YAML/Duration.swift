extension Duration {
  /// From longest to shortest, in milliseconds.
  private static let units: [(name: String, milliseconds: Int64)] = [
    ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1),
  ]

  /// Reads a whole number with one unit: `250ms`, `30s`, `5m`, `2h`, `1d`. Nil for anything else.
  package init?(_ text: String) {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let unit = Duration.units.first { $0.name == text.dropFirst(digits.count) }
    guard let unit, let count = Int64(digits) else { return nil }
    let (milliseconds, isTooLong) = count.multipliedReportingOverflow(by: unit.milliseconds)
    guard !isTooLong else { return nil }
    self = .milliseconds(milliseconds)
  }

  package static func days(_ count: Int64) -> Duration { .seconds(count * 86_400) }

  /// The duration as it is written in files, in the longest unit that divides it; parts of a millisecond are cut off.
  package var shortest: String {
    let total = components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000
    guard total != 0, let unit = Duration.units.first(where: { total % $0.milliseconds == 0 }) else { return "0s" }
    return "\(total / unit.milliseconds)\(unit.name)"
  }
}
