import Crypto
import JSON

/// How a value is told instead of itself. Null stays null.
package enum Mask: Hashable, Sendable {
  /// Equal values stay equal, and nobody without the key can tell what they are or try values out: HMAC-SHA-256 in
  /// lower-case hexadecimal. Of a text over its characters in UTF-8, of anything else over its compact JSON.
  case hash(MaskKey)
  /// All values of a kind look alike: `"***"`, `0`, `false`, `[]`, `{}`.
  case fixed

  /// - Parameter value: JSON, without space around it.
  func write(_ value: ArraySlice<UInt8>, to writer: inout JSONWriter) throws(JSONError) {
    if value.first == UInt8(ascii: "n") {
      writer.raw("null")
      return
    }
    switch self {
    case .hash(let key): writer.write(string: key.code(for: try Self.content(of: value)))
    case .fixed:
      switch value.first {
      case UInt8(ascii: "\""): writer.raw("\"***\"")
      case UInt8(ascii: "["): writer.raw("[]")
      case UInt8(ascii: "{"): writer.raw("{}")
      case UInt8(ascii: "t"), UInt8(ascii: "f"): writer.raw("false")
      default: writer.raw("0")
      }
    }
  }

  private static func content(of value: ArraySlice<UInt8>) throws(JSONError) -> [UInt8] {
    switch value.first {
    case UInt8(ascii: "\""):
      let inside = value.dropFirst().dropLast()
      guard inside.contains(UInt8(ascii: "\\")) else { return Array(inside) }
      return try JSONValue(parsing: value).stringValue.map { Array($0.utf8) } ?? []
    case UInt8(ascii: "["), UInt8(ascii: "{"): return try JSONValue(parsing: value).bytes
    default: return Array(value)
    }
  }
}

/// The secret that hashes are made with; nothing shows it.
package struct MaskKey: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  private let bytes: [UInt8]

  /// A key that can be guessed by trying lets everything be guessed that is hashed with it.
  package static let shortest = 16

  package init(_ secret: String) { bytes = Array(secret.utf8) }

  func code(for content: [UInt8]) -> [UInt8] {
    let code = HMAC<SHA256>.authenticationCode(for: content, using: SymmetricKey(data: bytes))
    return code.flatMap { [Self.digits[Int($0 >> 4)], Self.digits[Int($0 & 15)]] }
  }

  package var description: String { "<redacted>" }
  package var debugDescription: String { "<redacted>" }
  package var customMirror: Mirror { Mirror(self, children: [:]) }

  private static let digits = Array("0123456789abcdef".utf8)
}
