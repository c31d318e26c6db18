/// Two lower-case digits for each byte.
enum Hexadecimal {
  static func encoded(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// Nil unless every pair of characters is a byte; capitals are taken too.
  static func decoded(_ text: some StringProtocol) -> [UInt8]? {
    let characters = Array(text.utf8)
    guard characters.count.isMultiple(of: 2) else { return nil }
    var result: [UInt8] = []
    for start in stride(from: 0, to: characters.count, by: 2) {
      guard let byte = UInt8(String(decoding: characters[start..<start + 2], as: UTF8.self), radix: 16) else {
        return nil
      }
      result.append(byte)
    }
    return result
  }
}
