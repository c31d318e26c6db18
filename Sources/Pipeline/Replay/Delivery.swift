import Changes
import JSON
import Log
import Mapping
import Reconcile

/// How one attempt to deliver a change ended.
enum DeliveryResult: Sendable {
  case settled(Settled)
  /// A record this one refers to is not known at the target yet.
  case waits(for: RecordReference)
  case retry(Failure, after: Duration?)
  case unavailable(Failure, after: Duration?)
  case rejected(Failure)
  /// It would be written, and somebody has to say first that it is meant.
  case held(Failure)

  struct Settled: Sendable {
    var ending: Settlement.Ending
    var state: RecordState?
    var conflicts: [ConflictRecord] = []
    /// The linked fields in which the sides are equal.
    var shared: JSONObject = [:]
    /// Interrupted writes that `state` accounts for.
    var absorbed: [Intent] = []
  }
}

/// Delivers one change over one link in one direction: reconcile, map, apply.
///
/// Optimistic: the target is assumed to hold the base and is written on that condition. Only when it answers that it
/// holds something else is it looked at, and the three-way merge decided again with what it really holds.
struct Delivery: Sendable {
  /// A record that changes under our hands more often than this while one write is decided is tried again later.
  private static let mostRounds = 6

  /// What a decision begins with.
  enum Trust {
    /// That the target holds the base, where there is one.
    case base
    /// The target is read first, whatever is known of it.
    case nothing
  }

  let link: Link
  let direction: Direction
  let log: ChangeLog
  /// Why a write may not happen yet; nil if it may.
  let objection: @Sendable (Write.Action) async throws -> Failure?
  /// Puts on disk what is about to be written.
  let intend: @Sendable (Intent) async throws -> Void

  var translation: Translation { Translation(link: link.name, mapping: link.mapping, log: log) }
  private var source: Side { direction.source }
  private var target: Side { direction.target }

  /// - Parameters:
  ///   - standing: what the log knows of the record, read while the record's lock is held.
  /// - Throws: what reading an end throws; the caller takes it for an outage of that end.
  func deliver(_ logged: LoggedChange, _ standing: Standing) async throws -> DeliveryResult {
    let change = logged.change
    let state = standing.state
    if change.operation == .truncate { return .rejected(Self.truncated(change.endpoint)) }
    if isEcho(change, state) { return .settled(.init(ending: .echo)) }
    let seen = try await sourceRecord(change, state)
    do throws(Unmappable) {
      let fields = try await translation.fields(seen.object, at: source)
      return try await write(seen, fields, logged, standing)
    } catch .waits(let reference) {
      return .waits(for: reference)
    } catch .refused(let failure) {
      return .rejected(failure)
    } catch .unreadable(let error) {
      throw error
    }
  }

  /// Our own write that comes back. Only while both sides held exactly the base: else there is something to bring over.
  private func isEcho(_ change: Change, _ state: RecordState?) -> Bool {
    guard let state, state.isAgreed, !change.origin.isAsked else { return false }
    let end = state[source]
    if change.origin == .tidemark { return end.stamp.map { change.stamp <= $0 } ?? false }
    return change.operation != .delete && change.version != nil && change.version == end.version && state.base != nil
  }

  /// The source's record as the change shows it, or as it stands now where the change may be outdated (see `Stamp`).
  func sourceRecord(_ change: Change, _ state: RecordState?) async throws -> Seen {
    let changedAt = change.committedAt == .unknown ? nil : change.committedAt
    let object = change.operation == .delete ? nil : try JSONObject(parsing: change.row)
    let isNewest = change.stamp != .readAgain && (state?[source].stamp.map { change.stamp > $0 } ?? true)
    if change.origin != .replay, isNewest, isWhole(object) {
      return Seen(
        key: change.key, object: object, version: change.version, changedAt: changedAt, stamp: change.stamp)
    }
    let record = try await link[source].target.records([change.key])[change.key]
    return Seen(
      key: change.key, object: record?.fields, version: record?.version,
      changedAt: record?.modifiedAt ?? changedAt, stamp: record?.stamp ?? change.stamp)
  }

  /// Whether a row has all the linked columns. One that was captured before a column was there has not.
  private func isWhole(_ row: JSONObject?) -> Bool {
    guard let row, source == .local else { return true }
    return link.mapping.names.allSatisfy { row[$0] != nil }
  }

