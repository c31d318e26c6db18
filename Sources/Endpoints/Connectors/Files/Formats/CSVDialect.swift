/// How a CSV file is written, beyond RFC 4180.
struct CSVDialect: Sendable, Hashable {
  var delimiter = UInt8(ascii: ",")
  var quote = UInt8(ascii: "\"")
  /// Whether the first line names the columns.
  var hasHeader = true
  /// The columns where the file does not name them.
  var columns: [String] = []
  /// What becomes of text that a spreadsheet would take for a formula.
  var formulas = Formulas.escape

  enum Formulas: String, Sendable, CaseIterable {
    /// It is written with a `'` before it, which is taken off when it is read.
    case escape
    case keep
  }
}

/// A text that begins as a formula does runs when a spreadsheet opens the file (OWASP, "CSV Injection"). Numbers do not.
enum SpreadsheetFormula {
  private static let beginnings = Set("=+-@\t\r".utf8)
  private static let apostrophe = UInt8(ascii: "'")

  static func escaped(_ text: [UInt8]) -> [UInt8] { begins(text) && !isNumber(text) ? [apostrophe] + text : text }

  /// The inverse of `escaped`.
  static func unescaped(_ text: [UInt8]) -> [UInt8] {
    guard text.first == apostrophe, begins(Array(text.dropFirst())) else { return text }
    return Array(text.dropFirst())
  }

  /// Apostrophes before it count as well, so that what had one comes back with it.
  private static func begins(_ text: [UInt8]) -> Bool {
    guard let first = text.first(where: { $0 != apostrophe }) else { return false }
    return beginnings.contains(first)
  }

  private static func isNumber(_ text: [UInt8]) -> Bool {
    let digits = text.dropFirst()
    guard text.first == UInt8(ascii: "-") || text.first == UInt8(ascii: "+"), !digits.isEmpty else { return false }
    return digits.allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }
      && digits.count { $0 == UInt8(ascii: ".") } <= 1
  }
}
