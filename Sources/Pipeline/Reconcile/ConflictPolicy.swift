/// Who wins when one side deleted what the other changed.
package enum DeletePolicy: String, Hashable, Sendable, CaseIterable {
  /// The record comes back. The default: it loses nothing.
  case updateWins = "update-wins"
  case deleteWins = "delete-wins"
  /// Both sides stay as they are until a person decides.
  case manual
}

/// Columns that mean something together only, such as an address. Where both sides changed any of them, all of them are
/// taken from one side.
package struct ColumnGroup: Hashable, Sendable {
  package let name: String
  /// Local field names; a field is in one group at most.
  package let columns: [String]
  /// One that `picksASide`.
  package let policy: FieldPolicy

  package init(name: String, columns: [String], policy: FieldPolicy) {
    self.name = name
    self.columns = columns
    self.policy = policy
  }
}

/// The conflict policy of a link.
package struct ConflictPolicy: Hashable, Sendable {
  /// Two systems' clocks are rarely further apart than this under NTP; times closer than it say nothing about order.
  package static let usualClockUncertainty = Duration.milliseconds(100)

  package let `default`: FieldPolicy
  /// By local field name.
  package let fields: [String: FieldPolicy]
  package let groups: [ColumnGroup]
  package let delete: DeletePolicy
  package let clockUncertainty: Duration
  /// Decides, instead of the above, fields that the sides never agreed on; nil: the above decide these too.
  package var firstContact: FirstContact?
  /// Whether the policy of any field `countsEqualChanges`.
  let countsEqualChanges: Bool

  package init(
    default: FieldPolicy = .newest, fields: [String: FieldPolicy] = [:], groups: [ColumnGroup] = [],
    delete: DeletePolicy = .updateWins, clockUncertainty: Duration = usualClockUncertainty,
    firstContact: FirstContact? = nil
  ) {
    self.default = `default`
    self.fields = fields
    self.groups = groups
    self.delete = delete
    self.clockUncertainty = clockUncertainty
    self.firstContact = firstContact
    countsEqualChanges = `default`.countsEqualChanges || fields.values.contains(where: \.countsEqualChanges)
  }

  /// Of a field by itself; a group it is in goes first.
  package subscript(field: String) -> FieldPolicy { fields[field] ?? self.default }

  func group(of field: String) -> Int? { groups.firstIndex { $0.columns.contains(field) } }
}