  private func write(
    _ seen: Seen, _ fields: JSONObject?, _ logged: LoggedChange, _ standing: Standing
  ) async throws(Unmappable) -> DeliveryResult {
    let state = standing.state
    if state?.base == nil, logged.change.origin == .tidemark, try await isUnsettledOwn(fields) {
      return .retry(Self.unsettled, after: nil)
    }
    // A side that deleted the record does not hold the base.
    let isDoubtful = logged.change.origin.isAsked || state?.gaveWay == target
    var assumed = try await assumption(fields, standing, trusting: isDoubtful ? .nothing : .base)
    if case .undecided(let failure) = assumed { return .retry(failure, after: nil) }
    if case .ambiguous(let failure) = assumed {
      // The change may have been overtaken: its record is gone, and another one has its place by now.
      return try await isGone(seen.key) ? .settled(.init(ending: .unchanged, state: state)) : .rejected(failure)
    }
    var intents = standing.intents
    if state?.base == nil, let key = assumed.target?.key {
      let opposite = try await reading { try await log.intents(of: link.name, direction.opposite, key: key) }
      // The record is taken for the one that the other direction made, so it has to be there still.
      if opposite.contains(where: \.isCreate), try await isGone(seen.key) {
        return .settled(.init(ending: .unchanged, state: state))
      }
      intents += opposite
    }
    let policy = try await policy(for: logged.sequence, state)
    for _ in 0..<Self.mostRounds {
      let recovery = Recovery(state?.base, intents, direction, fields: fields, target: assumed.target?.fields)
      let round = Round(
        link: link, direction: direction, logged: logged, seen: seen, fields: fields, assumed: assumed.target,
        state: state, recovery: recovery, policy: policy, rulings: standing.rulings)
      guard let write = try await request(round) else {
        if round.isDeleteToBeToldAgain, let key = round.formerTargetKey { try await tellDelete(of: key) }
        return try await settle(round, after: nil)
      }
      if let objection = try await reading({ try await objection(write.action) }) { return .held(objection) }
      let intent = round.intent
      if let intent { try await reading { try await intend(intent) } }
      switch await link[target].target.apply([write]).first ?? .retry(Self.unanswered, after: nil) {
      case .applied(let applied):
        return try await finish(round, applied)
      case .mismatch(let record):
        try await forget(intent)
        assumed = .target(try await assumedTarget(record, fallback: round.assumed?.key))
      case .unknown(let failure):
        guard let found = try await lookUp(round, write) else { return .retry(failure, after: nil) }
        assumed = .target(found.target)
        intents = intent.map { [$0] } ?? []
      case .retry(let failure, let after):
        try await forget(intent)
        return .retry(failure, after: after)
      case .unavailable(let failure, let after):
        try await forget(intent)
        return .unavailable(failure, after: after)
      case .rejected(let failure): return .rejected(failure)
      }
    }
    return .retry(Self.restless, after: nil)
  }

  /// The link's policy, with what a person decided for records that meet for the first time.
  private func policy(
    for sequence: LogSequence, _ state: RecordState?
  ) async throws(Unmappable) -> ConflictPolicy {
    var policy = link.policy
    guard link.isTwoWay, link.mapping.names.contains(where: { state?.base?[$0] == nil }) else { return policy }
    let decided = try await reading { try await log.firstContact(of: link.name, at: sequence) }
    if let decided { policy.firstContact = FirstContact(rawValue: decided) ?? policy.firstContact }
    return policy
  }

  /// Puts a delete at the end of the log once more. Whether the record is still gone is looked at at its turn.
  private func tellDelete(of key: RecordKey) async throws(Unmappable) {
    let change = Change(.delete, of: link[target].name, key: key, stamp: .readAgain, committedAt: .unknown)
    try await reading { try await log.tell(change) }
  }

  /// A write that certainly did not happen leaves no doubt. Only where something is added up that matters.
  private func forget(_ intent: Intent?) async throws(Unmappable) {
    guard let intent, intent.fields.names.contains(where: { link.policy[$0].accumulates }) else { return }
    try await reading { try await log.withdraw(intent) }
  }

  private func isGone(_ key: RecordKey) async throws(Unmappable) -> Bool {
    try await reading { try await link[source].target.records([key])[key] == nil }
  }

  /// The base is what the target should hold. Without one, records that belong together are found by the link's key.
  /// Where a write was interrupted nothing is assumed: what the target holds tells whether it happened.
  func assumption(
    _ fields: JSONObject?, _ standing: Standing, trusting trust: Trust
  ) async throws(Unmappable) -> Assumption {
    if let state = standing.state, let base = state.base {
      let end = state[target]
      // Where the sides differed when they were last seen, the base is not what the target holds.
      if trust == .base, state.isAgreed, standing.intents.isEmpty, link.mapping.names.allSatisfy({ base[$0] != nil }) {
        return .target(Target(key: end.key, fields: base, version: end.version, stamp: nil, isRead: false))
      }
      let record = try await reading { try await link[target].target.records([end.key])[end.key] }
      // The record that is gone may have been made anew under another key: before an interruption, or by somebody.
      if record == nil, let fields, !standing.intents.isEmpty || trust == .nothing { return try await match(fields) }
      return .target(try await assumedTarget(record))
    }
    guard let fields else { return .target(nil) }
    return try await match(fields)
  }

