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
  let errors: ErrorRules
  let pull: Schedule
  let api: API
  let listing: Listing
  let stamps = StampClock()
  let bell = Bell()
  let poll = Mutex(PollMemory())

  init(
    _ endpoint: EndpointName, rules: ObjectRules, errors: ErrorRules, pull: Schedule, api: API
  ) {
    self.endpoint = endpoint
    name = SourceName(endpoint.description)
    self.rules = rules
    self.errors = errors
    self.pull = pull
    self.api = api
    listing = Listing(object: endpoint, rules: rules.list, api: api)
  }

  /// What the manifest has rules for.
  var actions: Set<Write.Action> {
    let known = [(Write.Action.create, rules.create), (.update, rules.update), (.delete, rules.delete)]
    return Set(known.filter { $0.1 != nil }.map(\.0))
  }

  var changes: ObjectChanges? { .told(self) }

  func wake() { bell.ring() }

  /// Which life of the source positions are meant in: the same cursor at another address is another place.
  var epoch: String { "\(api.address.url) \(endpoint.name)" }

  /// The record an item is, or nil for a tombstone.
  func record(_ item: JSONValue, version: String? = nil, stamp: Stamp) throws(Failure) -> Record? {
    let identity = try identity(of: item)
    guard !isTombstone(item), case .object(let fields) = item else { return nil }
    return Record(
      key: RecordKey(.string(identity)), fields: fields, version: version ?? self.version(in: item),
      modifiedAt: modifiedAt(item), stamp: stamp)
  }

  func identity(of item: JSONValue) throws(Failure) -> String {
    guard let id = item.at(rules.id), !id.isNull, !id.plainText.isEmpty else {
      throw Failure(code: "connector.answer", message: "a record of \(endpoint) has no id at '\(rules.id)'")
    }
    return id.plainText
  }

  func isTombstone(_ item: JSONValue) -> Bool {
    guard let deleted = rules.deleted else { return false }
    return item.at(deleted.field) == deleted.value
  }

  func version(in item: JSONValue) -> String? {
    guard let path = rules.version?.path, let version = item.at(path), !version.isNull else { return nil }
    return version.plainText
  }

  func modifiedAt(_ item: JSONValue) -> Timestamp? {
    rules.modifiedAt.flatMap { time in item.at(time.path).flatMap(time.format.moment) }
  }

  /// The URL of a path template with `{object}` and `{id}` put in.
  func url(_ template: String, id: String? = nil) throws(Failure) -> String {
    guard id != nil || !template.contains("{id}") else {
      throw Failure(code: "connector.key", message: "a record of \(endpoint) is addressed by its id, and none is known")
    }
    var values = ["object": endpoint.name]
    values["id"] = id
    return api.url(try Template.path(template, values))
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
