import Changes
import Mapping
import Reconcile
import YAML

/// Reads one link.
struct LinkReader {
  /// The names an endpoint can begin with.
  struct Ends {
    let databases: [String]
    let connectors: [String]
  }

  /// A link, and where it refers to other links.
  struct ReadLink {
    let name: YAMLValue
    let settings: LinkSettings
    let references: [YAMLValue]
  }

  struct ReadField {
    let field: MappedField
    let column: YAMLValue
    let reference: YAMLValue?
  }

  let ends: Ends

  func link(_ name: YAMLValue, _ value: YAMLValue) -> ReadLink? {
    value.mapping { reader in
      let table = reader.required("table", hint: "database.table or database.schema.table")
      let object = reader.required("object", hint: "connector.object")
      let direction = reader["direction"].map { $0.choice(LinkDirection.self) } ?? .both
      let fields = fields(reader.required("fields", hint: "for example fields: { name: Name }"))
      let key = key(of: reader, direction, fields)
      let linked = key.added.map { $0 + fields } ?? fields
      refuseSharedTargets(linked)
      let idColumn = idColumn(reader["id_column"], linked)
      let conflict = conflict(reader["conflict"], direction, linked)
      let pull = pull(reader["pull"], direction)
      let verification = reader["verify"].flatMap { self.verification($0) }

      let local = endpoint(table, "database.table", "database", ends.databases, others: ends.connectors)
      let remote = endpoint(object, "connector.object", "connector", ends.connectors, others: ends.databases)
      guard let written = name.string(), let table, let local, let object, let remote, let direction else { return nil }
      let settings = LinkSettings(
        name: LinkName(written), table: local, object: remote, direction: direction, key: key.columns,
        mapping: FieldMapping(linked.map(\.field)), idColumn: idColumn, conflict: conflict, pull: pull,
        verification: verification, place: name.place, tablePlace: table.place, objectPlace: object.place)
      return ReadLink(name: name, settings: settings, references: linked.compactMap(\.reference))
    }
  }

  private func endpoint(
    _ value: YAMLValue?, _ form: String, _ system: String, _ names: [String], others: [String]
  ) -> EndpointName? {
    guard let value, let text = value.string() else { return nil }
    guard let endpoint = EndpointName(text) else {
      value.report("config.endpoint", "expected \(form), got \"\(text)\"")
      return nil
    }
    guard names.contains(endpoint.system) else {
      let guess = nearest(to: endpoint.system, among: names).map { "did you mean \"\($0)\"?" }
      let mixedUp = others.contains(endpoint.system) ? "expected \(form)" : nil
      let known = names.isEmpty ? nil : "known: \(names.joined(separator: ", "))"
      value.report(
        "config.unknown-\(system)", "there is no \(system) \"\(endpoint.system)\"", hint: mixedUp ?? guess ?? known)
      return nil
    }
    return endpoint
  }

  private func idColumn(_ value: YAMLValue?, _ linked: [ReadField]) -> String? {
    guard let value, let column = value.string() else { return nil }
    if linked.contains(where: { $0.field.local == column }) {
      value.report("config.id-column", "the column \"\(column)\" is a linked field already", hint: "use one of its own")
    }
    return column
  }

  private func pull(_ value: YAMLValue?, _ direction: LinkDirection?) -> Schedule {
    if direction == .push { value?.report("config.pull", "a link with direction: push does not pull") }
    return value?.schedule(every: .seconds(1) ... .days(7)) ?? LinkSettings.usualPull
  }

  private func verification(_ value: YAMLValue) -> VerificationSettings? {
    guard case .mapping = value.node.content else {
      return value.schedule(every: Self.verifications).map { VerificationSettings(schedule: $0) }
    }
    return value.mapping { reader in
      let schedule = reader.schedule(every: Self.verifications)
      let sample = reader["sample"]?.integer(in: 1...10_000_000)
      return schedule.map { VerificationSettings(schedule: $0, sample: sample) }
    }
  }

  private static let verifications = Duration.seconds(10) ... .days(365)

  /// Who wins, as the configuration calls the sides of a link.
  private enum Winner: String, CaseIterable {
    case newest, database, application

    var policy: FieldPolicy {
      switch self {
      case .newest: .newest
      case .database: .side(.local)
      case .application: .side(.remote)
      }
    }
  }

  private func conflict(_ value: YAMLValue?, _ direction: LinkDirection?, _ linked: [ReadField]) -> ConflictPolicy {
    guard let value else { return ConflictPolicy() }
    if let direction, direction != .both {
      value.report(
        "config.conflict", "a link with direction: \(direction.rawValue) has no conflicts",
        hint: "its source is always right; remove this, or use direction: both")
    }
    let columns = linked.map(\.field.local)
    let policy = value.mapping { reader -> ConflictPolicy? in
      let usual = reader["default"]?.choice(Winner.self) ?? .newest
      let fields = reader["fields"]?.named { column, winner -> FieldPolicy? in
        if let name = column.string(), !columns.contains(name) {
          column.report(
            "config.unknown-field", "\"\(name)\" is no linked column",
            hint: nearest(to: name, among: columns).map { "did you mean \"\($0)\"?" })
        }
        return winner.choice(Winner.self)?.policy
      }
      let delete = reader["delete"]?.choice(DeletePolicy.self) ?? .updateWins
      let named = Dictionary((fields ?? []).map { ($0.name, $0.value) }) { _, last in last }
      return ConflictPolicy(default: usual.policy, fields: named, delete: delete)
    }
    return policy ?? ConflictPolicy()
  }
}
