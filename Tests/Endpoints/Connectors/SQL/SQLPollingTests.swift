import Changes
import JSON
import Support
import Testing

/// How changes of a table behind an ODBC driver are found.
struct SQLPollingTests {
  private static func rules(_ changes: String, _ rest: String = "") -> String {
    "{ \(changes.isEmpty ? "" : "changes: { \(changes) }, ")overlap: 0s, sweep: 1s, deletes: 100\(rest) }"
  }

  @Test(.timeLimit(.minutes(2)), arguments: SQLKind.present, ["", "timestamp: changed, ", "counter: n, "])
  func `Inserts, updates and deletes are told, each once`(_ kind: SQLKind, _ cursor: String) async throws {
    let scene = try await SQLScene(
      kind, "CREATE TABLE items (id INT PRIMARY KEY, name VARCHAR(20), n INT, changed \(kind.time))",
      "INSERT INTO items VALUES (1, 'a', 1, \(kind.now)), (2, 'b', 2, \(kind.now)), (3, 'c', 3, NULL)",
      rules: Self.rules(String(cursor.dropLast(2))))
    let capture = try await scene.capture()
    let first = try await capture.settle(atLeast: 3)
    #expect(Set(first.map(\.key)) == [RecordKey(1), RecordKey(2), RecordKey(3)])
    #expect(first.count == 3)

    try await scene.execute(
      "UPDATE items SET name = 'A', n = 4, changed = \(kind.now) WHERE id = 1", "DELETE FROM items WHERE id = 2",
      "INSERT INTO items VALUES (4, 'd', 5, \(kind.now))")
    let second = try await capture.settle(atLeast: 3)
    #expect(second.filter { $0.operation == .delete }.map(\.key) == [RecordKey(2)])
    #expect(Set(second.filter { $0.operation != .delete }.map(\.key)) == [RecordKey(1), RecordKey(4)])
    #expect(second.count == 3)
    let row = try JSONObject(parsing: second.first { $0.key == RecordKey(1) }?.row ?? [])
    #expect(row["name"] == "A" && row["n"] == 4)
    try await scene.close()
  }

  @Test(.timeLimit(.minutes(2)), arguments: SQLKind.present)
  func `Thousands of rows of one moment are told, page by page, in the order of their keys`(_ kind: SQLKind)
    async throws
  {
    let scene = try await SQLScene(
      kind, "CREATE TABLE items (id INT PRIMARY KEY, changed \(kind.time))", rules: Self.rules("timestamp: changed"))
    let capture = try await scene.capture()
    #expect(try await capture.settle().isEmpty)
    let moment = try await scene.texts("SELECT CAST(\(kind.now) AS CHAR(30))")[0]
    let values = (1...2_500).map { "(\($0), '\(moment)')" }.joined(separator: ", ")
    try await scene.execute("INSERT INTO items VALUES \(values)")
    let told = try await capture.settle(atLeast: 2_500)
    #expect(told.map(\.key) == (1...2_500).map { RecordKey(.integer($0)) })
    try await scene.close()
  }

  @Test(.timeLimit(.minutes(2)), arguments: SQLKind.present)
  func `A row that counts as deleted is told as one, and writing a delete makes it so`(_ kind: SQLKind) async throws {
    let scene = try await SQLScene(
      kind,
      "CREATE TABLE items (id INT PRIMARY KEY, name VARCHAR(20), gone INT NOT NULL DEFAULT 0, by_whom VARCHAR(20))",
      "INSERT INTO items (id, name) VALUES (1, 'a'), (2, 'b')",
      rules: Self.rules("", ", deleted: { column: gone, value: 1 }, mark: { column: by_whom, value: tidemark }"))
    let capture = try await scene.capture()
    #expect(try await capture.settle(atLeast: 2).count == 2)
    try await scene.execute("UPDATE items SET gone = 1 WHERE id = 1")
    #expect(await scene.apply(.delete, RecordKey(2), [:], expected: ["name": "b"]).applied != nil)
    #expect(try await scene.texts("SELECT by_whom FROM items WHERE gone = 1 ORDER BY id") == ["NULL", "tidemark"])
    #expect(try await scene.object.records([RecordKey(1), RecordKey(2)]).isEmpty)
    let told = try await capture.settle(atLeast: 2)
    #expect(told.map(\.operation) == [.delete, .delete] && Set(told.map(\.key)) == [RecordKey(1), RecordKey(2)])
    let back = await scene.apply(.create, RecordKey(1), ["name": "again"]).applied
    #expect(back?.after?["gone"] == 0 && back?.after?["name"] == "again")
    try await scene.close()
  }
}
