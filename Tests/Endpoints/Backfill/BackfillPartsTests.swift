import Changes
import JSON
import Postgres
import PostgresDatabase
import Support
import Testing

/// A large PostgreSQL table read in parts side by side.
@Suite(.serialized) struct BackfillPartsTests {
  private func scene(rows: Int, more: String = "") async throws -> PostgresScene {
    try await PostgresScene(
      """
      CREATE TABLE items (a text, n bigint, note text, home point, PRIMARY KEY (n, a));
      INSERT INTO items SELECT 'k' || n, n, repeat('x', (n % 300)::int), point(n, 1) FROM generate_series(1, \(rows)) n;
      \(more)
      """, tables: ["items"], attached: false)
  }

  /// Everything that the parts hold, chunk by chunk in turn.
  private func read(_ reader: any PartReader, limit: Int) async throws -> [ReadRow]? {
    var rest = reader.parts
    var rows: [ReadRow] = []
    while rest.contains(where: { !$0.isEmpty }) {
      for number in rest.indices where !rest[number].isEmpty {
        guard let chunk = try await reader.rows(in: rest[number], number: number, limit: limit) else { return nil }
        #expect(chunk.rest.lowerBound > rest[number].lowerBound)
        rows += chunk.rows
        rest[number] = chunk.rest
      }
    }
    return rows
  }

  @Test(arguments: [1, 150, 100_000])
  func `The parts together hold each row once, byte for byte as the table gives it in the order of its key`(limit: Int)
    async throws
  {
    let scene = try await scene(rows: 5_000, more: "DELETE FROM items WHERE n % 7 = 0;")
    try await scene.application.run { try $0.execute("VACUUM ANALYZE items") }
    let table = try await scene.database.table("items")
    let reader = try #require(try await table.parts(4))
    #expect(reader.parts.count == 4 && reader.parts.first?.lowerBound == 0)
    #expect(zip(reader.parts, reader.parts.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
    let rows = try #require(try await read(reader, limit: limit))
    let whole = try await table.rows(.everything, from: nil, limit: 10_000).rows
    #expect(rows.count == whole.count)
    let byKey = Dictionary(rows.map { ($0.key, $0.row) }) { first, _ in first }
    #expect(byKey.count == rows.count)
    #expect(whole.allSatisfy { byKey[$0.key] == $0.row })
  }

  @Test func `A table that is rewritten meanwhile is told to be another`() async throws {
    let scene = try await scene(rows: 5_000)
    let table = try await scene.database.table("items")
    let reader = try #require(try await table.parts(2))
    #expect(try await reader.rows(in: reader.parts[1], number: 1, limit: 100) != nil)
    try await scene.application.run { try $0.execute("VACUUM FULL items") }
    #expect(try await reader.rows(in: reader.parts[0], number: 0, limit: 100) == nil)
    let again = try #require(try await table.parts(2))
    #expect(again.life != reader.life)
  }

  @Test(arguments: [
    "CREATE TABLE more () INHERITS (items)", "ALTER TABLE items RENAME TO old; CREATE VIEW items AS SELECT * FROM old",
    "TRUNCATE items",
  ])
  func `What has no order of blocks, or hardly any, is read as always`(sql: String) async throws {
    let scene = try await scene(rows: 5_000)
    let table = try await scene.database.table("items")
    #expect(try await table.parts(4) != nil)
    try await scene.application.run { try $0.execute(sql) }
    if let parts = try? await table.parts(4) { Issue.record("\(parts.parts)") }
  }
}
