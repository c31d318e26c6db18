import Changes
import JSON
import Log
import Mapping
import Reconcile

/// The base, with what interrupted writes made both sides share. Without this Tidemark's own value would pass for
/// somebody's edit, and might win over a newer one.
struct Recovery: Sendable {
  private(set) var base: JSONObject?
  /// The writes that are known to have happened. Once a base that holds them is settled they say nothing new; kept, they
  /// would turn a later base back to what they wrote.
  private(set) var absorbed: [Intent] = []
  /// The fields that hold neither what was there before an interrupted write nor what it wrote: nobody can tell whether it
  /// happened, so what is added up must not be.
  private(set) var doubtful: Set<String> = []

  /// - Parameters:
  ///   - intents: the interrupted writes of the record, in the order they were made.
  ///   - direction: that of the delivery at hand.
  ///   - fields: what its source holds.
  ///   - target: what its target holds.
  init(_ base: JSONObject?, _ intents: [Intent], _ direction: Direction, fields: JSONObject?, target: JSONObject?) {
    self.base = base
    for intent in intents {
      let isOwn = intent.direction == direction
      guard let found = isOwn ? target : fields else { continue }
      take(intent, found, isWhole: intent.isCreate && (isOwn || base == nil))
    }
  }

  /// A created record that is there now is the one that was created: it was looked for in vain just before. That is not
  /// said where the other side made a known record anew: the change at hand may be from before that. Else the fields
  /// that hold what was to be written count. Where something else is held nobody can tell whether the write happened
  /// before; the old base stays, and a difference is a conflict.
  private mutating func take(_ intent: Intent, _ found: JSONObject, isWhole: Bool) {
    let shared = isWhole ? intent.fields : intent.fields.filter { found[$0] == intent.fields[$0] }
    if isWhole || shared == intent.fields { absorbed.append(intent) }
    // What the source held is in what was written: that is the ancestor of both.
    if !shared.isEmpty { base = (base ?? [:]).merging(shared).merging(intent.held.filter { shared[$0] != nil }) }
    for name in intent.fields.names where shared[name] == nil && found[name] != intent.before?[name] {
      doubtful.insert(name)
    }
  }
}

extension Delivery {
  /// Whether a record that Tidemark made, but that is not linked yet, was made by the other direction of this link, which was
  /// interrupted and will settle it. Another link's record is this link's business.
  func isUnsettledOwn(_ fields: JSONObject?) async throws(Unmappable) -> Bool {
    guard let fields else { return false }
    let made = try await reading { try await log.creates(of: link.name, direction.opposite) }
    // A record without a key is told by all it holds.
    let hasKey = link.match.allSatisfy { name in fields[name].map { !$0.isNull } ?? false }
    let names = hasKey ? link.match : link.mapping.names
    return made.contains { intent in names.allSatisfy { intent.fields[$0] == fields[$0] } }
  }
}

extension Round {
  /// What is to be remembered of the write before it happens. One way, what the target holds is never a reason for
  /// anything, so nothing is; a delete that happened shows by itself.
  var intent: Intent? {
    guard link.isTwoWay else { return nil }
    switch action {
    case .create(let fields): return intent(fields, isCreate: true)
    case .update(let changes): return intent(changes, isCreate: false)
    case .nothing, .delete: return nil
    }
  }

  private func intent(_ fields: JSONObject, isCreate: Bool) -> Intent {
    let source = self.fields ?? [:]
    return Intent(
      link: link.name, direction: direction, key: seen.key, sequence: logged.sequence, fields: fields,
      isCreate: isCreate, held: source.filter { name in fields[name].map { $0 != source[name] } ?? false },
      before: assumed?.fields.filter { fields[$0] != nil })
  }
}
