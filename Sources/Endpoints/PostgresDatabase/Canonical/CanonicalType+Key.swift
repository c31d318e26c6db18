import JSON

extension CanonicalType {
  /// The value of a key column whose output is `text`.
  func keyValue(_ text: Span<UInt8>) throws(JSONError) -> JSONValue {
    // Most keys are whole numbers or plain text: no need to write and read them.
    switch self {
    case .number: if let number = Self.integer(text) { return .integer(number) }
    case .text: return .string(text.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) })
    default: break
    }
    var writer = JSONWriter(reserving: text.count + 2)
    _ = append(text, to: &writer)
    return try JSONValue(parsing: writer.bytes)
  }

  /// Nil for what is no whole number of up to 18 digits.
  private static func integer(_ text: Span<UInt8>) -> Int64? {
    let isNegative = text.count > 0 && text[0] == UInt8(ascii: "-")
    let start = isNegative ? 1 : 0
    guard text.count > start, text.count - start <= 18 else { return nil }
    var number: Int64 = 0
    for index in start..<text.count {
      guard case UInt8(ascii: "0")...UInt8(ascii: "9") = text[index] else { return nil }
      number = number * 10 + Int64(text[index] - UInt8(ascii: "0"))
    }
    return isNegative ? -number : number
  }
}
