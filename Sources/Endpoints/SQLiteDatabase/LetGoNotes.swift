import Changes
import SQLite

/// What the triggers noted of changes they did not keep, since the outbox had reached its bound: the tables, by their numbers in
/// `_tidemark_shapes`.
struct LetGoNotes: Sendable {
  private var shapes: Set<Int64> = []
  /// Whether the application would still find some of the notes and make no new ones.
  private(set) var areNew = false

  init(in session: SQLiteSession) throws {
    try session.rows("SELECT shape, is_taken FROM main.\"_tidemark_let_go\"") { row in
      shapes.insert(row.integer(0))
      areNew = areNew || row.integer(1) == 0
    }
  }

  var isEmpty: Bool { shapes.isEmpty }

  /// The tables that are captured still.
  func endpoints(_ outbox: OutboxReader) -> Set<EndpointName> { Set(shapes.compactMap { outbox.tables[$0]?.endpoint }) }

  /// To be called in a transaction.
  func take(in session: SQLiteSession) throws {
    try session.execute(
      "INSERT OR IGNORE INTO main.\"_tidemark_let_go\" SELECT shape, 1 FROM main.\"_tidemark_let_go\" WHERE is_taken = 0"
    )
    try session.execute("DELETE FROM main.\"_tidemark_let_go\" WHERE is_taken = 0")
  }

  static func removeTaken(in session: SQLiteSession) throws {
    try session.execute("DELETE FROM main.\"_tidemark_let_go\" WHERE is_taken = 1")
  }
}
