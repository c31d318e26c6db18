import Changes
import Log

/// Where the search for records stands that the link knows and that are gone from the end, in a backfill that heals a gap of
/// capture: nobody saw them deleted. It counts first, so that an unusual number stops before anything is told.
struct GoneSearch {
  private enum Phase: String { case counting, telling }

  /// Fewer records than this may go without a question.
  private static let mostUnasked = 100
  /// More than this share of all that the link knows is not believed.
  private static let mostShare = 0.2

  private let phase: Phase
  private let after: RecordKey?

  /// Where it begins, as a backfill's place.
  static var beginning: Position { GoneSearch(.counting, after: nil).place }

  private init(_ phase: Phase, after: RecordKey?) {
    self.phase = phase
    self.after = after
  }

  /// Nil for a place of another kind.
  init?(_ place: Position) {
    guard place.epoch.hasPrefix("gone "), let phase = Phase(rawValue: String(place.epoch.dropFirst(5))) else {
      return nil
    }
    self.init(phase, after: place.place.isEmpty ? nil : try? RecordKey(encoded: place.place))
  }

  private var place: Position { Position(epoch: "gone \(phase.rawValue)", place: after?.encoded ?? "") }

  /// The next records that are looked for. What is told as deleted is looked for once more when it is delivered.
  /// - Throws: `Failure` `backfill.gone` where too many are gone to be believed.
  func chunk(
    of backfill: Backfill, _ end: BackfillEnd, _ log: ChangeLog, limit: Int, _ low: LogSequence
  ) async throws -> BackfillChunk {
    let keys = try await log.linkedKeys(of: backfill.link, backfill.side, after: after, limit: limit)
    let found = try await end.reader.records(keys)
    let gone = keys.filter { found[$0] == nil }
    let next = keys.count < limit ? nil : GoneSearch(phase, after: keys.last).place
    switch phase {
    case .counting:
      let missing = backfill.missing + Int64(gone.count)
      if next == nil { try await requireCredible(missing, of: end, log) }
      return BackfillChunk([], next: next ?? GoneSearch(.telling, after: nil).place, missing: gone.count, low: low)
    case .telling:
      var chunk = BackfillChunk([], next: next, low: low)
      chunk.gone = gone
      return chunk
    }
  }

  private func requireCredible(_ missing: Int64, of end: BackfillEnd, _ log: ChangeLog) async throws {
    let known = try await log.linkedCount(of: end.link)
    guard missing > Self.mostUnasked, Double(missing) > Self.mostShare * Double(known) else { return }
    throw Failure(
      code: "backfill.gone",
      message:
        "\(missing) of \(known) records that link \(end.link) knows are gone from \(end.endpoint): so many are not"
        + " deleted at the other side unasked; `tidemark verify \(end.link)` lists them, and with --repair --prefer \(end.side == .local ? "database" : "application") deletes them"
    )
  }
}
