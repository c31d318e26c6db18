import Changes
import JSON

extension RESTObject {
  /// No API tells cheaply how much it holds.
  func rowCount(_ selection: BackfillSelection) async throws -> RowCount? {
    try refuse(selection)
    return nil
  }

  /// Page by page. What changed since a moment is asked for where the application lists by time; else it is all listed
  /// and the rest left out here.
  func rows(
    _ selection: BackfillSelection, from position: Position?, limit: Int
  ) async throws -> RowChunk {
    try refuse(selection)
    let chunk = try await chunk(from: position, limit: limit, since: selection.since.flatMap(cursor))
    let rows = chunk.records.filter { record in
      guard let since = selection.since, let modified = record.modifiedAt else { return true }
      return modified >= since
    }
    return RowChunk(rows.map(ReadRow.init), next: chunk.next)
  }

  private func refuse(_ selection: BackfillSelection) throws(Failure) {
    guard selection.condition == nil else {
      throw Failure(
        code: "backfill.where", message: "--where is SQL, and \(endpoint) is no table: use --since or --keys")
    }
    guard selection.since == nil || rules.list.cursor?.format != nil || rules.modifiedAt != nil else {
      throw Failure(
        code: "backfill.since",
        message: "\(endpoint) does not tell when a record changed: its manifest has neither a cursor of times nor"
          + " modified_at")
    }
  }

  /// The cursor of a listing that begins at a moment; nil where cursors are no times.
  private func cursor(_ since: Timestamp) -> JSONValue? {
    rules.list.cursor?.format.map { .string($0.text(since)) }
  }
}
