import YAML

/// How the changes of one object are sent.
struct WebhookRules: Sendable {
  enum Format: String, Sendable, CaseIterable {
    case json, ndjson
    case cloudEvents = "cloudevents"
  }
  /// After the connector's address; empty: that itself.
  var path = ""
  var format = Format.json
  /// How many changes one request may hold. Beyond one they are sent as a list.
  var batch = 1
  /// The fields that name a record; nil: it gets a name of its own.
  var id: String?
  /// CloudEvents: `source`, and what `type` begins with.
  var source: String?
  var type: String?

  var contentType: String {
    switch (format, batch > 1) {
    case (.json, _): "application/json"
    case (.ndjson, _): "application/x-ndjson"
    case (.cloudEvents, false): "application/cloudevents+json"
    case (.cloudEvents, true): "application/cloudevents-batch+json"
    }
  }
}

extension WebhookRules {
  private static let mostBatched = 1_000

  init?(_ reader: YAMLReader) {
    if let path = reader["path"], let text = path.string() {
      if !text.hasPrefix("/") || text.contains("?") || text.contains("#") {
        path.report("webhooks.path", "a path starts with / and has no query, got \"\(text)\"")
      }
      self.path = text
    }
    let format = reader["format"].map { $0.choice(Format.self) } ?? .json
    let batch = reader["batch"].map { $0.integer(in: 1...Self.mostBatched) } ?? (format == .ndjson ? 100 : 1)
    id = reader["id"]?.string()
    source = reader["source"]?.string()
    type = reader["type"]?.string()
    guard let format, let batch else { return nil }
    if format != .cloudEvents {
      for key in ["source", "type"] { reader[key]?.report("webhooks.format", "only CloudEvents have a \(key)") }
    }
    self.format = format
    self.batch = batch
  }
}
