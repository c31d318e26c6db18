import Changes
import JSON

/// Who wins in the fields that the sides of a record never agreed on: both held the record before the link brought it together.
package enum FirstContact: String, Hashable, Sendable, CaseIterable {
  case database, application
  /// The side that changed the record last; a conflict where that is not known of both.
  case newest
  /// A side without a value takes the other's; where both have one, the link's policy decides.
  case fillEmpty = "fill-empty"
  /// Nobody: every difference is a conflict that waits for a person.
  case manual

  /// - Returns: nil where the link's own policy is to decide; in it, no winner where nobody is to.
  func decision(
    _ mine: JSONValue, _ theirs: JSONValue, _ local: SideState, _ remote: SideState, uncertainty: Duration
  ) -> (winner: Side?, policy: String)? {
    switch self {
    case .database: return (.local, rawValue)
    case .application: return (.remote, rawValue)
    case .newest: return (FieldPolicy.newest.winner(local, remote, uncertainty: uncertainty), rawValue)
    case .fillEmpty:
      guard Self.isEmpty(mine) || Self.isEmpty(theirs) else { return nil }
      return (Self.isEmpty(mine) ? .remote : .local, rawValue)
    case .manual: return (nil, rawValue)
    }
  }

  private static func isEmpty(_ value: JSONValue) -> Bool { value == .null || value == .string("") }
}
