import Foundation

/// A time zone of the IANA database: what a clock on the wall shows.
package struct Zone: Hashable, Sendable, CustomStringConvertible {
  private let zone: TimeZone

  /// Nil if there is no zone of that name, such as `Europe/Berlin` or `UTC`.
  package init?(_ name: String) {
    guard name == "UTC" || name.contains("/"), let zone = TimeZone(identifier: name) else { return nil }
    self.zone = zone
    description = name
  }

  package static let utc = Zone(zone: .gmt, description: "UTC")

  package let description: String

  private init(zone: TimeZone, description: String) {
    self.zone = zone
    self.description = description
  }

  package static func == (a: Zone, b: Zone) -> Bool { a.description == b.description }
  package func hash(into hasher: inout Hasher) { hasher.combine(description) }

  /// Seconds east of UTC at a moment in seconds since 1970.
  func offset(at seconds: Int) -> Int {
    zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds)))
  }

  /// The day and the minute of it that the wall shows at a moment.
  func wall(at seconds: Int) -> (date: CivilDate, minute: Int) {
    let local = seconds + offset(at: seconds)
    let days = local >= 0 ? local / 86_400 : (local - 86_399) / 86_400
    return (CivilDate(daysSinceEpoch: days), (local - days * 86_400) / 60)
  }

  /// The first moment at which the wall shows a time or, where clocks are put forward over it, a later one.
  func moment(of date: CivilDate, minute: Int) -> Int {
    let wall = date.daysSinceEpoch * 86_400 + minute * 60
    // No zone changes twice within two days.
    let (before, after) = (offset(at: wall - 86_400), offset(at: wall + 86_400))
    if offset(at: wall - before) == before { return wall - before }
    if offset(at: wall - after) == after { return wall - after }
    var (early, late) = (wall - after, wall - before)
    while late - early > 1 {
      let middle = early + (late - early) / 2
      if offset(at: middle) == before { early = middle } else { late = middle }
    }
    return late
  }
}
