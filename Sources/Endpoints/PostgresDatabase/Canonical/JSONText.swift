/// The inside of a JSON string, decoded as `jsonb` does.
enum JSONText {
  /// Appends what the part of `text` between a string's quotes stands for.
  /// - Returns: false for an escape that is unknown or that `jsonb` refuses.
  static func decode(_ text: Span<UInt8>, _ content: Range<Int>, into plain: inout [UInt8]) -> Bool {
    var at = content.lowerBound
    while at < content.upperBound {
      let start = at
      while at < content.upperBound, text[at] != UInt8(ascii: "\\") { at += 1 }
      text.extracting(start..<at).withUnsafeBufferPointer { plain.append(contentsOf: $0) }
      guard at < content.upperBound else { break }
      guard at + 1 < content.upperBound else { return false }
      let letter = text[at + 1]
      at += 2
      switch letter {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): plain.append(letter)
      case UInt8(ascii: "b"): plain.append(0x08)
      case UInt8(ascii: "f"): plain.append(0x0C)
      case UInt8(ascii: "n"): plain.append(0x0A)
      case UInt8(ascii: "r"): plain.append(0x0D)
      case UInt8(ascii: "t"): plain.append(0x09)
      case UInt8(ascii: "u"):
        guard let scalar = scalar(text.extracting(..<content.upperBound), &at), scalar.value != 0,
          let encoded = UTF8.encode(scalar)
        else { return false }
        plain.append(contentsOf: encoded)
      default: return false
      }
    }
    return true
  }

  /// The character whose first `\u` has just been read, a surrogate pair's other half included.
  private static func scalar(_ text: Span<UInt8>, _ at: inout Int) -> Unicode.Scalar? {
    guard let high = codeUnit(text, &at) else { return nil }
    if let scalar = Unicode.Scalar(high) { return scalar }
    guard UTF16.isLeadSurrogate(high), text.has("\\u", at: at) else { return nil }
    at += 2
    guard let low = codeUnit(text, &at), UTF16.isTrailSurrogate(low) else { return nil }
    return Unicode.Scalar(0x10000 + (UInt32(high) - 0xD800) << 10 + (UInt32(low) - 0xDC00))
  }

  private static func codeUnit(_ text: Span<UInt8>, _ at: inout Int) -> UInt16? {
    guard at + 4 <= text.count else { return nil }
    var value: UInt16 = 0
    for _ in 0..<4 {
      guard let digit = hexadecimal(text[at]) else { return nil }
      value = value << 4 | digit
      at += 1
    }
    return value
  }

  private static func hexadecimal(_ byte: UInt8) -> UInt16? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt16(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt16(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt16(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
  }
}
