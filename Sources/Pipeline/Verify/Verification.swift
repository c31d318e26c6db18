package import Changes
package import Log
package import Replay

/// Compares both sides of a link, record by record, after mapping. Changes nothing at either.
///
/// The remote side is read in its own pages and the partners of a page by key at the local side, so an API is asked for
/// no more than its listing; a second pass over the local side finds what no page held. Memory is that of a page: which
/// keys were seen is kept on disk. What differs there is only suspected, and looked at again by `Motion`.
package struct Verification: Sendable {
  package enum Scope: Hashable, Sendable {
    case everything
    /// So many of the records that the link knows, chosen at random, each read by key at both sides.
    case sample(Int)
    /// Records that the log holds a change of after a sequence.
    case since(LogSequence)
  }

  package static let usualPageRows = 500
  /// As many as that are remembered to be looked at again at the end; with more on their way the rest counts at once.
  private static let mostInFlight = 10_000
  private static let pause = Duration.milliseconds(100)

  private let link: Link
  private let directions: [Direction]
  private let log: ChangeLog
  private let comparison: Comparison
  private let motion: Motion
  private let pageRows: Int

  /// - Parameters:
  ///   - directions: those in which the link carries changes.
  ///   - witness: nil where nothing captures and replays meanwhile: what is on its way then stays so.
  ///   - pageRows: how many records are compared at once, and held in memory.
  package init(
    _ link: Link, directions: [Direction], log: ChangeLog, witness: CaptureWitness?, pageRows: Int = usualPageRows
  ) {
    self.pageRows = pageRows
    self.link = link
    self.directions = directions
    self.log = log
    comparison = Comparison(link, log: log)
    motion = Motion(comparison: comparison, directions: directions, witness: witness)
  }

  /// - Parameters:
  ///   - patience: how long to wait for changes on their way, after everything else was compared.
  ///   - report: sees each difference once, as it is found.
  package func run(
    _ scope: Scope, patience: Duration, report: (Difference) async throws -> Void
  ) async throws -> VerificationFigures {
    var tally = Tally(patience: patience)
    switch scope {
    case .everything:
      let seen = try await SeenKeys()
      try await compareRemote(seen, &tally, report)
      try await compareLocal(seen, &tally, report)
    case .sample(let count):
      let records = try await log.sample(of: link.name, count: count)
      for start in stride(from: 0, to: records.count, by: pageRows) {
        try await compare(Array(records[start..<min(start + pageRows, records.count)]), &tally, report)
      }
    case .since(let sequence): try await compareChanged(after: sequence, &tally, report)
    }
    try await examine(&tally, report)
    try await waitForRest(&tally, report)
    var sample: Int?
    if case .sample(let count) = scope { sample = count }
    return VerificationFigures(
      sample: sample, compared: tally.compared, differences: tally.differences, inFlight: tally.inFlight, endedAt: .now)
  }

  /// Looks at some records only: what became of differences that were mended.
  package func look(again records: [RecordPair], patience: Duration) async throws -> VerificationFigures {
    var tally = Tally(patience: patience)
    tally.compared = Int64(records.count)
    for start in stride(from: 0, to: records.count, by: pageRows) {
      tally.suspects = Array(records[start..<min(start + pageRows, records.count)])
      try await examine(&tally) { _ in }
    }
    try await waitForRest(&tally) { _ in }
    return VerificationFigures(
      sample: nil, compared: tally.compared, differences: tally.differences, inFlight: tally.inFlight, endedAt: .now)
  }

  /// Where a run stands.
  private struct Tally {
    let patience: Patience
    var compared: Int64 = 0
    var differences: Int64 = 0
    var inFlight: Int64 = 0
    var suspects: [RecordPair] = []
    var later: [RecordPair] = []
    /// Capture did not answer in time once; it is not waited for again for every page.
    var isUntold = false

    init(patience: Duration) { self.patience = Patience(longest: patience) }
  }

  private func compareRemote(
    _ seen: SeenKeys, _ tally: inout Tally, _ report: (Difference) async throws -> Void
  ) async throws {
    var place: Position?
    repeat {
      let from = place
      let chunk = try await tally.patience.reading {
        try await link.remote.target.chunk(from: from, limit: pageRows)
      }
      let records = Dictionary(chunk.records.map { ($0.key, $0) }) { _, last in last }
      // A listing may hold a record twice while records come and go.
      let new = try await seen.insert(Array(records.keys)) { $0.encoded }
      let pairs = try await comparison.linked(new.map { RecordPair(.remote, $0) })
      tally.compared += Int64(pairs.count)
      tally.suspects += try await tally.patience.reading {
        try await comparison.differences(pairs, read: [.remote: records])
      }.map(\.record)
      try await examine(&tally, report)
      place = chunk.next
    } while place != nil
  }

  private func compareLocal(
    _ seen: SeenKeys, _ tally: inout Tally, _ report: (Difference) async throws -> Void
  ) async throws {
    var place: Position?
    repeat {
      let from = place
      let chunk = try await tally.patience.reading { try await link.local.target.chunk(from: from, limit: pageRows) }
      let pairs = try await comparison.linked(chunk.records.map { RecordPair(.local, $0.key) })
      let met = try await seen.contains(pairs.compactMap(\.remote))
      // This side may be listed by number too, and hold a record twice.
      let unmet = try await seen.insert(pairs.filter { pair in pair.remote.map { !met.contains($0) } ?? true }) {
        "local \($0.local?.encoded ?? "")"
      }
      tally.compared += Int64(unmet.count)
      tally.suspects += unmet
      try await examine(&tally, report)
      place = chunk.next
    } while place != nil
  }

  private func compareChanged(
    after sequence: LogSequence, _ tally: inout Tally, _ report: (Difference) async throws -> Void
  ) async throws {
    let seen = try await SeenKeys()
    for direction in directions {
      let side = direction.source
      var place = sequence
      while true {
        let page = try await log.page(of: link[side].name, after: place, limit: pageRows)
        guard page.through > place else { break }
        place = page.through
        let keys = Set(page.changes.map(\.change).filter { $0.operation != .truncate }.map(\.key))
        let pairs = try await comparison.linked(keys.map { RecordPair(side, $0) })
        let new = try await seen.insert(pairs) { $0.local?.encoded ?? "remote \($0.remote?.encoded ?? "")" }
        try await compare(new, &tally, report)
      }
    }
  }

  private func compare(
    _ records: [RecordPair], _ tally: inout Tally, _ report: (Difference) async throws -> Void
  ) async throws {
    for start in stride(from: 0, to: records.count, by: pageRows) {
      let part = Array(records[start..<min(start + pageRows, records.count)])
      tally.compared += Int64(part.count)
      tally.suspects += try await tally.patience.reading { try await comparison.differences(part) }.map(\.record)
      try await examine(&tally, report)
    }
  }

  /// Looks at what is suspected so far. What is on its way is left for the end.
  private func examine(_ tally: inout Tally, _ report: (Difference) async throws -> Void) async throws {
    guard !tally.suspects.isEmpty else { return }
    let look = try await look(tally.suspects, until: .now + tally.patience.longest, &tally, report)
    tally.suspects = []
    let room = max(0, Self.mostInFlight - tally.later.count)
    tally.later += look.inFlight.prefix(room)
    tally.inFlight += Int64(max(0, look.inFlight.count - room))
  }

  private func waitForRest(_ tally: inout Tally, _ report: (Difference) async throws -> Void) async throws {
    let deadline = ContinuousClock.now + tally.patience.longest
    while !tally.later.isEmpty, motion.witness != nil, ContinuousClock.now < deadline {
      let records = tally.later
      tally.later = []
      tally.isUntold = false
      for start in stride(from: 0, to: records.count, by: pageRows) {
        let part = Array(records[start..<min(start + pageRows, records.count)])
        tally.later += try await look(part, until: deadline, &tally, report).inFlight
      }
      if !tally.later.isEmpty { try await Task.sleep(for: Self.pause) }
    }
    tally.inFlight += Int64(tally.later.count)
  }

  private func look(
    _ records: [RecordPair], until deadline: ContinuousClock.Instant, _ tally: inout Tally,
    _ report: (Difference) async throws -> Void
  ) async throws -> Motion.Look {
    let limit = tally.isUntold ? ContinuousClock.now : deadline
    let look = try await tally.patience.reading { try await motion.look(records, until: limit) }
    tally.isUntold = look.isUntold
    for difference in look.differences where !isStranger(difference) {
      tally.differences += 1
      try await report(difference)
    }
    return look
  }

  /// One way, a record that only the target has and that the link never brought there is none of the link's business.
  private func isStranger(_ difference: Difference) -> Bool {
    guard directions.count == 1, let source = directions.first?.source else { return false }
    return difference.missing == source && difference.record[source] == nil
  }
}
