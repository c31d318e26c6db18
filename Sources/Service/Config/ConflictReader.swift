package import Changes
import Mapping
package import Reconcile
package import YAML

/// Reads what becomes of conflicts: what stands under `conflict` of a link.
struct ConflictReader {
  /// The linked columns.
  let columns: [String]

  /// Policies that are one word.
  private enum Word: String, CaseIterable {
    case newest, database, application, max, min, delta, union, append
    case fillEmpty = "fill-empty"
    case manual

    var policy: FieldPolicy {
      switch self {
      case .newest: .newest
      case .database: .side(.local)
      case .application: .side(.remote)
      case .max: .max
      case .min: .min
      case .delta: .delta
      case .union: .union(separator: nil)
      case .append: .append
      case .fillEmpty: .fillEmpty
      case .manual: .manual
      }
    }
  }

  func conflict(_ reader: YAMLReader) -> ConflictPolicy {
    let usual = reader["default"].flatMap { policy($0) } ?? .newest
    let fields = reader["fields"]?.named { column, value -> FieldPolicy? in
      checkColumn(column)
      return policy(value)
    }
    let groups = reader["groups"]?.named { name, value in group(name, value) } ?? []
    let delete = reader["delete"]?.choice(DeletePolicy.self) ?? .updateWins
    let first = reader["first_contact"]?.choice(FirstContact.self)
    let named = Dictionary((fields ?? []).map { ($0.name, $0.value) }) { _, last in last }
    refuseSharedColumns(groups.map(\.value), named, reader)
    return ConflictPolicy(
      default: usual, fields: named, groups: groups.map(\.value), delete: delete, firstContact: first)
  }

  /// A word, a list of policies of which the first that decides counts, or `{ union: ";" }`.
  private func policy(_ value: YAMLValue) -> FieldPolicy? {
    switch value.node.content {
    case .sequence:
      guard let policies = value.list({ policy($0) }) else { return nil }
      if policies.isEmpty { value.report("config.conflict", "an empty list decides nothing", hint: "write manual") }
      return .first(policies)
    case .mapping:
      return value.mapping { reader in
        reader.required("union", hint: "for example { union: \";\" }: a text whose parts are a set")?.string().flatMap {
          separator in
          if separator.isEmpty { value.report("config.conflict", "parts need something between them") }
          return separator.isEmpty ? nil : .union(separator: separator)
        }
      }
    case .null, .scalar: return value.choice(Word.self)?.policy
    }
  }

  /// `{ columns: [street, city], policy: newest }`
  private func group(_ name: YAMLValue, _ value: YAMLValue) -> ColumnGroup? {
    value.mapping { reader in
      let columns = reader.required("columns", hint: "for example columns: [street, zip, city]")?.list { column in
        checkColumn(column)
        return column.string()
      }
      let written = reader["policy"]
      let policy = written.map { self.policy($0) } ?? .newest
      guard let title = name.string(), let columns, let policy else { return nil }
      if columns.isEmpty { value.report("config.conflict", "a group needs columns") }
      if !policy.picksASide {
        written?.report(
          "config.conflict", "a group is taken from one side as a whole, and \(words(policy)) does not say from which",
          hint: "newest, database, application, manual, or a list of them")
      }
      return ColumnGroup(name: title, columns: columns, policy: policy)
    }
  }

  private func words(_ policy: FieldPolicy) -> String {
    if case .first = policy { "this list" } else { policy.name }
  }

  private func checkColumn(_ column: YAMLValue) {
    guard let name = column.string(), !columns.contains(name) else { return }
    column.report(
      "config.unknown-field", "\"\(name)\" is no linked column",
      hint: nearest(to: name, among: columns).map { "did you mean \"\($0)\"?" })
  }

  private func refuseSharedColumns(_ groups: [ColumnGroup], _ fields: [String: FieldPolicy], _ reader: YAMLReader) {
    var known: [String: String] = [:]
    for group in groups {
      for column in group.columns {
        if let other = known[column] {
          reader.report("config.conflict", "\"\(column)\" is in two groups: \(other) and \(group.name)")
        }
        if fields[column] != nil {
          reader.report(
            "config.conflict", "\"\(column)\" has a policy of its own and is in the group \(group.name)",
            hint: "the group decides for all its columns")
        }
        known[column] = group.name
      }
    }
  }
}

extension Configuration {
  /// Conflict policies in a file of their own: by link, each written as under `conflict`. Links that it does not name are
  /// left out.
  package func conflictPolicies(contentsOf path: String) throws(Problems) -> [LinkName: ConflictPolicy] {
    try YAMLDocument(contentsOf: path).read { reader in
      var policies: [LinkName: ConflictPolicy] = [:]
      for link in links where link.direction == .both {
        policies[link.name] = reader[link.name.description]?.mapping {
          ConflictReader(columns: link.mapping.names).conflict($0)
        }
      }
      return policies
    }
  }
}