  /// Looks for the record that has the same key fields at the target.
  private func match(_ fields: JSONObject) async throws(Unmappable) -> Assumption {
    let wanted = fields.filter { link.match.contains($0) }
    guard !wanted.isEmpty, wanted.members.allSatisfy({ !$0.value.isNull }) else { return .target(nil) }
    let shape = try await translation.shape(wanted, for: target)
    let found = try await reading { try await link[target].target.find(shape) }
    switch found.count {
    case 0: return .target(nil)
    case 1: break
    default: return .ambiguous(Self.ambiguous(link, target))
    }
    let record = found[0]
    if let taken = try await reading({ try await log.state(of: link.name, target, key: record.key) }), taken.base != nil
    {
      // It may be about to be linked to this very record: the other direction made it, and was interrupted.
      let interrupted = try await reading { try await log.intents(of: link.name, direction.opposite, key: record.key) }
      let failure = Self.taken(link, record.key, by: taken[source].key)
      return interrupted.isEmpty ? .ambiguous(failure) : .undecided(failure)
    }
    return .target(try await assumedTarget(record))
  }

  private func assumedTarget(_ record: Record?, fallback: RecordKey? = nil) async throws(Unmappable) -> Target? {
    guard let record, let fields = try await translation.fields(record.fields, at: target) else { return nil }
    return Target(
      key: record.key, fields: fields, version: record.version, stamp: record.stamp, changedAt: record.modifiedAt,
      isRead: true)
  }

  /// After a lost answer: what does the target hold now? Nil when that cannot be told yet.
  private func lookUp(_ round: Round, _ write: Write) async throws(Unmappable) -> (target: Target?, Void)? {
    if let key = write.key {
      let record = try await reading { try await link[target].target.records([key])[key] }
      return (try await assumedTarget(record), ())
    }
    guard let fields = round.fields, case .target(let found) = try await match(fields) else { return nil }
    // Nothing found may also mean that the write is still on its way: the caller comes back after a pause.
    return found.map { ($0, ()) }
  }

  func request(_ round: Round) async throws(Unmappable) -> Write? {
    let key = round.assumed?.key ?? round.formerTargetKey
    switch round.action {
    case .nothing: return nil
    case .create(let fields):
      var shape = try await translation.created(fields, at: target)
      if target == .local, let column = link.idColumn { shape[column] = round.seen.key.values.first }
      // A record that existed at the target comes back under its old key where the target lets us choose.
      return Write(
        .create, key: target == .local ? key : nil, fields: shape, expected: nil, idempotencyKey: token(round, shape))
    case .update(let changes):
      let shape = try await translation.shape(changes, for: target)
      return Write(
        .update, key: key, fields: shape, expected: try await expected(round), idempotencyKey: token(round, shape))
    case .delete:
      return Write(
        .delete, key: key, fields: [:], expected: try await expected(round), idempotencyKey: token(round, [:]))
    }
  }

  /// The same change decided otherwise is another request: APIs refuse one key with two bodies.
  private func token(_ round: Round, _ shape: JSONObject) -> String {
    let digest = shape.bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    return "\(log.identity)-\(link.name)-\(direction)-\(round.logged.sequence)-\(String(digest, radix: 16))"
  }

  private func expected(_ round: Round) async throws(Unmappable) -> Write.Known? {
    guard let assumed = round.assumed else { return nil }
    return Write.Known(version: assumed.version, fields: try await translation.shape(assumed.fields, for: target))
  }

  /// The write is done. What the target made of it counts, not what was sent.
  private func finish(_ round: Round, _ applied: Outcome.Applied) async throws(Unmappable) -> DeliveryResult {
    var after: JSONObject?
    if case .delete = round.action {
    } else {
      after = try await translation.fields(applied.after, at: target) ?? round.intended
    }
    return try await settle(round, after: .init(applied: applied, fields: after))
  }

  /// What the log remembers; before that the local record is told its remote key, where a column waits for it. Done in
  /// this order a crash between the two repeats the telling.
  private func settle(_ round: Round, after: Round.After?) async throws(Unmappable) -> DeliveryResult {
    var settled = round.settled(after: after)
    guard let column = link.idColumn, let state = settled.state, state.base != nil,
      !round.localHolds(state.remote.key, in: column)
    else { return .settled(settled) }
    let telling = Write(
      .update, key: state.local.key, fields: JSONObject([(column, state.remote.key.values.first ?? .null)]),
      expected: nil, idempotencyKey: token(round, JSONObject([(column, state.remote.key.values.first ?? .null)])))
    switch await link.local.target.apply([telling]).first ?? .retry(Self.unanswered, after: nil) {
    case .applied(let applied): settled.state?.local.see(applied.stamp)
    // The record is gone again, or the column will not take it: that is no reason to hold the record back.
    case .mismatch, .rejected: break
    case .retry(let failure, let after): return .retry(failure, after: after)
    case .unavailable(let failure, let after): return .unavailable(failure, after: after)
    case .unknown(let failure): return .retry(failure, after: nil)
    }
    return .settled(settled)
  }
}
