import Changes
import Postgres

/// A place in what a slot decodes: transactions come whole and in the order of their commits, so everything committed
/// before `through` was read and, where a batch ends inside a transaction, its first changes.
///
/// They are counted, since rows that one statement wrote together share one LSN.
struct WALPlace: Hashable, Sendable {
  struct Inside: Hashable, Sendable {
    /// Where the transaction's commit stands.
    var commit: LSN
    /// How many of its changes were read.
    var changes: Int
  }

  var through: LSN
  var inside: Inside?
}

extension WALPlace {
  private static let mark = "wal:"

  /// The inverse of `text`; nil for anything else.
  init?(_ text: String) {
    guard text.hasPrefix(Self.mark) else { return nil }
    let parts = text.dropFirst(Self.mark.count).split(separator: "+", omittingEmptySubsequences: false)
    guard parts.count == 1 || parts.count == 3, let through = LSN(parts[0]) else { return nil }
    self.init(through: through)
    guard parts.count == 3 else { return }
    guard let commit = LSN(parts[1]), let changes = Int(parts[2]), changes > 0 else { return nil }
    inside = Inside(commit: commit, changes: changes)
  }

  var text: String { Self.mark + "\(through)" + (inside.map { "+\($0.commit)+\($0.changes)" } ?? "") }
}
