import JSON
import Testing

@Suite struct JSONTests {
  @Test func `Generated values survive writing and parsing`() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = Seeded(state: seed)
    for _ in 0..<2000 {
      let value = random.value(depth: 4)
      #expect(try JSONValue(parsing: value.bytes) == value, "seed \(seed)")
    }
  }

  @Test(arguments: [
    ("1.10", "1.1"), ("1e2", "100"), ("-0", "0"), ("0.001", "1E-3"), ("1e400", "10e399"),
  ])
  func `Numbers that mean the same are equal and hash alike`(pair: (String, String)) throws {
    let (a, b) = (try JSONValue(parsing: pair.0), try JSONValue(parsing: pair.1))
    #expect(a == b)
    #expect(a.hashValue == b.hashValue)
    #expect(a.text == pair.0)
  }

  @Test func `Digits beyond binary floating point tell numbers apart and order them`() throws {
    let texts = ["-1e400", "-9007199254740993", "-9007199254740992", "0", "0.1", "0.10000000000000000001", "1e400"]
    let numbers = texts.compactMap(JSONNumber.init(text:))
    #expect(numbers.count == texts.count)
    #expect(numbers.sorted() == numbers)
    #expect(Set(numbers).count == numbers.count)
  }

  @Test(arguments: [
    "", "[", "{", "[1,]", "{\"a\":1,}", "01", "1.", "+1", ".5", "NaN", "\"\\ud800\"", "\"\\udc00\\ud800\"", "\"\\x\"",
    "\"a", "\"\u{1}\"", "[1] 2", "nul", "1e", "{a:1}", "\"\\u+123\"",
  ])
  func `What is not JSON is refused`(text: String) {
    #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
  }

  @Test func `A hundred thousand open brackets are refused without exhausting the stack`() {
    for open in ["[", "{\"a\":"] {
      let text = String(repeating: open, count: 100_000)
      #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    }
  }

  @Test func `Bytes that are no UTF-8 are refused`() {
    #expect(throws: JSONError.self) { try JSONValue(parsing: [0x22, 0xFF, 0x22] as [UInt8]) }
  }

  @Test func `Of a repeated name the last value counts, and the order of names does not`() throws {
    #expect(try JSONValue(parsing: #"{"a":1,"b":2,"a":3}"#) == ["b": 2, "a": 3])
  }
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same values from the same seed.
private struct Seeded: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func value(depth: Int) -> JSONValue {
    switch Int.random(in: 0..<(depth > 0 ? 7 : 5), using: &self) {
    case 0: return .null
    case 1: return .bool(.random(using: &self))
    case 2: return .integer(Int64.random(in: .min ... .max, using: &self))
    case 3:
      let text = "\(Double(bitPattern: next()))"
      return JSONNumber(text: text).map { .number($0) } ?? .string(text)
    case 4: return .string(string())
    case 5: return .array((0..<Int.random(in: 0..<4, using: &self)).map { _ in value(depth: depth - 1) })
    default:
      return .object(
        JSONObject((0..<Int.random(in: 0..<4, using: &self)).map { _ in (string(), value(depth: depth - 1)) }))
    }
  }

  mutating func string() -> String {
    var text = ""
    for _ in 0..<Int.random(in: 0..<8, using: &self) {
      let range: ClosedRange<UInt32> = Bool.random(using: &self) ? 0...0x7F : 0...0x10FFFF
      if let scalar = Unicode.Scalar(UInt32.random(in: range, using: &self)) { text.unicodeScalars.append(scalar) }
    }
    return text
  }
}
