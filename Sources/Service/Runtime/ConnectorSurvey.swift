package import Changes
package import Config
package import Connectors
import HTTP
import JSON

/// Looks at applications through their connectors, and changes nothing there.
package struct ConnectorSurvey: Sendable {
  private let configuration: Configuration
  /// Enough to see the fields that most records have.
  private static let sample = 50

  package init(_ configuration: Configuration) { self.configuration = configuration }

  /// One field of an object, as the records looked at have it.
  package struct Field: Sendable, Hashable {
    /// Dotted where it is inside of another.
    package var name: String
    /// Such as `text`, `number`, `true or false`, `list`.
    package var types: [String]
    /// How many records have a value there.
    package var filled: Int
  }

  package struct Object: Sendable, Hashable {
    package var name: EndpointName
    package var actions: [String]
    /// How many records were looked at.
    package var records: Int
    package var fields: [Field]
  }

  /// What one harmless read of an object came to.
  package struct Trial: Sendable, Hashable {
    package var object: EndpointName
    /// Nil: it was answered.
    package var problem: String?
  }

  /// - Throws: `Failure` for a name that is no connector's; `Problems` of its manifest.
  package func manifest(of name: String) throws -> Manifest { try settings(name).readManifest() }

  /// The objects that links name, and those the manifest does.
  package func objects(of name: String) throws -> [EndpointName] {
    let linked = configuration.links.filter { $0.object.system == name }.map(\.object.name)
    let named = try settings(name).make(HTTPClient()).objects.filter { $0 != "*" }
    return Set(linked + named).sorted().map { EndpointName(system: name, name: $0) }
  }

  /// The fields of an object, from some of its records.
  package func describe(_ name: EndpointName) async throws -> Object {
    let object = try settings(name.system).make(HTTPClient()).object(name.name, pull: .every(.seconds(3600)))
    let chunk = try await object.chunk(from: nil, limit: Self.sample)
    var fields: [Field] = []
    for record in chunk.records { Self.note(record.fields, in: "", &fields) }
    let actions = [Write.Action.create, .update, .delete].filter(object.actions.contains).map { "\($0)" }
    return Object(name: name, actions: actions, records: chunk.records.count, fields: fields)
  }

  /// Reads one record of each object that a link names, or of all the manifest names.
  package func test(_ name: String) async throws -> [Trial] {
    let connector = try settings(name).make(HTTPClient())
    let linked = Set(configuration.links.filter { $0.object.system == name }.map(\.object))
    var trials: [Trial] = []
    for object in try linked.isEmpty ? objects(of: name) : linked.sorted(by: { $0.name < $1.name }) {
      do {
        _ = try await connector.object(object.name, pull: .every(.seconds(3600))).chunk(from: nil, limit: 1)
        trials.append(Trial(object: object))
      } catch {
        trials.append(Trial(object: object, problem: "\(error)"))
      }
    }
    return trials
  }

  private func settings(_ name: String) throws(Failure) -> ConnectorSettings {
    if let found = configuration.connectors.first(where: { $0.name == name }) { return found }
    let known = configuration.connectors.map(\.name).joined(separator: ", ")
    throw Failure(
      code: "connector.unknown", message: "there is no connector \(name) in \(configuration.file); there are \(known)")
  }

  private static func note(_ record: JSONObject, in path: String, _ fields: inout [Field]) {
    for member in record.members {
      if case .object(let inner) = member.value, !inner.isEmpty {
        note(inner, in: "\(path)\(member.name).", &fields)
        continue
      }
      let name = path + member.name
      let index = fields.firstIndex { $0.name == name } ?? fields.endIndex
      if index == fields.endIndex { fields.append(Field(name: name, types: [], filled: 0)) }
      guard let type = type(of: member.value) else { continue }
      fields[index].filled += 1
      if !fields[index].types.contains(type) { fields[index].types.append(type) }
    }
  }

  private static func type(of value: JSONValue) -> String? {
    switch value {
    case .null: nil
    case .bool: "true or false"
    case .number: "number"
    case .string: "text"
    case .array: "list"
    case .object: "object"
    }
  }
}
