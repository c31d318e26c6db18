/// One JSON value with every digit kept (RFC 8259).
///
/// Two values are equal when they mean the same: members of an object in any order, `1.10` and `1.1`, `1e2` and `100`.
package enum JSONValue: Hashable, Sendable {
  case null
  case bool(Bool)
  case number(JSONNumber)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)
}

extension JSONValue {
  /// Parses one complete JSON text.
  /// - Throws: `JSONError` with the byte offset where the text stops being JSON.
  package init(parsing bytes: some Sequence<UInt8>) throws(JSONError) {
    self = try JSONParser.parse(Array(bytes))
  }

  package init(parsing text: String) throws(JSONError) {
    self = try JSONParser.parse(Array(text.utf8))
  }

  package static func integer(_ value: some BinaryInteger) -> JSONValue { .number(JSONNumber(value)) }

  /// The value as compact JSON text.
  package var text: String { String(decoding: bytes, as: UTF8.self) }

  /// The value as compact UTF-8 JSON.
  package var bytes: [UInt8] {
    var writer = JSONWriter()
    writer.write(self)
    return writer.bytes
  }

  package var isNull: Bool { self == .null }

  package var stringValue: String? {
    if case .string(let value) = self { value } else { nil }
  }

  package var objectValue: JSONObject? {
    if case .object(let value) = self { value } else { nil }
  }

  package var arrayValue: [JSONValue]? {
    if case .array(let value) = self { value } else { nil }
  }

  package var integerValue: Int64? {
    if case .number(let value) = self { Int64(value.text) } else { nil }
  }

  package var boolValue: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  /// A string without its quotes, anything else as JSON text: what a person or a URL shows.
  package var plainText: String {
    if case .string(let value) = self { value } else { text }
  }

  /// Follows a dotted path through objects (`data.last_modified`) and, for decimal parts, arrays (`items.0.id`). A member
  /// whose name has dots itself (`@odata.etag`) is found at the end of a path.
  /// Nil where the path leads nowhere; an empty path is the value itself.
  package func at(_ path: String) -> JSONValue? {
    var value = self
    var rest = path[...]
    while !rest.isEmpty {
      let part = rest.prefix { $0 != "." }
      switch value {
      case .object(let object):
        if let member = object[String(rest)] { return member }
        guard let member = object[String(part)] else { return nil }
        value = member
      case .array(let elements):
        guard let index = Int(part), elements.indices.contains(index) else { return nil }
        value = elements[index]
      default: return nil
      }
      rest = rest[part.endIndex...].dropFirst()
    }
    return value
  }

  /// The value with `leaf` at a dotted path of objects; objects on the way are made where they are missing.
  package func setting(_ leaf: JSONValue, at path: String) -> JSONValue {
    let parts = path.split(separator: ".", maxSplits: 1)
    guard let first = parts.first else { return leaf }
    var object = objectValue ?? JSONObject()
    let name = String(first)
    object[name] = parts.count == 1 ? leaf : (object[name] ?? .object(JSONObject())).setting(leaf, at: String(parts[1]))
    return .object(object)
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  package init(stringLiteral value: String) { self = .string(value) }
  package init(integerLiteral value: Int64) { self = .integer(value) }
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  package init(nilLiteral: ()) { self = .null }
  package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  package init(dictionaryLiteral elements: (String, JSONValue)...) { self = .object(JSONObject(elements)) }
}
