import Changes
import SQLite

/// A place in the outbox: the id of the last row told, and when that row was written.
///
/// The id alone would be mistaken where an older copy was restored into the same file and the application went on: ids
/// repeat there and mean other rows. A row is removed only after it was told, so a row that stands at our place must be
/// the one we know.
struct OutboxPlace: Hashable, Sendable {
  let id: Int64
  /// Unix time in milliseconds; nil at the start.
  let at: Int64?

  static let start = OutboxPlace(id: 0, at: nil)

  init(id: Int64, at: Int64?) {
    self.id = id
    self.at = at
  }

  /// The inverse of `text`.
  init?(_ text: String) {
    let parts = text.split(separator: "@", maxSplits: 1)
    guard let id = parts.first.flatMap({ Int64($0) }) else { return nil }
    self.init(id: id, at: parts.count == 2 ? Int64(parts[1]) : nil)
  }

  var text: String { at.map { "\(id)@\($0)" } ?? "\(id)" }

  /// Why what follows this place can no longer be told, in words; nil if it can.
  func contradiction(in session: SQLiteSession) throws -> String? {
    let highest = try highestStamp(in: session).number
    guard id <= highest else {
      return "the database went back from change \(id) to \(highest): an older copy was restored"
    }
    let found = try session.first("SELECT at FROM main.\"_tidemark_outbox\" WHERE id = ?", [.integer(id)]) {
      $0.integer(0)
    }
    guard let at, let found, found != at else { return nil }
    return "change \(id) is another one than before: an older copy was restored and written since"
  }
}

extension Position {
  /// What is answered where nothing could be read yet: before everything, in whatever epoch it will be.
  static let unread = Position(epoch: "", place: OutboxPlace.start.text)
}

/// The highest outbox id ever given; 0 where nothing is installed or nothing was captured yet.
func highestStamp(in session: SQLiteSession) throws -> Stamp {
  let isThere =
    try session.first(
      "SELECT 1 FROM main.sqlite_schema WHERE name = '_tidemark_outbox'"
    ) { _ in true } ?? false
  guard isThere else { return Stamp(0) }
  return Stamp(
    try session.first("SELECT seq FROM main.sqlite_sequence WHERE name = '_tidemark_outbox'") { $0.integer(0) } ?? 0)
}
