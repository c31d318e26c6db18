package import Changes
package import Log

/// Applies logged changes once more: copies of them are put at the end of the log and travel like any other change.
///
/// Only the newest change of a record on a page is copied: what a record holds is read again at its turn, so an older one
/// says nothing more. Tidemark's own writes, repairs and what was replayed before are left out.
package struct ReplayOrder: Sendable {
  package let endpoint: EndpointName
  package let through: LogSequence
  /// Of one record only.
  package let key: RecordKey?

  package init(endpoint: EndpointName, through: LogSequence, key: RecordKey?) {
    self.endpoint = endpoint
    self.through = through
    self.key = key
  }

  /// The next part: what is to be applied once more, what of the log could not be read, and where the part after it starts;
  /// nil after the last.
  package func part(
    after place: LogSequence, of log: ChangeLog
  ) async throws -> (changes: [LoggedChange], damaged: [DamagedRecord], next: LogSequence?) {
    let page = try await log.page(of: endpoint, after: place, limit: 500)
    var newest: [RecordKey: LoggedChange] = [:]
    for logged in page.changes where logged.sequence <= through && isWanted(logged.change) {
      newest[logged.change.key] = logged
    }
    let isLast = page.through >= through || page.through == place
    return (
      newest.values.sorted { $0.sequence < $1.sequence }, page.damaged.filter { $0.sequences.lowerBound <= through },
      isLast ? nil : page.through
    )
  }

  /// The change as it travels again.
  package static func again(_ change: Change) -> Change {
    var copy = change
    copy.origin = .replay
    return copy
  }

  private func isWanted(_ change: Change) -> Bool {
    change.origin == .application && change.operation != .truncate && (key.map { $0 == change.key } ?? true)
  }
}
