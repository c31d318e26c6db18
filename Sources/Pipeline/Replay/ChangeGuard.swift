import Changes
import DequeModule
import Log
import Telemetry

/// Stops a link from deleting or overwriting more at one side than is believed to be meant, until somebody says that it is.
///
/// What is held stays in the log as waiting changes, each at its record's place in the order; other records go on, and so do
/// other kinds of writes.
actor ChangeGuard {
  /// How long a count of the log is taken to be true. Counting what is held takes the log some milliseconds.
  private static let memory = Duration.seconds(1)

  private struct Passed {
    var writes: Deque<(at: ContinuousClock.Instant, sequence: LogSequence)> = []
    var sequences: Set<LogSequence> = []
  }

  private let link: Link
  private let direction: Direction
  private let settings: GuardSettings
  private let log: ChangeLog
  private var passed: [Write.Action: Passed] = [:]
  private var held: [HeldChanges.Kind: Int] = [:]
  private var records: Int64 = 0
  private var countedAt: ContinuousClock.Instant?

  /// Nil where nothing is to be held.
  init?(_ link: Link, _ direction: Direction, log: ChangeLog) {
    guard let settings = link.guards[direction] else { return nil }
    self.link = link
    self.direction = direction
    self.settings = settings
    self.log = log
  }

  /// Why a write may not happen yet; nil if it may, and is counted.
  /// - Parameter isApproved: somebody has said that it is meant.
  func objection(to action: Write.Action, _ sequence: LogSequence, isApproved: Bool) async throws -> Failure? {
    guard let kind = HeldChanges.Kind(action) else { return nil }
    try await count()
    guard !isApproved else {
      // What passed until now was part of what somebody looked at.
      passed[action] = nil
      return nil
    }
    guard let most = settings.most(action, of: records) else { return nil }
    var recent = passed[action] ?? Passed()
    if recent.sequences.contains(sequence) { return nil }
    let start = ContinuousClock.now - settings.within
    while let first = recent.writes.first, first.at < start {
      recent.writes.removeFirst()
      recent.sequences.remove(first.sequence)
    }
    if held[kind, default: 0] == 0, recent.writes.count < most {
      recent.writes.append((.now, sequence))
      recent.sequences.insert(sequence)
      passed[action] = recent
      return nil
    }
    passed[action] = recent
    held[kind, default: 0] += 1
    return kind.failure(link.name, most, within: settings.within)
  }

  /// Says what waits for somebody, or that nothing does any more. Costs nothing as long as nothing is held.
  func report(to telemetry: Telemetry) async throws {
    guard countedAt == nil || !held.isEmpty else { return }
    try await count()
    let name = "\(link.name) \(direction)"
    guard !held.isEmpty else {
      telemetry.clear(.approval, name)
      return
    }
    let what = held.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($0.value) \($0.key.plural)" }
    telemetry.stall(
      .approval, name, .needsDecision,
      detail:
        "\(what.joined(separator: " and ")) of \(records) records wait at \(link[direction.target].name): if that is"
        + " meant, run `tidemark approve \(link.name)`")
  }

  private func count() async throws {
    if let countedAt, ContinuousClock.now - countedAt < Self.memory { return }
    countedAt = .now
    held = try await log.heldChanges(of: link.name, direction)
    records = try await log.linkedCount(of: link.name)
  }
}

extension HeldChanges.Kind {
  init?(_ action: Write.Action) {
    switch action {
    case .create: return nil
    case .update: self = .overwrite
    case .delete: self = .delete
    }
  }

  fileprivate func failure(_ link: LinkName, _ most: Int, within: Duration) -> Failure {
    Failure(
      code: code,
      message:
        "link \(link) makes more than \(most) \(plural) in \(within.components.seconds) s, which is not believed to be"
        + " meant: if it is, run `tidemark approve \(link)`")
  }
}
