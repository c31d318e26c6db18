import Foundation
import Glibc
import Postgres
import SQLite

/// The table that is measured with, in PostgreSQL. Rows are of about 200 bytes.
struct Shop {
  let connection: PostgresConnection
  private let place: Workplace

  init(_ place: Workplace) {
    self.place = place
    connection = PostgresConnection(url: place.postgres)
  }

  static func table(_ name: String) -> String {
    """
    CREATE TABLE \(name) (
      id bigint PRIMARY KEY, name text NOT NULL, email text NOT NULL, city text, amount numeric(12,2),
      updated_at timestamptz NOT NULL DEFAULT now(), note text)
    """
  }

  /// A row's values for a SELECT over `n`.
  static let values =
    """
    n, 'Customer number ' || n, 'customer' || n || '@example.com', 'City ' || n % 100, n % 10000 / 7.0, now(),
    repeat('0123456789', 9)
    """

  func execute(_ sql: String) async throws { try await connection.run { try $0.execute(sql) } }

  func text(_ sql: String) async throws -> String {
    try await connection.run { try $0.first(sql) { $0.string(0) } } ?? ""
  }

  /// Makes the table anew, with `rows` rows.
  func make(_ name: String = Site.table, rows: Int = 0) async throws {
    try await execute("DROP TABLE IF EXISTS \(name)")
    try await execute(Self.table(name))
    try await execute("INSERT INTO \(name) SELECT \(Self.values) FROM generate_series(1, \(rows)) n")
    try await execute("VACUUM ANALYZE \(name)")
  }

  /// Inserts rows 1 to `count` in transactions of `size`. Nobody waits for these commits: what is measured is reading.
  func fill(_ count: Int, transactionsOf size: Int) async throws {
    try await execute("SET synchronous_commit = off")
    try await execute(
      """
      DO $fill$ BEGIN
        FOR i IN 0..\(count / size - 1) LOOP
          INSERT INTO \(Site.table) SELECT \(Self.values)
          FROM generate_series(i * \(size)::bigint + 1, (i + 1) * \(size)::bigint) n;
          COMMIT;
        END LOOP;
      END $fill$
      """)
    try await execute("RESET synchronous_commit")
    try await execute("CHECKPOINT")
  }

  /// Makes and takes away slots; a slot that somebody still reads is waited for.
  func dropSlot(_ name: String) async throws {
    for _ in 0..<200 {
      let active = try await text(
        "SELECT coalesce((SELECT active::text FROM pg_replication_slots WHERE slot_name = '\(name)'), 'gone')")
      if active == "gone" { return }
      if active == "false" { return try await execute("SELECT pg_drop_replication_slot('\(name)')") }
      try await Task.sleep(for: .milliseconds(50))
    }
    throw Failed(description: "slot \(name) stays in use")
  }

  func copySlot(_ from: String, to name: String) async throws {
    try await execute("SELECT pg_copy_logical_replication_slot('\(from)', '\(name)')")
  }

  /// Runs pgbench on a script for the place's seconds.
  /// - Returns: transactions a second.
  func transactions(_ script: String, clients: Int) throws -> Double {
    let file = "\(place.folder)/\(UUID().uuidString)"
    try script.write(toFile: file, atomically: true, encoding: .utf8)
    let pgbench = try Program(
      "\(place.programs)/pgbench",
      ["-n", "-M", "prepared", "-f", file, "-c", "\(clients)", "-j", "1", "-T", "\(place.seconds)", place.postgres],
      scratch: place.folder, output: file + ".out")
    try pgbench.end()
    let output = try String(contentsOfFile: file + ".out", encoding: .utf8)
    guard let line = output.split(separator: "\n").first(where: { $0.hasPrefix("tps = ") }),
      let number = line.split(separator: " ").dropFirst(2).first.flatMap({ Double($0) })
    else { throw Failed(description: "pgbench said no rate: \(output)") }
    return number
  }

  /// One update of one row of `rows`.
  static func update(_ table: String, rows: Int) -> String {
    "\\set id random(1, \(rows))\nUPDATE \(table) SET city = 'City ' || :id, updated_at = now() WHERE id = :id;\n"
  }

  /// One insert of a thousand rows.
  static func insert(_ table: String, sequence: String) -> String {
    "INSERT INTO \(table) SELECT \(values) FROM (SELECT nextval('\(sequence)') AS n FROM generate_series(1, 1000)) s;\n"
  }

  /// Commits `count` changes one by one, evenly over time, and tells when each commit had returned.
  func commits(_ count: Int, every interval: Duration) async throws -> [Commit] {
    try await connection.run { session in
      try paced(count, every: interval) { number in
        try session.execute(
          "UPDATE \(Site.table) SET note = $1 WHERE id = $2",
          [.text("change \(number)"), .text(String(number % 500 + 1))])
      }
    }
  }
}

/// When a commit had returned, by both clocks.
struct Commit {
  let instant: ContinuousClock.Instant
  let wall: Double
}

/// Does something `count` times, once an interval. Where it falls behind it goes on as fast as it can.
func paced(_ count: Int, every interval: Duration, _ work: (Int) throws -> Void) rethrows -> [Commit] {
  let started = ContinuousClock.now
  return try (0..<count).map { number in
    let wait = started + interval * number - ContinuousClock.now
    if wait > .zero { usleep(UInt32(wait / .microseconds(1))) }
    try work(number)
    return Commit(instant: .now, wall: wallClock())
  }
}

/// The same table in a SQLite file.
struct SQLiteShop {
  let path: String
  let connection: SQLiteConnection

  init(_ place: Workplace, rows: Int) async throws {
    path = "\(place.folder)/\(UUID().uuidString).db"
    connection = try await SQLiteConnection(path: path, access: .create)
    try await connection.run { session in
      try session.execute("PRAGMA journal_mode = WAL")
      try session.execute("PRAGMA synchronous = FULL")
      try session.execute(
        """
        CREATE TABLE \(Site.table) (
          id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL, city TEXT, amount NUMERIC,
          updated_at TEXT NOT NULL, note TEXT)
        """)
      try session.execute("BEGIN")
      for id in 1...rows { try Self.insert(id, session) }
      try session.execute("COMMIT")
    }
  }

  static func insert(_ id: Int, _ session: SQLiteSession) throws {
    try session.execute(
      "INSERT INTO \(Site.table) VALUES (?, ?, ?, ?, ?, ?, ?)",
      [
        .integer(Int64(id)), .text("Customer number \(id)"), .text("customer\(id)@example.com"),
        .text("City \(id % 100)"), .real(Double(id % 10000) / 7), .text("2026-11-24T10:00:00Z"),
        .text("012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"),
      ])
  }

  func commits(_ count: Int, every interval: Duration) async throws -> [Commit] {
    try await connection.run { session in
      try paced(count, every: interval) { number in try Self.update(number, session) }
    }
  }

  static func update(_ number: Int, _ session: SQLiteSession) throws {
    try session.execute(
      "UPDATE \(Site.table) SET note = ? WHERE id = ?",
      [.text("change \(number)"), .integer(Int64(number % 500 + 1))])
  }
}
