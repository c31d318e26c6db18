import JSON

/// How an application's REST API behaves, as values that were checked when the YAML was read. Holds no secrets.
struct RESTRules: Sendable {
  /// Where the API is, unless the connector's configuration says otherwise.
  var url: String?
  var authentication: Authentication
  /// Sent with every request.
  var headers: [(name: String, value: String)]
  /// `*` stands for any object that has no rules of its own; `{object}` in its paths is the object's name.
  var objects: [String: ObjectRules]
  var errors: ErrorRules
  /// Requests of a connector in flight at once, whatever they are about.
  var concurrency: Int
  var webhook: WebhookRules?

  /// How a caller shows who it is. The strings in here name credentials; their values are the configuration's.
  enum Authentication: Sendable, Hashable {
    case none
    case bearer(credential: String)
    case basic(username: String, password: String)
    case header(name: String, prefix: String, credential: String)
    case query(parameter: String, credential: String)

    /// The credentials a configuration has to give.
    var credentials: [String] {
      switch self {
      case .none: []
      case .bearer(let credential), .header(_, _, let credential), .query(_, let credential): [credential]
      case .basic(let username, let password): [username, password]
      }
    }
  }

  /// Webhooks are hints: they name what to look at, never what it is.
  struct WebhookRules: Sendable, Hashable {
    enum Scheme: String, Sendable, CaseIterable { case standard }
    var scheme: Scheme
    /// Path to the object's name in the body; nil: any delivery wakes every object.
    var object: String?
  }
}

/// Requests and answers of one object.
struct ObjectRules: Sendable {
  /// Path to the id in a record.
  var id: String
  /// The fields there are; empty when the manifest does not say.
  var fields: [String]
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
  /// Path to the server's record in a 409 or 412.
  var current: String?
}

struct ListRules: Sendable {
  enum Order: String, Sendable, CaseIterable { case ascending, any }
  enum Paging: Sendable, Hashable {
    case none
    /// Path to the next page's URL in the body.
    case link(path: String)
    /// A header with the next page's URL, bare or in the form of RFC 8288.
    case linkHeader(String)
    case page(parameter: String, first: Int)
    case offset(parameter: String)
    case token(parameter: String, path: String)
  }

  var path: String
  var query: [(name: String, value: String)]
  /// Path to the records; empty when the body is the list.
  var items: String
  var size: Int
  var sizeParameter: String?
  var order: Order
  var paging: Paging
  var cursor: CursorRules?
}

/// Where the place to list from the next time comes from, and how it is asked for.
struct CursorRules: Sendable {
  enum Source: Sendable, Hashable {
    case body(path: String)
    /// The greatest value of a field among the records.
    case item(path: String)
    /// Quotes and a leading `W/` are taken off.
    case header(String)
  }
  var parameter: String
  var source: Source
  var initial: String?
  /// How far to step back each time, for APIs whose lists lag behind their writes.
  var overlap: Duration
  var format: TimeFormat?
}

struct ReadRules: Sendable {
  var path: String
  /// Path to the record in the answer; empty when the answer is the record.
  var item: String
}

struct FindRules: Sendable {
  var path: String
  /// One pair for each field looked for: `{field}`, `{value}` as plain text, `{json}` as JSON.
  var query: [(name: String, value: String)]
  var items: String
}

struct WriteRules: Sendable {
  enum IdSource: Sendable, Hashable {
    case body(path: String)
    /// The last segment of `Location`.
    case location
  }
  var method: String
  var path: String
  /// The member that carries the record in the request; empty when the request is the record.
  var wrap: String
  var item: String
  var id: IdSource
  /// The one status that means a record was made; any other 2xx shows the record that was there before.
  var created: Int?
}

struct VersionRules: Sendable {
  var path: String?
  /// Quotes and a leading `W/` are taken off.
  var header: String?
  /// What `If-Match` is set to, `{version}` being the version; nil: the API has no conditional writes.
  var ifMatch: String?
}

struct TimeRules: Sendable {
  var path: String
  var format: TimeFormat
}

/// How a deleted record shows in a list.
struct DeletedRules: Sendable {
  var field: String
  var value: JSONValue
}

extension RESTRules {
  /// The rules for `object`, with `{object}` put in for a wildcard.
  func rules(for object: String) -> ObjectRules? {
    objects[object] ?? objects["*"]
  }
}
