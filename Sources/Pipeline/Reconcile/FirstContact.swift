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

  /// - Returns: nil where the link's own policy is to decide; in it, no decision where nobody is to.
  func decision(_ question: Question) -> (decision: Decision?, policy: String)? {
    switch self {
    case .database: (.side(.local), rawValue)
    case .application: (.side(.remote), rawValue)
    case .newest: (FieldPolicy.newest.decision(question), rawValue)
    case .fillEmpty: FieldPolicy.fillEmpty.decision(question).map { ($0, rawValue) }
    case .manual: (nil, rawValue)
    }
  }
}
