import Changes
import HTTP
import JSON

/// One object of a SOAP service as an endpoint.
///
/// Nothing is ever sent twice by decision of this type: what failed is reported, and the caller decides.
final class SOAPObject: RemoteObject, ChangeSource {
  let endpoint: EndpointName
  let name: SourceName
  let rules: SOAPObjectRules
  let fates: SOAPFates
  let client: SOAPClient
  let stamps = StampClock()
  let turns: ListingTurns

  init(
    _ endpoint: EndpointName, _ rules: SOAPObjectRules, _ fates: SOAPFates, pull: Schedule, client: SOAPClient
  ) {
    self.endpoint = endpoint
    name = SourceName(of: endpoint)
    self.rules = rules
    self.fates = fates
    turns = ListingTurns(name, epoch: "\(client.address) \(endpoint.name)", pull: pull)
    self.client = client
  }

  var actions: Set<Write.Action> {
    let known: [(Write.Action, SOAPCallRules?)] = [
      (.create, rules.create), (.update, rules.update), (.delete, rules.delete),
    ]
    return Set(known.filter { $0.1 != nil }.map(\.0))
  }

  var changes: ObjectChanges? { .told(self) }

  func wake() { turns.wake() }

  /// Nil for a record that is deleted.
  func record(_ item: JSONValue, stamp: Stamp) throws(Failure) -> Record? {
    let id = try identity(of: item)
    guard !isTombstone(item), case .object(let fields) = item else { return nil }
    return Record(
      key: RecordKey(.string(id)), fields: fields, version: version(in: item), modifiedAt: modifiedAt(item),
      stamp: stamp)
  }

  func identity(of item: JSONValue) throws(Failure) -> String {
    guard let id = item.at(rules.id), !id.isNull, !id.plainText.isEmpty else {
      throw Failure(code: "connector.answer", message: "a record of \(endpoint) has no id at '\(rules.id)'")
    }
    return id.plainText
  }

  func isTombstone(_ item: JSONValue) -> Bool {
    guard let deleted = rules.deleted, let value = item.at(deleted.field) else { return false }
    return deleted.value.map { value == $0 || value.plainText == $0.plainText } ?? true
  }

  func version(in item: JSONValue) -> String? {
    rules.version.flatMap { item.at($0) }.flatMap { $0.isNull ? nil : $0.plainText }
  }

  func modifiedAt(_ item: JSONValue) -> Timestamp? {
    rules.modifiedAt.flatMap { time in item.at(time.path).flatMap(time.format.moment) }
  }

  /// The arguments of a call, with what they stand for put in.
  /// - Parameter values: by their names in braces; one that is nil leaves its argument out.
  func arguments(_ call: SOAPCallRules, _ values: [String: JSONValue?], record: JSONObject? = nil) -> JSONObject {
    var arguments = JSONObject()
    for (name, value) in call.send { arguments[name] = Self.filled(value, values) }
    guard let record else { return arguments }
    if call.wrap.isEmpty { return arguments.merging(record) }
    arguments[call.wrap] = .object(record)
    return arguments
  }

  private static func filled(_ value: JSONValue, _ values: [String: JSONValue?]) -> JSONValue? {
    switch value {
    case .object(let object):
      return .object(
        object.members.reduce(into: JSONObject()) { result, member in
          result[member.name] = filled(member.value, values)
        })
    case .string(let text):
      if text.hasPrefix("{"), text.hasSuffix("}"), let known = values[String(text.dropFirst().dropLast())] {
        return known
      }
      return .string(Template.text(text, values.compactMapValues { $0?.plainText }))
    default: return value
    }
  }
}
