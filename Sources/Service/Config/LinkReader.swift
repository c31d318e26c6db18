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
    /// Where its values are named, if they are.
    var names: YAMLValue?
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
      let constants = constants(reader["constants"], direction, linked)
      refuseCollisions(linked, direction)
      let guardSettings = reader["guard"].map { self.guardSettings($0) } ?? GuardSettings()
      let pull = pull(reader["pull"], direction)
      let verification = reader["verify"].flatMap { self.verification($0) }

      let local = endpoint(table, "database.table", "database", ends.databases, others: ends.connectors)
      let remote = endpoint(object, "connector.object", "connector", ends.connectors, others: ends.databases)
      guard let written = name.string(), let table, let local, let object, let remote, let direction else { return nil }
      let settings = LinkSettings(
        name: LinkName(written), table: local, object: remote, direction: direction, key: key.columns,
        mapping: FieldMapping(linked.map(\.field), constants: constants), idColumn: idColumn, conflict: conflict,
        guardSettings: guardSettings, pull: pull,
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

  /// `off`, or `{ deletes: 20%, overwrites: 500, within: 1h }`
  private func guardSettings(_ value: YAMLValue) -> GuardSettings? {
    if value.node.text == "off" { return nil }
    return value.mapping { reader in
      let deletes = reader["deletes"].map { limit($0) } ?? GuardSettings.usualDeletes
      let overwrites = reader["overwrites"].flatMap { limit($0) }
      let within = reader["within"]?.duration(in: .seconds(1) ... .days(7)) ?? GuardSettings.usualWindow
      return GuardSettings(deletes: deletes, overwrites: overwrites, within: within)
    }
  }

  /// `20%`, or a number.
  private func limit(_ value: YAMLValue) -> GuardSettings.Limit? {
    guard let text = value.string() else { return nil }
    if text.hasSuffix("%"), let percent = Int(text.dropLast()), (0...100).contains(percent) {
      return .share(Double(percent) / 100)
    }
    if let count = Int(text), count >= 0 { return .count(count) }
    value.report("config.guard", "expected a share like 20% or a number, got \"\(text)\"")
    return nil
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

  private func conflict(_ value: YAMLValue?, _ direction: LinkDirection?, _ linked: [ReadField]) -> ConflictPolicy {
    guard let value else { return ConflictPolicy() }
    if let direction, direction != .both {
      value.report(
        "config.conflict", "a link with direction: \(direction.rawValue) has no conflicts",
        hint: "its source is always right; remove this, or use direction: both")
    }
    let reader = ConflictReader(columns: linked.map(\.field.local))
    return value.mapping { reader.conflict($0) } ?? ConflictPolicy()
  }
}
