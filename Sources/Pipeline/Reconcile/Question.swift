import Changes
import JSON

/// One field that both sides changed to different values, put to a policy.
struct Question {
  /// Nil: the sides never agreed on one.
  let base: JSONValue?
  let local: JSONValue
  let remote: JSONValue
  let localChangedAt: Timestamp?
  let remoteChangedAt: Timestamp?
  let clockUncertainty: Duration

  subscript(side: Side) -> JSONValue { side == .local ? local : remote }
}

extension FieldPolicy {
  /// Nil: undecided.
  func decision(_ question: Question) -> Decision? {
    switch self {
    case .newest: later(question).map { .side($0) }
    case .side(let side): .side(side)
    case .max: extreme(question, isGreatest: true).map { .side($0) }
    case .min: extreme(question, isGreatest: false).map { .side($0) }
    case .delta: delta(question).map { settled($0, question) }
    case .union(let separator): union(question, separator).map { settled($0, question) }
    case .append: appended(question).map { settled($0, question) }
    case .fillEmpty: filled(question).map { .side($0) }
    case .manual: nil
    case .first(let policies): first(policies, question)
    }
  }

  /// A value that one side holds already is that side's.
  private func settled(_ value: JSONValue, _ question: Question) -> Decision {
    value == question.local ? .side(.local) : value == question.remote ? .side(.remote) : .value(value)
  }

  private func later(_ question: Question) -> Side? {
    guard let here = question.localChangedAt, let there = question.remoteChangedAt else { return nil }
    let (later, side): (Timestamp, Side) = here > there ? (here, .local) : (there, .remote)
    return Swift.min(here, there).advanced(by: question.clockUncertainty) < later ? side : nil
  }

  private func extreme(_ question: Question, isGreatest: Bool) -> Side? {
    if question.local.isNull { return .remote }
    if question.remote.isNull { return .local }
    return question.local.isOrdered(before: question.remote).map { $0 == isGreatest ? .remote : .local }
  }

  private func delta(_ question: Question) -> JSONValue? {
    guard case .number(let base)? = question.base, case .number(let local) = question.local,
      case .number(let remote) = question.remote
    else { return nil }
    return JSONNumber.sum(local, remote).flatMap { JSONNumber.sum($0, base.negated) }.map { .number($0) }
  }

  private func filled(_ question: Question) -> Side? {
    switch (question.local.isEmptyValue, question.remote.isEmptyValue) {
    case (true, false): .remote
    case (false, true): .local
    // Two ways of writing nothing are no question for a person.
    case (true, true) where question.local.isNull: .remote
    case (true, true) where question.remote.isNull: .local
    default: nil
    }
  }

  private func first(_ policies: [FieldPolicy], _ question: Question) -> Decision? {
    for (place, policy) in policies.enumerated() {
      if case .side(let side) = policy, place + 1 < policies.count, question[side].isEmptyValue { continue }
      if let decision = policy.decision(question) { return decision }
    }
    return nil
  }
}

extension JSONValue {
  /// Whether nothing is held: null, an empty text or an empty list.
  var isEmptyValue: Bool {
    switch self {
    case .null: true
    case .string(let text): text.isEmpty
    case .array(let elements): elements.isEmpty
    case .bool, .number, .object: false
    }
  }

  /// Nil where two values have no order. Times are ordered as such, other texts by their characters' numbers.
  func isOrdered(before other: JSONValue) -> Bool? {
    switch (self, other) {
    case (.number(let a), .number(let b)): a < b
    case (.bool(let a), .bool(let b)): !a && b
    case (.string(let a), .string(let b)):
      if let first = Timestamp(instant: a), let second = Timestamp(instant: b), first != second {
        first < second
      } else {
        a.utf8.lexicographicallyPrecedes(b.utf8)
      }
    default: nil
    }
  }
}
