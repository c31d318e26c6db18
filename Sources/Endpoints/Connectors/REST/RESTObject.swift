import Changes
import JSON
import Synchronization

/// One object of a REST API as an endpoint.
///
/// Nothing is ever sent twice by decision of this type: what failed is reported, and the caller decides.
final class RESTObject: RemoteObject, ChangeSource {
  let endpoint: EndpointName
  let name: SourceName
  let rules: ObjectRules
  let api: API
  let listing: Listing
  let exchanges: Exchanges
  /// The writes whose last attempt came to nothing: another one is a retry.
  let failed = Mutex<Set<String>>([])
  let stamps = StampClock()
  let turns: ListingTurns

  init(
    _ endpoint: EndpointName, rules: ObjectRules, batch: BatchRules?, pull: Schedule, api: API
  ) {
    self.endpoint = endpoint
    name = SourceName(endpoint.description)
    self.rules = rules
    turns = ListingTurns(name, epoch: "\(api.address.url) \(endpoint.name)", pull: pull)
    self.api = api
    listing = Listing(object: endpoint, rules: rules.list, api: api)
    exchanges = Exchanges(api, batch)
  }

  /// What the manifest has rules for.
  var actions: Set<Write.Action> {
    let known = [(Write.Action.create, rules.create), (.update, rules.update), (.delete, rules.delete)]
    return Set(known.filter { $0.1 != nil }.map(\.0))
  }

  var changes: ObjectChanges? { .told(self) }

  func wake() { turns.wake() }

  /// The record an item is, or nil for a tombstone.
  func record(_ item: JSONValue, version: String? = nil, stamp: Stamp) throws(Failure) -> Record? {
    let identity = try identity(of: item)
    guard !isTombstone(item), case .object(let fields) = item else { return nil }
    return Record(
      key: RecordKey(.string(identity)), fields: fields, version: version ?? self.version(in: item),
      modifiedAt: modifiedAt(item), stamp: stamp)
  }

  func identity(of item: JSONValue) throws(Failure) -> String {
    if let path = rules.deleted?.id, isTombstone(item), let id = item.at(path)?.plainText, !id.isEmpty {
      return Self.idInAddress(id)
    }
    guard let id = item.at(rules.id), !id.isNull, !id.plainText.isEmpty else {
      throw Failure(code: "connector.answer", message: "a record of \(endpoint) has no id at '\(rules.id)'")
    }
    return id.plainText
  }

  /// The id at the end of an address: the last segment, or what is in parentheses there (`Products('O''Neil')`). Anything
  /// else is the id itself.
  static func idInAddress(_ text: String) -> String {
    let path = text.prefix { $0 != "?" && $0 != "#" }
    let last = path.split(separator: "/").last.map(String.init) ?? text
    let segment = Template.decoded(last) ?? last
    guard segment.hasSuffix(")"), let open = segment.firstIndex(of: "(") else { return segment }
    let key = segment[segment.index(after: open)...].dropLast()
    guard key.count >= 2, key.hasPrefix("'"), key.hasSuffix("'") else { return String(key) }
    return String(key.dropFirst().dropLast()).replacing("''", with: "'")
  }

  func isTombstone(_ item: JSONValue) -> Bool {
    guard let deleted = rules.deleted, let found = item.at(deleted.field) else { return false }
    return deleted.value.map { $0 == found } ?? true
  }

  func version(in item: JSONValue) -> String? {
    guard let path = rules.version?.path, let version = item.at(path), !version.isNull else { return nil }
    return version.plainText
  }

  func modifiedAt(_ item: JSONValue) -> Timestamp? {
    rules.modifiedAt.flatMap { time in item.at(time.path).flatMap(time.format.moment) }
  }

  /// The URL of a path template with the settings, `{object}`, `{id}` and `{fields.…}` put in.
  func url(
    _ template: String, query: [(name: String, value: String)] = [], id: String? = nil, fields: JSONObject = [:]
  ) throws(Failure) -> String {
    let names = Template.names(in: template) + query.flatMap { Template.names(in: $0.value) }
    guard id != nil || !names.contains("id") else {
      throw Failure(code: "connector.key", message: "a record of \(endpoint) is addressed by its id, and none is known")
    }
    var values = api.settings
    values["object"] = endpoint.name
    values["id"] = id
    for name in names where name.hasPrefix("fields.") {
      guard let value = JSONValue.object(fields).at(String(name.dropFirst(7))), !value.isNull else {
        throw Failure(
          code: "connector.key", message: "a record of \(endpoint) is addressed by \(name), which it has not")
      }
      values[name] = value.plainText
    }
    return api.url(try Template.path(template, values), query: query.map { ($0.name, Template.text($0.value, values)) })
  }
}

/// Runs `body` for all elements side by side and gives the results in the elements' order.
func concurrently<Element: Sendable, Result: Sendable>(
  _ elements: [Element], _ body: @escaping @Sendable (Element) async throws -> Result
) async throws -> [Result] {
  try await withThrowingTaskGroup(of: (Int, Result).self) { group in
    for (index, element) in elements.enumerated() {
      group.addTask { (index, try await body(element)) }
    }
    let results = try await group.reduce(into: []) { $0.append($1) }
    return results.sorted { $0.0 < $1.0 }.map(\.1)
  }
}
