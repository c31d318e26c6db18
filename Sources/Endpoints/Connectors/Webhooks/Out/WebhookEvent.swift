import Changes
import Crypto
import JSON

/// What is told of one write.
struct WebhookEvent: Sendable {
  /// The same for every repetition.
  let id: String
  let what: What
  let key: String
  /// All linked fields as they are now; of a deleted record as they were last.
  let data: JSONObject
  /// The linked fields that changed, where something was known before.
  let changed: [String]

  enum What: String, Sendable { case created, updated, deleted }

  init(_ write: Write, key: RecordKey) {
    id = write.idempotencyKey
    self.key = key.description
    let known = write.expected?.fields ?? [:]
    switch write.action {
    case .create: (what, data, changed) = (.created, write.fields, [])
    case .update: (what, data, changed) = (.updated, known.setting(write.fields), write.fields.names)
    case .delete: (what, data, changed) = (.deleted, known, [])
    }
  }

  /// The body of a request for these events.
  static func body(_ events: [WebhookEvent], _ rules: WebhookRules, of endpoint: EndpointName) -> [UInt8] {
    let written = events.map { rules.format == .cloudEvents ? $0.cloudEvent(rules, endpoint) : $0.plain(endpoint) }
    switch rules.format {
    case .ndjson: return written.flatMap { $0.bytes + [0x0A] }
    case .json, .cloudEvents:
      // A receiver of batches always gets a list, also of one.
      return rules.batch > 1 ? JSONValue.array(written.map { .object($0) }).bytes : written.first?.bytes ?? []
    }
  }

  /// What stands for a request with these events, whenever it is repeated.
  static func id(_ events: [WebhookEvent]) -> String {
    if events.count == 1, let only = events.first { return only.id }
    let digest = SHA256.hash(data: Array(events.map(\.id).joined(separator: "\n").utf8))
    return "batch-" + digest.prefix(16).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }

  private func plain(_ endpoint: EndpointName) -> JSONObject {
    var json: JSONObject = [
      "id": .string(id), "type": .string("\(endpoint.name).\(what.rawValue)"), "key": .string(key),
      "data": .object(data),
    ]
    if what == .updated { json["changed"] = .array(changed.map { .string($0) }) }
    return json
  }

  /// CloudEvents 1.0 in JSON. There is no `time`: a repetition has the same bytes.
  private func cloudEvent(_ rules: WebhookRules, _ endpoint: EndpointName) -> JSONObject {
    [
      "specversion": "1.0", "id": .string(id), "source": .string(rules.source ?? "/tidemark/\(endpoint.system)"),
      "type": .string("\(rules.type ?? "tidemark.\(endpoint.name)").\(what.rawValue)"), "subject": .string(key),
      "datacontenttype": "application/json", "data": .object(data),
    ]
  }
}
