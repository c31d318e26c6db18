extension JSONNumber {
  /// A sum of more digits is no figure of a business, and a short text such as `1e999999999` must not make a long one.
  private static let mostDigits = 400

  /// a + b, digit for digit, with as many decimals as the longer of the two; nil if that takes more than 400 digits.
  package static func sum(_ a: JSONNumber, _ b: JSONNumber) -> JSONNumber? {
    let exponents = [a.place, b.place]
    guard let low = exponents.min(), let first = a.digits(from: low), let second = b.digits(from: low) else {
      return nil
    }
    let (isNegative, digits) = Self.sum(first, second)
    return JSONNumber(digits: digits, isNegative: isNegative, exponent: low)
  }

  /// The number times 10^`places`, without zeros at its end after a point; nil if that takes more than 400 digits.
  package func shifted(by places: Int) -> JSONNumber? {
    guard abs(places) <= Self.mostDigits, let (isNegative, written) = digits(from: place) else { return nil }
    var digits = written
    var exponent = place + places
    while exponent > 0 {
      digits.append(0)
      exponent -= 1
    }
    while exponent < 0, digits.count > 1, digits.last == 0 {
      digits.removeLast()
      exponent += 1
    }
    return JSONNumber(digits: digits, isNegative: isNegative, exponent: exponent)
  }

  /// Whether it is written without a point and without an exponent.
  package var isWhole: Bool {
    !text.utf8.contains { [UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E")].contains($0) }
  }

  package var negated: JSONNumber {
    JSONNumber(unchecked: text.hasPrefix("-") ? String(text.dropFirst()) : "-" + text)
  }

  /// The power of ten of the last digit written; nothing above 0, so that whole numbers stay whole.
  private var place: Int {
    let (mantissa, exponent) = parts
    let decimals = mantissa.firstIndex(of: UInt8(ascii: ".")).map {
      mantissa.distance(from: $0, to: mantissa.endIndex) - 1
    }
    return min(0, exponent - (decimals ?? 0))
  }

  private var parts: (mantissa: Substring.UTF8View, exponent: Int) {
    let bytes = text.utf8
    guard let mark = bytes.firstIndex(where: { $0 == UInt8(ascii: "e") || $0 == UInt8(ascii: "E") }) else {
      return (Substring(text).utf8, 0)
    }
    // One that does not fit is far beyond what can be added.
    let exponent = Int(text[text.index(after: mark)...]) ?? Self.mostDigits * 4
    return (text[..<mark].utf8, max(-Self.mostDigits * 4, min(Self.mostDigits * 4, exponent)))
  }

  /// The digits down to 10^`low`, the highest first; nil if they are too many.
  private func digits(from low: Int) -> (isNegative: Bool, digits: [UInt8])? {
    let (mantissa, exponent) = parts
    var digits: [UInt8] = []
    var decimals = 0
    var isAfterPoint = false
    for byte in mantissa where byte != UInt8(ascii: "-") {
      if byte == UInt8(ascii: ".") {
        isAfterPoint = true
      } else {
        digits.append(byte - UInt8(ascii: "0"))
        if isAfterPoint { decimals += 1 }
      }
    }
    let missing = exponent - decimals - low
    guard digits.count + missing <= Self.mostDigits else { return nil }
    digits += Array(repeating: 0, count: missing)
    return (mantissa.first == UInt8(ascii: "-"), digits)
  }

  private static func sum(
    _ a: (isNegative: Bool, digits: [UInt8]), _ b: (isNegative: Bool, digits: [UInt8])
  ) -> (Bool, [UInt8]) {
    let count = max(a.digits.count, b.digits.count) + 1
    let first = Array(repeating: 0, count: count - a.digits.count) + a.digits
    let second = Array(repeating: 0, count: count - b.digits.count) + b.digits
    if a.isNegative == b.isNegative { return (a.isNegative, added(first, second)) }
    let isFirstLess = first.lexicographicallyPrecedes(second)
    return (
      isFirstLess ? b.isNegative : a.isNegative,
      isFirstLess ? subtracted(second, first) : subtracted(first, second)
    )
  }

  /// Of equally many digits, the first of which are zero.
  private static func added(_ a: [UInt8], _ b: [UInt8]) -> [UInt8] {
    var sum = a
    var carry: UInt8 = 0
    for index in sum.indices.reversed() {
      let digit = sum[index] + b[index] + carry
      (sum[index], carry) = (digit % 10, digit / 10)
    }
    return sum
  }

  /// Of equally many digits, `a` not below `b`.
  private static func subtracted(_ a: [UInt8], _ b: [UInt8]) -> [UInt8] {
    var difference = a
    var borrow: UInt8 = 0
    for index in difference.indices.reversed() {
      let taken = b[index] + borrow
      borrow = difference[index] < taken ? 1 : 0
      difference[index] = difference[index] + borrow * 10 - taken
    }
    return difference
  }

  /// - Parameter exponent: the power of ten of the last digit, not above 0.
  private init(digits: [UInt8], isNegative: Bool, exponent: Int) {
    var text = digits
    while text.count <= -exponent { text.insert(0, at: 0) }
    var written = text.map { $0 + UInt8(ascii: "0") }
    if exponent < 0 { written.insert(UInt8(ascii: "."), at: written.count + exponent) }
    while written.count > 1, written[0] == UInt8(ascii: "0"), written[1] != UInt8(ascii: ".") { written.removeFirst() }
    let sign = isNegative && digits.contains { $0 > 0 } ? "-" : ""
    self.init(unchecked: sign + String(decoding: written, as: UTF8.self))
  }
}
