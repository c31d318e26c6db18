/// A value bound to a parameter. The server gives it the type the statement asks for.
package enum PostgresValue: Hashable, Sendable {
  case null
  case integer(Int64)
  case bool(Bool)
  case text(String)
  /// Text that is UTF-8 bytes already, such as a JSON row.
  case utf8([UInt8])
  /// The type's binary form; for `bytea` the bytes themselves.
  case binary([UInt8])

  package static func text(orNull string: String?) -> PostgresValue { string.map { .text($0) } ?? .null }
}

/// A name quoted for SQL text, whatever it contains.
package func quoted(postgresIdentifier name: String) -> String {
  "\"" + doubling("\"", in: name) + "\""
}

/// A text quoted as a literal for statements that take no bindings, such as `CREATE TRIGGER`. Right with either setting
/// of `standard_conforming_strings`.
package func quoted(postgresLiteral text: String) -> String {
  let doubled = doubling("'", in: text)
  return doubled.utf8.contains(UInt8(ascii: "\\")) ? " E'" + doubling("\\", in: doubled) + "'" : "'" + doubled + "'"
}

/// By scalars: a quote and a combining mark after it are one `Character`, which is no quote to Swift but is one to SQL.
private func doubling(_ mark: Unicode.Scalar, in text: String) -> String {
  var doubled = String.UnicodeScalarView()
  for scalar in text.unicodeScalars {
    doubled.append(scalar)
    if scalar == mark { doubled.append(scalar) }
  }
  return String(doubled)
}

/// Bindings laid out as libpq takes them: one buffer, and for each value where it starts.
struct PackedBindings {
  private var bytes: [UInt8] = []
  private var offsets: [Int?] = []
  private var lengths: [Int32] = []
  private var formats: [Int32] = []

  var count: Int { offsets.count }

  init(_ values: [PostgresValue]) throws(PostgresError) {
    for value in values {
      switch value {
      case .null: append(nil, format: 0)
      case .integer(let value): append(Array(String(value).utf8), format: 0)
      case .bool(let value): append([value ? UInt8(ascii: "t") : UInt8(ascii: "f")], format: 0)
      case .text(let value): append(try Self.terminable(Array(value.utf8)), format: 0)
      case .utf8(let value): append(try Self.terminable(value), format: 0)
      case .binary(let value): append(value, format: 1)
      }
    }
  }

  /// PostgreSQL's text holds every character but NUL, where libpq would cut it off.
  private static func terminable(_ bytes: [UInt8]) throws(PostgresError) -> [UInt8] {
    guard !bytes.contains(0) else {
      throw PostgresError(sqlState: "22021", message: "a text contains a NUL character, which PostgreSQL cannot store")
    }
    return bytes
  }

  private mutating func append(_ value: [UInt8]?, format: Int32) {
    offsets.append(value == nil ? nil : bytes.count)
    lengths.append(Int32(value?.count ?? 0))
    formats.append(format)
    if let value {
      bytes += value
      bytes.append(0)
    }
  }

  @safe func withPointers<Result>(
    _ body: (
      UnsafeBufferPointer<UnsafePointer<CChar>?>, UnsafeBufferPointer<Int32>, UnsafeBufferPointer<Int32>
    ) -> Result
  ) -> Result {
    unsafe bytes.withUnsafeBytes { buffer in
      let start = unsafe buffer.assumingMemoryBound(to: CChar.self).baseAddress
      var pointers: [UnsafePointer<CChar>?] = unsafe []
      for offset in offsets { unsafe pointers.append(offset.flatMap { unsafe start?.advanced(by: $0) }) }
      return unsafe pointers.withUnsafeBufferPointer { pointers in
        unsafe lengths.withUnsafeBufferPointer { lengths in
          unsafe formats.withUnsafeBufferPointer { unsafe body(pointers, lengths, $0) }
        }
      }
    }
  }
}
