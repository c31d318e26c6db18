import FoundationEssentials
package import JSON

/// One request to an object of the pretend CRM, without anything of HTTP that does not matter to its meaning.
struct SandboxCall: Sendable {
  enum Method: String, Sendable { case get = "GET", post = "POST", patch = "PATCH", delete = "DELETE" }

  var method: Method
  var object: String
  var id: String?
  var query: [(name: String, value: String)] = []
  var ifMatch: String?
  var idempotencyKey: String?
  var body = JSONObject()
  /// Milliseconds since 1970-01-01T00:00:00Z by the sandbox's clock.
  var now: Int64

  /// What the client may write of `body`.
  var fields: JSONObject { body.filter { !SandboxRecord.reserved.contains($0) } }
}

/// What the pretend CRM answers.
struct SandboxAnswer: Sendable, Hashable {
  var status: Int
  var body: JSONValue?
  var etag: String?
  var location: String?

  /// A record, with its version as entity tag.
  static func record(_ record: SandboxRecord, status: Int = 200, location: String? = nil) -> SandboxAnswer {
    SandboxAnswer(
      status: status, body: .object(record.shown), etag: "\"\(record.version)\"", location: location)
  }

  /// RFC 9457.
  static func problem(_ status: Int, _ title: String, _ detail: String) -> SandboxAnswer {
    SandboxAnswer(
      status: status,
      body: [
        "type": "about:blank", "title": .string(title), "status": .integer(status), "detail": .string(detail),
      ])
  }

  var isProblem: Bool { status >= 400 && body?.objectValue?["type"] != nil }
}

/// One record of the pretend CRM, or what is left of it.
struct SandboxRecord: Sendable, Hashable {
  /// Set by the sandbox alone; a client's values for them are ignored.
  static let reserved: Set<String> = ["id", "version", "updated_at", "deleted"]

  let id: String
  var version: Int64
  /// Milliseconds since 1970; no two changes of the sandbox share one.
  var updatedAt: Int64
  /// Its place in the order of all changes.
  var change: Int64
  /// Nil once it was deleted.
  var fields: JSONObject?

  /// The record, or its tombstone, as a client sees it.
  var shown: JSONObject {
    var object: JSONObject = ["id": .string(id)]
    if let fields { object = object.merging(fields) } else { object["deleted"] = true }
    object["updated_at"] = .string(Self.time(updatedAt))
    object["version"] = .integer(version)
    return object
  }

  /// ISO 8601 in UTC with milliseconds.
  static func time(_ milliseconds: Int64) -> String {
    let date = Date(timeIntervalSince1970: Double(milliseconds) / 1_000)
    return date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
  }
}

/// A write the sandbox accepted.
package struct SandboxJournalEntry: Sendable, Hashable {
  /// From 1, without gaps.
  package let sequence: Int64
  package let method: String
  package let object: String
  package let id: String
  package let version: Int64
  package let at: String
  package let idempotencyKey: String?
  /// What the client wrote; nil for a delete.
  package let fields: JSONObject?

  /// As `GET /sandbox/journal` shows it.
  package var json: JSONValue {
    [
      "sequence": .integer(sequence), "method": .string(method), "object": .string(object), "id": .string(id),
      "version": .integer(version), "at": .string(at), "idempotency_key": idempotencyKey.map(JSONValue.string) ?? .null,
      "fields": fields.map(JSONValue.object) ?? .null,
    ]
  }
}
