import JSON

/// `application/x-www-form-urlencoded` with brackets for what lies inside: `address[city]=Rome&items[0][price]=12`.
enum FormBody {
  /// A null is written as an empty text, which is how such APIs are told to clear a field.
  static func encoded(_ value: JSONValue) -> [UInt8] {
    Array(Template.query(pairs(value, "")).dropFirst().utf8)
  }

  private static func pairs(_ value: JSONValue, _ name: String) -> [(name: String, value: String)] {
    switch value {
    case .object(let object) where !object.members.isEmpty || name.isEmpty:
      object.members.flatMap { pairs($0.value, name.isEmpty ? $0.name : "\(name)[\($0.name)]") }
    case .array(let elements) where !elements.isEmpty:
      elements.enumerated().flatMap { pairs($0.element, "\(name)[\($0.offset)]") }
    case .null, .object, .array: [(name, "")]
    case .bool, .number, .string: [(name, value.plainText)]
    }
  }
}
