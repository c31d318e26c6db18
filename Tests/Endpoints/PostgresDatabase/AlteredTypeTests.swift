import Changes
import Postgres
import PostgresDatabase
import Support
import Testing

/// Types that are altered while their rows are read from the WAL: the stream does not tell.
struct AlteredTypeTests {
  private static let people = """
    CREATE TYPE mood AS ENUM ('calm');
    CREATE DOMAIN short AS text CHECK (length(VALUE) < 10);
    CREATE TYPE address AS (street text, number int);
    CREATE TABLE people (id int PRIMARY KEY, home address, places address[], feels mood, nick short)
    """
  private static let john = "INSERT INTO people VALUES (1, ('Quay', 1), ARRAY[('Pier', 2)::address], 'calm', 'jo')"

  private static let alterations = [
    "ALTER TYPE address RENAME ATTRIBUTE number TO house",
    "ALTER TYPE address ADD ATTRIBUTE zip text",
    "ALTER TYPE address DROP ATTRIBUTE street",
    "ALTER TYPE address DROP ATTRIBUTE street; ALTER TYPE address ADD ATTRIBUTE town text",
    "ALTER TYPE address DROP ATTRIBUTE number; ALTER TYPE address ADD ATTRIBUTE house int",
    "ALTER TYPE mood ADD VALUE 'stormy'", "ALTER TYPE mood RENAME VALUE 'calm' TO 'still'",
    "ALTER DOMAIN short DROP CONSTRAINT short_check",
  ]

  @Test(arguments: alterations)
  func `Invariant 10: a row written after its type was altered is told under the new one`(
    alteration: String
  ) async throws {
    let scene = try await PostgresScene(Self.people, tables: ["people"], capture: .wal)
    try await scene.execute(Self.john)
    let position = try await goOn(scene, under: alteration)
    try await scene.execute("UPDATE people SET nick = 'joey'")
    try await requireTold(scene, by: try await scene.reader(), after: position)
  }

  /// By a reader that has understood rows before, and is gone when this returns.
  private func goOn(_ scene: PostgresScene, under alteration: String) async throws -> Position {
    let reader = try await scene.reader()
    let (first, position) = try await reader.drain()
    #expect(first.map(\.brief) == ["insert 1"])
    try await scene.execute(alteration)
    try await scene.execute("UPDATE people SET nick = 'joe'")
    try await requireTold(scene, by: reader, after: position)
    return position
  }

  // A label that is renamed is renamed in rows that nobody writes, too.
  @Test(arguments: alterations.filter { !$0.contains("RENAME VALUE") })
  func `Invariant 10: rows from before and after, read in one go, end as the table has them`(
    alteration: String
  ) async throws {
    let scene = try await PostgresScene(Self.people, tables: ["people"], capture: .wal)
    let (_, position) = try await scene.reader().drain()
    try await scene.execute(Self.john)
    try await scene.execute(alteration)
    try await requireTold(scene, by: try await scene.reader(), after: position)
    try await scene.execute("INSERT INTO people (id, nick) VALUES (2, 'ann')")
    try await requireTold(scene, by: try await scene.reader(), after: position)
  }

  /// The last told row of each record is what the table holds.
  private func requireTold(
    _ scene: PostgresScene, by reader: PostgresDatabase, after position: Position
  ) async throws {
    var told: [String: String] = [:]
    var after = position
    repeat {
      let batch = try await reader.next(after: after)
      for change in batch.changes {
        #expect(change.stamp > Stamp(0), "\(change.brief) is not to be trusted")
        told["\(change.key)"] = String(decoding: change.row, as: UTF8.self)
      }
      after = batch.through
      if batch.completeAsOf != nil { break }
    } while true
    let rows = try await scene.application.run { session in
      try session.all("SELECT id::text, to_jsonb(p)::text FROM people p") { ($0.string(0), $0.string(1)) }
    }
    #expect(told == Dictionary(rows) { first, _ in first })
  }
}
