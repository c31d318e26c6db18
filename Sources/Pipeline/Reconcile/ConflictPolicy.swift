package import Changes

/// Who wins when both sides changed one field.
package enum FieldPolicy: Hashable, Sendable {
  /// The later change. Too close to call, or a time unknown, is a conflict and not a guess.
  case newest
  case side(Side)
}

/// Who wins when one side deleted what the other changed.
package enum DeletePolicy: String, Hashable, Sendable, CaseIterable {
  /// The record comes back. The default: it loses nothing.
  case updateWins = "update-wins"
  case deleteWins = "delete-wins"
}

/// The conflict policy of a link.
package struct ConflictPolicy: Hashable, Sendable {
  /// Two systems' clocks are rarely further apart than this under NTP; times closer than it say nothing about order.
  package static let usualClockUncertainty = Duration.milliseconds(100)

  package var `default`: FieldPolicy
  /// By local field name.
  package var fields: [String: FieldPolicy]
  package var delete: DeletePolicy
  package var clockUncertainty: Duration
  /// Decides, instead of the above, fields that the sides never agreed on; nil: the above decide these too.
  package var firstContact: FirstContact?

  package init(
    default: FieldPolicy = .newest, fields: [String: FieldPolicy] = [:], delete: DeletePolicy = .updateWins,
    clockUncertainty: Duration = usualClockUncertainty, firstContact: FirstContact? = nil
  ) {
    self.default = `default`
    self.fields = fields
    self.delete = delete
    self.clockUncertainty = clockUncertainty
    self.firstContact = firstContact
  }

  package subscript(field: String) -> FieldPolicy { fields[field] ?? self.default }
}

extension FieldPolicy {
  /// The side whose value stands; nil: undecided.
  func winner(_ local: SideState, _ remote: SideState, uncertainty: Duration) -> Side? {
    switch self {
    case .side(let side): return side
    case .newest:
      guard let here = local.changedAt, let there = remote.changedAt else { return nil }
      let (later, side): (Timestamp, Side) = here > there ? (here, .local) : (there, .remote)
      return min(here, there).advanced(by: uncertainty) < later ? side : nil
    }
  }

  var name: String {
    switch self {
    case .newest: "newest"
    case .side(.local): "local"
    case .side(.remote): "remote"
    }
  }
}
