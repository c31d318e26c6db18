package import JSON

/// Identifies a record at its endpoint: the values of a table's key columns in key order, or an object's id.
package struct RecordKey: Hashable, Sendable, CustomStringConvertible {
  package let values: [JSONValue]

  package init(_ values: [JSONValue]) { self.values = values }

  /// The key of a record with one key value.
  package init(_ value: JSONValue) { values = [value] }

  /// The inverse of `encoded`.
  package init(encoded: String) throws(JSONError) {
    let value = try JSONValue(parsing: encoded)
    guard case .array(let values) = value else { throw JSONError(offset: 0, reason: "a record key is an array") }
    self.values = values
  }

  /// A JSON array: the form in which the log keeps and compares keys.
  package var encoded: String { JSONValue.array(values).text }
  /// The same as UTF-8.
  package var encodedBytes: [UInt8] { JSONValue.array(values).bytes }

  /// What a person types and reads: `42`, or `[1,"a"]` for a composite key.
  package var description: String { values.count == 1 ? values[0].plainText : encoded }
}
