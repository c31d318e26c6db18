import Postgres
import PostgresDatabase
import SQLiteDatabase
import Support
import Testing

/// Whether records that are new to a link can be looked for by its key.
@Suite(.serialized) struct IndexAdviceTests {
  @Test func `A large PostgreSQL table without an index on the key is told, with the index it lacks`() async throws {
    let scene = try await PostgresScene(
      """
      CREATE TABLE items (id int PRIMARY KEY, part int, "E mail" text, note text);
      INSERT INTO items SELECT n, n, 'e' || n, repeat('x', 100) FROM generate_series(1, 80000) n;
      CREATE INDEX ON items ("E mail") WHERE part > 5;
      CREATE TABLE few (id int PRIMARY KEY, email text)
      """, tables: ["items", "few"], attached: false)
    let database = scene.database
    #expect(
      try await database.indexAdvice(for: ["E mail", "part"], of: "items")?
        .hasPrefix("CREATE INDEX CONCURRENTLY ON ") == true)
    #expect(try await database.indexAdvice(for: ["id"], of: "items") == nil)
    #expect(try await database.indexAdvice(for: ["email"], of: "few") == nil)
    let advice = try #require(try await database.indexAdvice(for: ["E mail"], of: "items"))
    try await scene.application.run { try $0.execute(advice) }
    #expect(try await database.indexAdvice(for: ["E mail", "part"], of: "items") == nil)
  }

  @Test func `A large SQLite table without an index on the key is told, with the index it lacks`() async throws {
    let scratch = try ScratchDatabase("CREATE TABLE items (id INTEGER PRIMARY KEY, part INT, \"E mail\" TEXT);")
    try scratch.shell(
      """
      WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 60000)
      INSERT INTO items SELECT n, n, 'e' || n FROM c;
      CREATE INDEX some ON items ("E mail") WHERE part > 5;
      """)
    let database = try await SQLiteDatabase(name: "shop", path: scratch.path, tables: ["items"])
    #expect(try await database.indexAdvice(for: ["id"], of: "items") == nil)
    let advice = try #require(try await database.indexAdvice(for: ["E mail"], of: "items"))
    #expect(advice == "CREATE INDEX \"items_E mail\" ON \"items\" (\"E mail\");")
    try scratch.shell(advice)
    #expect(try await database.indexAdvice(for: ["E mail", "part"], of: "items") == nil)
  }
}
