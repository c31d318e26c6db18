import Changes
import SQLite

/// A set of keys that grows on disk instead of in memory. Its file is SQLite's own and goes with the value.
struct SeenKeys: Sendable {
  private let connection: SQLiteConnection

  init() async throws {
    connection = try await .scratch("CREATE TABLE keys (key TEXT PRIMARY KEY) WITHOUT ROWID")
  }

  /// Remembers what `elements` are called.
  /// - Returns: those whose name was not in it before.
  @discardableResult
  func insert<Element: Sendable>(
    _ elements: [Element], by name: @escaping @Sendable (Element) -> String
  ) async throws -> [Element] {
    try await connection.transaction { session in
      try elements.filter { element in
        try session.execute("INSERT OR IGNORE INTO keys VALUES (?)", [.text(name(element))])
        return session.changes > 0
      }
    }
  }

  func contains(_ keys: [RecordKey]) async throws -> Set<RecordKey> {
    try await connection.run { session in
      Set(
        try keys.filter { key in
          try session.first("SELECT 1 FROM keys WHERE key = ?", [.text(key.encoded)]) { _ in true } ?? false
        })
    }
  }
}

extension SQLiteConnection {
  /// A database of one table in a file that goes with the connection: what a comparison remembers beyond a page.
  static func scratch(_ table: String) async throws -> SQLiteConnection {
    // An empty path is a private temporary file (sqlite.org/inmemorydb.html); nothing in it needs to survive.
    let connection = try await SQLiteConnection(path: "", access: .create)
    try await connection.run { session in
      try session.execute("PRAGMA journal_mode = OFF")
      try session.execute("PRAGMA synchronous = OFF")
      try session.execute("PRAGMA cache_size = -8192")
      try session.execute(table)
    }
    return connection
  }
}
