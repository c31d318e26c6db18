import Support

/// Where generated values come from. What it makes is text as a person would type it into a literal.
extension SeededNumbers {
  mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }

  mutating func chance(_ oneIn: Int) -> Bool { below(oneIn) == 0 }

  mutating func pick<Value>(_ values: [Value]) -> Value { values[below(values.count)] }

  /// Text that quoting gets wrong: delimiters, escapes, control characters, whatever Unicode has but NUL.
  mutating func nasty(_ longest: Int = 12) -> String {
    if chance(6) { return pick(Self.words) }
    var text = ""
    for _ in 0..<below(longest + 1) {
      switch below(4) {
      case 0: text += pick(Self.marks)
      case 1: text.unicodeScalars.append(Unicode.Scalar(UInt8(1 + below(127))))
      case 2: text += String(UnicodeScalar(UInt32(below(0x10F800)) + 1) ?? "\u{FFFD}")
      default: text += pick(["a", "b", "Z", "0", " "])
      }
    }
    return text
  }

  private static let words = ["", "NULL", "null", "\\N", "NaN", "infinity", "{}", "()", "\"\"", "\\", "\\\\", "\"\\\""]
  private static let marks = [
    "\"", "\\", "{", "}", "(", ")", ",", ";", "'", "\n", "\r", "\t", "\u{1}", "\u{7F}", "é", "😀",
  ]

  mutating func digits(_ count: Int) -> String { String((0..<count).map { _ in pick(Array("0123456789")) }) }

  mutating func decimal(_ longest: Int) -> String {
    if chance(12) { return pick(["NaN", "Infinity", "-Infinity", "-0.00", "0", "1e-40", "-7.50e12", "1E+300"]) }
    return (chance(2) ? "-" : "") + digits(1 + below(longest)) + (chance(2) ? "." + digits(1 + below(longest)) : "")
  }

  /// - Parameter lastYear: of the type; the first is 4713 before Christ.
  mutating func date(_ lastYear: Int) -> String {
    let isOld = chance(4)
    let year = isOld ? 1 + below(4712) : chance(3) ? 1 + below(lastYear) : 1900 + below(200)
    return "\(pad(year, 4))-\(pad(1 + below(12), 2))-\(pad(1 + below(28), 2))" + (isOld ? " BC" : "")
  }

  mutating func time() -> String {
    let fraction = chance(2) ? "" : "." + digits(1 + below(6))
    return "\(pad(below(24), 2)):\(pad(below(60), 2)):\(pad(below(60), 2))\(fraction)"
  }

  mutating func zone() -> String { pick(["", "+00", "Z", "-05", "+05:30", "+14", "-12:45"]) }

  mutating func timestamp() -> String {
    if chance(10) {
      return pick(["infinity", "-infinity", "epoch", "4713-11-24 00:00:00 BC", "294276-12-31 23:59:59.999999"])
    }
    let day = date(294275)
    let (date, era) = day.hasSuffix(" BC") ? (String(day.dropLast(3)), " BC") : (day, "")
    return "\(date) \(time())\(zone())\(era)"
  }

  private func pad(_ number: Int, _ width: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, width - text.count)) + text
  }

  /// JSON that `json` keeps as it is and `jsonb` does not: spaces, repeated names, escapes nobody needs.
  mutating func json(depth: Int = 4) -> String {
    let space = pick(["", "", " ", "\n\t", "\r\n  "])
    return space + bareJSON(depth) + space
  }

  private mutating func bareJSON(_ depth: Int) -> String {
    switch below(depth > 0 ? 7 : 5) {
    case 0: return pick(["null", "true", "false"])
    case 1:
      return pick(["0", "-0", "-0.0", "1e5", "1.50E-3", "0e-5", "-12.5e+1", "100e-2", "9007199254740993", "1e200"])
    case 2:
      let number = decimal(30)
      return number.contains("n") || number.contains("N") || number.drop { $0 == "-" }.first == "0" ? "0.10" : number
    case 3, 4: return jsonString()
    case 5: return "[" + (0..<below(4)).map { _ in json(depth: depth - 1) }.joined(separator: ",") + "]"
    default:
      let members = (0..<below(6)).map { _ in
        "\(pick([" ", ""]))\(jsonName())\(pick([" ", ""])):\(json(depth: depth - 1))"
      }
      return "{" + members.joined(separator: ",") + "}"
    }
  }

  /// Short, so that names repeat.
  private mutating func jsonName() -> String {
    chance(3)
      ? jsonString() : pick(["\"a\"", "\"b\"", "\"aa\"", "\"\\u0061\"", "\"\"", "\"é\"", "\"\\u00e9\"", "\"zz\""])
  }

  private mutating func jsonString() -> String {
    var text = "\""
    for scalar in nasty().unicodeScalars {
      if scalar.value < 0x20 || scalar == "\"" || scalar == "\\" || chance(8) {
        for unit in String(scalar).utf16 {
          let hex = String(unit, radix: 16, uppercase: chance(2))
          text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        }
      } else {
        text.unicodeScalars.append(scalar)
      }
    }
    return text + pick(["", "", "\\n", "\\/", "\\\"", "\\\\", "\\b\\f\\r\\t", "\\ud83d\\ude00"]) + "\""
  }
}
