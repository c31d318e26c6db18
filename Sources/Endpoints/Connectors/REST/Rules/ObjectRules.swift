import JSON

/// Requests and answers of one object.
struct ObjectRules: Sendable {
  /// Path to the id in a record.
  var id: String
  var list: ListRules
  var read: ReadRules?
  var find: FindRules?
  var create: WriteRules?
  var update: WriteRules?
  var delete: WriteRules?
  var version: VersionRules?
  var modifiedAt: TimeRules?
  var deleted: DeletedRules?
  var idempotencyHeader: String?
  /// Path to the server's record in an answer that tells of a conflict.
  var current: String?
}

struct ReadRules: Sendable {
  var path: String
  var query: [(name: String, value: String)]
  /// Path to the record in the answer; empty when the answer is the record.
  var item: String
}

struct FindRules: Sendable {
  var path: String
  /// Sent once, whatever is looked for.
  var fixed: [(name: String, value: String)]
  /// One pair for each field looked for: `{field}`, `{value}` as plain text, `{json}` as JSON.
  var query: [(name: String, value: String)]
  /// One parameter with a condition for each field.
  var filter: Filter?
  /// A body instead: an element of a list in it that names `{field}` or `{value}` is repeated for each field.
  var body: JSONValue?
  var items: String

  struct Filter: Sendable {
    var parameter: String
    /// What stands before the first condition; a template.
    var before: String
    /// `{literal}` besides: text in single quotes, anything else as it is.
    var each: String
    var join: String
  }
}

struct WriteRules: Sendable {
  enum IdSource: Sendable, Hashable {
    case body(path: String)
    /// The last segment of a header that holds an address, or what is in parentheses at its end.
    case address(header: String)
    /// The record's own field, which was sent.
    case field(String)
  }
  /// How a field is told to become empty.
  enum Clearing: String, Sendable, CaseIterable {
    case null
    /// An empty text.
    case empty
    /// It cannot be: the field is left out.
    case omit
  }

  var method: String
  var path: String
  var query: [(name: String, value: String)]
  var headers: [(name: String, value: String)]
  var encoding: RequestBody.Encoding
  var clearing: Clearing
  /// The member that carries the record in the request; empty when the request is the record. With `[]` behind it the
  /// member is a list with the record in it.
  var wrap: String
  /// Members sent along with the record's own.
  var with: JSONObject?
  /// Where in the body the record's id is sent, if it is.
  var idInBody: String?
  var item: String
  var id: IdSource
  /// The one status that means a record was made; any other 2xx shows the record that was there before.
  var created: Int?
}

struct VersionRules: Sendable {
  var path: String?
  /// Quotes and a leading `W/` are taken off unless `isRaw`.
  var header: String?
  var isRaw: Bool
  /// The header that makes a write conditional, with `{version}` for the version; nil: the API has no conditional writes.
  var condition: (header: String, value: String)?
  /// What the header is set to where no version is known; nil: it is not sent.
  var unknown: String?
  /// Where in the body the version is sent, if it is.
  var body: String?
}

struct TimeRules: Sendable {
  var path: String
  var format: TimeFormat
}

/// How a deleted record shows in a list.
struct DeletedRules: Sendable {
  var field: String
  /// Nil: that the field is there is enough.
  var value: JSONValue?
  /// Path to the id of such a record, where it is elsewhere than in one that lives.
  var id: String?
}
