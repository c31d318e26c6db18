import Changes

/// Numbers and texts the way a person reads them, on the page and in the terminal alike.
package enum ShownText {
  /// `0 s`, `0.4 s`, `12 s`, `3 min`, `2.5 h`, `4 d`; a dash for nothing known.
  static func seconds(_ seconds: Double?) -> String {
    guard let seconds, seconds.isFinite else { return "–" }
    switch seconds {
    case ..<0.05: return "0 s"
    case ..<10: return "\(tenths(seconds)) s"
    case ..<120: return "\(Int(seconds)) s"
    case ..<7_200: return "\(Int(seconds / 60)) min"
    case ..<172_800: return "\(tenths(seconds / 3_600)) h"
    default: return "\(Int(min(seconds / 86_400, 1e9))) d"
    }
  }

  /// Digits in groups of three with thin gaps: `1 234 567`.
  static func count(_ count: Int64?) -> String {
    guard let count else { return "–" }
    var text = ""
    for (place, digit) in String(count.magnitude).reversed().enumerated() {
      if place > 0, place.isMultiple(of: 3) { text.append("\u{202F}") }
      text.append(digit)
    }
    return (count < 0 ? "−" : "") + String(text.reversed())
  }

  /// `0.4/s`, `12/s`, `1 234/s`
  static func rate(_ perSecond: Double) -> String {
    perSecond < 10 ? "\(tenths(perSecond))/s" : "\(count(Int64(min(perSecond, 1e12))))/s"
  }

  static func bytes(_ bytes: Int64) -> String {
    var (value, unit) = (Double(bytes), "B")
    for next in ["kB", "MB", "GB", "TB"] where value >= 1_000 { (value, unit) = (value / 1_000, next) }
    return unit == "B" ? "\(bytes) B" : "\(tenths(value)) \(unit)"
  }

  /// How long ago `moment` was at `now`.
  static func age(_ moment: Timestamp, at now: Timestamp) -> String {
    let age = now.seconds(since: moment)
    return age < 1 ? "just now" : "\(seconds(age.rounded())) ago"
  }

  private static func tenths(_ value: Double) -> String {
    let tenths = (value * 10).rounded() / 10
    return Int64(exactly: tenths).map { String($0) } ?? tenths.description
  }

  /// The text without control characters and without those that reorder text (Unicode TR 36): each becomes `␦`.
  /// What came from outside cannot move the cursor of a terminal or turn a line around.
  package static func plain(_ text: String) -> String {
    var plain = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .surrogate, .lineSeparator, .paragraphSeparator: plain.append("\u{2426}")
      default: plain.append(scalar)
      }
    }
    return String(plain)
  }

  /// `plain`, line by line.
  package static func lines(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { plain(String($0)) }.joined(separator: "\n")
  }

  /// `plain`, and safe as HTML text and inside a quoted attribute.
  package static func html(_ text: String) -> String {
    var escaped = ""
    for character in plain(text).unicodeScalars {
      switch character {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      default: escaped.unicodeScalars.append(character)
      }
    }
    return escaped
  }
}
