import Changes

/// Times as feeds write them.
enum FeedTime {
  private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
  /// RFC 822, section 5, and what RFC 5322 made of it, in hours east of UTC.
  private static let zones = [
    "ut": 0, "utc": 0, "gmt": 0, "z": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8,
    "pdt": -7,
  ]

  /// The time as ISO 8601 in UTC, to the second or as exact as it is written; the text itself where it is no time.
  static func iso8601(_ text: String) -> String {
    guard let moment = rfc822(text) ?? TimeText.iso8601(text) else { return text }
    let written = TimeText.iso8601(moment)
    return written.hasSuffix(".000Z") ? String(written.dropLast(5)) + "Z" : written
  }

  /// `Tue, 24 Nov 2026 03:30:00 +0100`; the day of the week and the seconds may be missing, the year may have two digits.
  static func rfc822(_ text: String) -> Timestamp? {
    var words = text.lowercased().split { $0 == " " || $0 == "\t" }.map(String.init)
    if words.first?.hasSuffix(",") == true { words.removeFirst() }
    guard words.count == 5, let day = Int(words[0]), (1...31).contains(day),
      let month = months.firstIndex(of: String(words[1].prefix(3))), let written = Int(words[2]), written >= 0
    else { return nil }
    let clock = words[3].split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
    guard (2...3).contains(clock.count), let hour = clock[0], (0..<24).contains(hour), let minute = clock[1],
      (0..<60).contains(minute), let second = clock.count == 3 ? clock[2] : 0, (0..<61).contains(second),
      let zone = zone(words[4])
    else { return nil }
    let year = written < 50 ? 2000 + written : written < 100 ? 1900 + written : written
    let date = CivilDate(year: year, month: month + 1, day: day)
    let seconds = date.daysSinceEpoch * 86_400 + hour * 3600 + minute * 60 + second - zone
    return Timestamp(microseconds: Int64(seconds) * 1_000_000)
  }

  /// Seconds east of UTC.
  private static func zone(_ text: String) -> Int? {
    if let hours = zones[text] { return hours * 3600 }
    guard let sign = text.first, sign == "+" || sign == "-", text.count == 5, let digits = Int(text.dropFirst()) else {
      return nil
    }
    return (digits / 100 * 3600 + digits % 100 * 60) * (sign == "-" ? -1 : 1)
  }
}
