import JSON

extension JSONWriter {
  /// Writes a number as `numeric` prints it: digits as they are, but no exponent and no sign before zero. `NaN`,
  /// `Infinity` and `-Infinity` become strings.
  ///
  /// - Returns: false for what is neither, and for sizes that `numeric` refuses; something may have been written then.
  mutating func write(number text: Span<UInt8>) -> Bool {
    guard let number = WrittenNumber(text) else {
      write(string: text)
      return text.isEqual("NaN") || text.isEqual("Infinity") || text.isEqual("-Infinity")
    }
    guard number.fits else { return false }
    if !number.hasExponent {
      raw(number.isZero && number.isNegative ? text.extracting(1...) : text)
    } else {
      write(number, of: text)
    }
    return true
  }

  /// Moves the point by the exponent, as `numeric_in` does: `1.50e1` keeps one decimal, `100e-2` gets two.
  private mutating func write(_ number: WrittenNumber, of text: Span<UInt8>) {
    if number.isNegative, !number.isZero { raw(UInt8(ascii: "-")) }
    let zero = UInt8(ascii: "0")
    if let leading = number.leading, leading < number.point {
      for place in leading..<number.point { raw(number.digit(place, of: text) ?? zero) }
    } else {
      raw(zero)
    }
    guard number.scale > 0 else { return }
    raw(UInt8(ascii: "."))
    for place in number.point..<(number.point + number.scale) { raw(number.digit(place, of: text) ?? zero) }
  }
}

/// The parts of a number that follows RFC 8259. Its digits are counted from 0, those of the whole part first.
private struct WrittenNumber {
  var isNegative = false
  /// Where the digits of the whole part stand in the text, and those of the fraction.
  var whole = 0..<0
  var fraction = 0..<0
  var hasExponent = false
  var exponent = 0
  /// The first digit that is not zero; nil for zero.
  var leading: Int?

  var isZero: Bool { leading == nil }
  /// Before which digit the point stands once there is no exponent.
  var point: Int { whole.count + exponent }
  /// How many decimals are shown.
  var scale: Int { max(0, fraction.count - exponent) }

  /// The limits of `numeric` (https://www.postgresql.org/docs/current/datatype-numeric.html).
  var fits: Bool { scale <= 16383 && (leading.map { point - $0 <= 131_072 } ?? true) }

  init?(_ text: Span<UInt8>) {
    var at = 0
    if text.count > 0, text[0] == UInt8(ascii: "-") {
      isNegative = true
      at = 1
    }
    guard let digits = run(text, at, counted: 0) else { return nil }
    guard text[digits.lowerBound] != UInt8(ascii: "0") || digits.count == 1 else { return nil }
    whole = digits
    at = digits.upperBound
    if at < text.count, text[at] == UInt8(ascii: ".") {
      guard let digits = run(text, at + 1, counted: whole.count) else { return nil }
      fraction = digits
      at = digits.upperBound
    }
    if at < text.count, text[at] == UInt8(ascii: "e") || text[at] == UInt8(ascii: "E") {
      guard let written = Self.exponent(text, at + 1) else { return nil }
      hasExponent = true
      exponent = written
      return
    }
    guard at == text.count else { return nil }
  }

  /// The digits from `start` on; nil without any.
  /// - Parameter counted: how many digits of the number came before.
  private mutating func run(_ text: Span<UInt8>, _ start: Int, counted: Int) -> Range<Int>? {
    var at = start
    while at < text.count, text[at] >= UInt8(ascii: "0"), text[at] <= UInt8(ascii: "9") {
      if leading == nil, text[at] != UInt8(ascii: "0") { leading = counted + at - start }
      at += 1
    }
    return at > start ? start..<at : nil
  }

  /// The rest of the text as an exponent. Capped far beyond what `numeric` takes, so that no sum overflows.
  private static func exponent(_ text: Span<UInt8>, _ start: Int) -> Int? {
    var at = start
    var isNegative = false
    if at < text.count, text[at] == UInt8(ascii: "+") || text[at] == UInt8(ascii: "-") {
      isNegative = text[at] == UInt8(ascii: "-")
      at += 1
    }
    guard at < text.count else { return nil }
    var value = 0
    while at < text.count {
      guard text[at] >= UInt8(ascii: "0"), text[at] <= UInt8(ascii: "9") else { return nil }
      value = min(value * 10 + Int(text[at] - UInt8(ascii: "0")), 1 << 40)
      at += 1
    }
    return isNegative ? -value : value
  }

  /// Nil where the point was moved past the digits written.
  func digit(_ place: Int, of text: Span<UInt8>) -> UInt8? {
    if place < 0 { return nil }
    if place < whole.count { return text[whole.lowerBound + place] }
    return place - whole.count < fraction.count ? text[fraction.lowerBound + place - whole.count] : nil
  }
}
