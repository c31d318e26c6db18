/// A JSON number as it was written, digit for digit. Equality and order of size are exact: no binary floating point.
package struct JSONNumber: Hashable, Sendable {
  /// The number as valid JSON text.
  package let text: String

  /// - Parameter text: must satisfy the `number` rule of RFC 8259; nil if it does not.
  package init?(text: String) {
    guard JSONNumber.isValid(Array(text.utf8)) else { return nil }
    self.text = text
  }

  package init(_ value: some BinaryInteger) { text = String(value) }

  /// For the parser, which has checked the text.
  init(unchecked text: String) { self.text = text }

  static func isValid(_ bytes: [UInt8]) -> Bool {
    var parser = JSONParser(bytes)
    guard (try? parser.number()) != nil else { return false }
    return parser.offset == bytes.count
  }

  /// The value as ±0.d₁d₂… × 10^exponent without outer zeros; zero has no digits.
  private var normal: (isNegative: Bool, digits: [UInt8], exponent: Int) {
    var digits: [UInt8] = []
    var exponent = 0
    var isNegative = false
    var pointSeen = false
    var bytes = text.utf8[...]
    if bytes.first == UInt8(ascii: "-") {
      isNegative = true
      bytes = bytes.dropFirst()
    }
    while let byte = bytes.first, byte != UInt8(ascii: "e"), byte != UInt8(ascii: "E") {
      bytes = bytes.dropFirst()
      if byte == UInt8(ascii: ".") {
        pointSeen = true
      } else {
        if !pointSeen { exponent += 1 }
        digits.append(byte)
      }
    }
    if !bytes.isEmpty {
      // An exponent beyond Int stands for a size no comparison needs to tell apart.
      let written = Substring(bytes.dropFirst())
      exponent =
        exponent.addingReportingOverflow(Int(written) ?? (written.hasPrefix("-") ? .min / 2 : .max / 2)).partialValue
    }
    while digits.last == UInt8(ascii: "0") { digits.removeLast() }
    let leading = digits.prefix { $0 == UInt8(ascii: "0") }.count
    digits.removeFirst(leading)
    return digits.isEmpty ? (false, [], 0) : (isNegative, digits, exponent - leading)
  }

  package static func == (a: JSONNumber, b: JSONNumber) -> Bool { a.text == b.text || a.normal == b.normal }

  package func hash(into hasher: inout Hasher) {
    let (isNegative, digits, exponent) = normal
    hasher.combine(isNegative)
    hasher.combine(digits)
    hasher.combine(exponent)
  }
}

extension JSONNumber: Comparable {
  package static func < (a: JSONNumber, b: JSONNumber) -> Bool {
    let (a, b) = (a.normal, b.normal)
    let aSign = a.digits.isEmpty ? 0 : (a.isNegative ? -1 : 1)
    let bSign = b.digits.isEmpty ? 0 : (b.isNegative ? -1 : 1)
    guard aSign == bSign else { return aSign < bSign }
    guard aSign != 0 else { return false }
    let (small, large) = aSign > 0 ? (a, b) : (b, a)
    return small.exponent == large.exponent
      ? small.digits.lexicographicallyPrecedes(large.digits) : small.exponent < large.exponent
  }
}
