extension Int64 {
  /// Reads a whole number of bytes, with a decimal unit or none: `1500`, `500MB`, `10GB`. Nil for anything else.
  package init?(byteCount text: String) {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    let units = ["": 1, "B": 1, "kB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000, "TB": 1_000_000_000_000]
    guard let unit = units[String(text.dropFirst(digits.count))], let count = Int64(digits) else { return nil }
    let (bytes, isTooMany) = count.multipliedReportingOverflow(by: Int64(unit))
    guard !isTooMany else { return nil }
    self = bytes
  }
}
