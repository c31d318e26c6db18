package import JSON

/// How an application's API behaves, as values that were checked when the YAML was read. Holds no secrets.
package struct Manifest: Sendable {
  package var name: String
  /// Where the API is, unless the connector's configuration says otherwise.
  package var url: String?
  package var authentication: Authentication
  /// Sent with every request.
  package var headers: [(name: String, value: String)]
  /// `*` stands for any object that has no rules of its own; `{object}` in its paths is the object's name.
  package var objects: [String: ObjectRules]
  package var errors: ErrorRules
  /// Requests of a connector in flight at once, whatever they are about.
  package var concurrency: Int
  package var webhook: WebhookRules?

  /// How a caller shows who it is. The strings in here name credentials; their values are the configuration's.
  package enum Authentication: Sendable, Hashable {
    case none
    case bearer(credential: String)
    case basic(username: String, password: String)
    case header(name: String, prefix: String, credential: String)
    case query(parameter: String, credential: String)

    /// The credentials a configuration has to give.
    package var credentials: [String] {
      switch self {
      case .none: []
      case .bearer(let credential), .header(_, _, let credential), .query(_, let credential): [credential]
      case .basic(let username, let password): [username, password]
      }
    }
  }

  /// Webhooks are hints: they name what to look at, never what it is.
  package struct WebhookRules: Sendable, Hashable {
    package enum Scheme: String, Sendable, CaseIterable { case standard }
    package var scheme: Scheme
    /// Path to the object's name in the body; nil: any delivery wakes every object.
    package var object: String?
  }
}

/// Requests and answers of one object.
package struct ObjectRules: Sendable {
  /// Path to the id in a record.
  package var id: String
  /// The fields there are; empty when the manifest does not say.
  package var fields: [String]
  package var list: ListRules
  package var read: ReadRules?
  package var find: FindRules?
  package var create: WriteRules?
  package var update: WriteRules?
  package var delete: WriteRules?
  package var version: VersionRules?
  package var modifiedAt: TimeRules?
  package var deleted: DeletedRules?
  package var idempotencyHeader: String?
  /// Path to the server's record in a 409 or 412.
  package var current: String?
}

package struct ListRules: Sendable {
  package enum Order: String, Sendable, CaseIterable { case ascending, any }
  package enum Paging: Sendable, Hashable {
    case none
    /// Path to the next page's URL in the body.
    case link(path: String)
    /// A header with the next page's URL, bare or in the form of RFC 8288.
    case linkHeader(String)
    case page(parameter: String, first: Int)
    case offset(parameter: String)
    case token(parameter: String, path: String)
  }

  package var path: String
  package var query: [(name: String, value: String)]
  /// Path to the records; empty when the body is the list.
  package var items: String
  package var size: Int
  package var sizeParameter: String?
  package var order: Order
  package var paging: Paging
  package var cursor: CursorRules?
}

/// Where the place to list from the next time comes from, and how it is asked for.
package struct CursorRules: Sendable {
  package enum Source: Sendable, Hashable {
    case body(path: String)
    /// The greatest value of a field among the records.
    case item(path: String)
    /// Quotes and a leading `W/` are taken off.
    case header(String)
  }
  package var parameter: String
  package var source: Source
  package var initial: String?
  /// How far to step back each time, for APIs whose lists lag behind their writes.
  package var overlap: Duration
  package var format: TimeFormat?
}

package struct ReadRules: Sendable {
  package var path: String
  /// Path to the record in the answer; empty when the answer is the record.
  package var item: String
}

package struct FindRules: Sendable {
  package var path: String
  /// One pair for each field looked for: `{field}`, `{value}` as plain text, `{json}` as JSON.
  package var query: [(name: String, value: String)]
  package var items: String
}

package struct WriteRules: Sendable {
  package enum IdSource: Sendable, Hashable {
    case body(path: String)
    /// The last segment of `Location`.
    case location
  }
  package var method: String
  package var path: String
  /// The member that carries the record in the request; empty when the request is the record.
  package var wrap: String
  package var item: String
  package var id: IdSource
  /// The one status that means a record was made; any other 2xx shows the record that was there before.
  package var created: Int?
}

package struct VersionRules: Sendable {
  package var path: String?
  /// Quotes and a leading `W/` are taken off.
  package var header: String?
  /// What `If-Match` is set to, `{version}` being the version; nil: the API has no conditional writes.
  package var ifMatch: String?
}

package enum TimeFormat: String, Sendable, CaseIterable {
  case iso8601
  case unix
  case unixMilliseconds = "unix_ms"
}

package struct TimeRules: Sendable {
  package var path: String
  package var format: TimeFormat
}

/// How a deleted record shows in a list.
package struct DeletedRules: Sendable {
  package var field: String
  package var value: JSONValue
}

extension Manifest {
  /// The rules for `object`, with `{object}` put in for a wildcard.
  package func rules(for object: String) -> ObjectRules? {
    objects[object] ?? objects["*"]
  }
}
