package import Changes
import JSON

extension RecordKey {
  /// What a key that a person types (`42`, `c_7`, `[1,"a"]`) may stand for: JSON as it is, or text. Never empty.
  package static func typed(_ text: String) -> [RecordKey] {
    switch try? JSONValue(parsing: text) {
    case .array(let values)?: [RecordKey(values)]
    case .number(let number)?: [RecordKey(.number(number)), RecordKey(.string(text))]
    default: [RecordKey(.string(text))]
    }
  }
}
