import Changes
import JSON
import Postgres
import PostgresDatabase
import Support
import Testing

struct PostgresTableTests {
  private static let people = """
    CREATE TABLE people (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, amount numeric(12,2),
      born date, tags text[], size int GENERATED ALWAYS AS (length(name)) STORED, code text UNIQUE)
    """

  private static func write(
    _ action: Write.Action, _ key: RecordKey?, _ fields: JSONObject, expected: JSONObject? = nil
  ) -> Write {
    Write(
      action, key: key, fields: fields, expected: expected.map { Write.Known(version: nil, fields: $0) },
      idempotencyKey: "k")
  }

  private static func scene() async throws -> (PostgresScene, any ChangeTarget) {
    let scene = try await PostgresScene(people, tables: ["people"])
    return (scene, try await scene.database.table("people"))
  }

  @Test func aWriteIsMarkedAsOursAndAnswersWithTheStampOfItsEcho() async throws {
    let (scene, table) = try await Self.scene()
    let outcomes = await table.apply([
      Self.write(
        .create, nil, ["name": "Ann", "amount": "12.50", "born": "2001-02-03", "tags": ["a", "b"], "size": 99]),
      Self.write(.create, RecordKey(7), ["name": "Bob"]),
      Self.write(.update, RecordKey(7), ["name": "Rob", "id": 7], expected: ["name": "Bob", "amount": nil]),
      Self.write(.delete, RecordKey(7), [:], expected: ["name": "Rob"]),
    ])
    let applied = outcomes.compactMap { outcome in
      if case .applied(let applied) = outcome { applied } else { nil }
    }
    try #require(applied.count == 4, "\(outcomes)")
    #expect(applied[0].key == RecordKey(1) && applied[0].after?["amount"]?.text == "12.50")
    #expect(applied[0].after?["size"] == 3 && applied[0].after?["tags"] == ["a", "b"])
    #expect(applied[2].after?["name"] == "Rob")
    let (changes, _) = try await scene.drain()
    let stamps = applied.compactMap(\.stamp)
    #expect(stamps.count == 4 && zip(changes, stamps).allSatisfy { $0.stamp <= $1 })
    #expect(changes.allSatisfy { $0.origin == .tidemark })
    try await scene.execute("UPDATE people SET name = 'Eve'")
    #expect(try await scene.drain().changes.last?.origin == .application)
  }

  @Test func aRecordThatIsNotAsExpectedIsLeftAlone() async throws {
    let (scene, table) = try await Self.scene()
    try await scene.execute("INSERT INTO people (name, amount) VALUES ('Ann', 1.50)")
    let outcomes = await table.apply([
      Self.write(.update, RecordKey(1), ["name": "X"], expected: ["amount": 1.5.number, "name": "Bea"]),
      Self.write(.delete, RecordKey(1), [:], expected: ["name": "Bea"]),
      Self.write(.create, RecordKey(1), ["name": "X"]),
      Self.write(.update, RecordKey(2), ["name": "X"]),
    ])
    for outcome in outcomes.prefix(3) {
      guard case .mismatch(let current?) = outcome else {
        Issue.record("\(outcome)")
        continue
      }
      #expect(current.fields["name"] == "Ann")
    }
    guard case .mismatch(nil) = outcomes[3] else { throw Unexpected(outcome: outcomes[3]) }
    #expect(try await scene.text("SELECT name FROM people") == "Ann")
  }

  @Test func eachFailureHasItsFate() async throws {
    let (scene, table) = try await Self.scene()
    try await scene.execute("INSERT INTO people (name, code) VALUES ('Ann', 'one')")
    let outcomes = await table.apply([
      Self.write(.create, nil, ["name": "B", "code": "one"]),
      Self.write(.create, nil, ["name": nil]),
      Self.write(.create, nil, ["name": "B", "amount": "secret"]),
      Self.write(.create, nil, ["nam": "B"]),
    ])
    let codes = outcomes.map { outcome in
      switch outcome {
      case .rejected(let failure): failure.code
      case .unavailable(let failure, _): "unavailable \(failure.code)"
      default: "\(outcome)"
      }
    }
    #expect(codes == ["sql.23505", "sql.23502", "sql.22P02", "unavailable link.column"])
    #expect(!outcomes.contains { "\($0)".contains("secret") })
    try await scene.execute(
      "CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES people DEFERRABLE INITIALLY DEFERRED)")
    let child = try await scene.database.child.apply([Self.write(.create, RecordKey(1), ["parent": 99])])
    guard case .retry(let failure, _) = child[0], failure.code == "sql.23503" else {
      throw Unexpected(outcome: child[0])
    }
  }

  @Test func aReadHasTheStampOfWhatWasWrittenBeforeIt() async throws {
    let scene = try await PostgresScene(Self.people, tables: ["people"], attached: false)
    let table = try await scene.database.table("people")
    let outcome = await table.apply([Self.write(.create, nil, ["name": "Ann"])])[0]
    guard case .applied(let applied) = outcome else { throw Unexpected(outcome: outcome) }
    let read = try #require(try await table.records([RecordKey(1)])[RecordKey(1)]?.stamp)
    #expect(try #require(applied.stamp) <= read)
  }

  @Test func recordsAreFoundByKeyAndByFields() async throws {
    let (scene, table) = try await Self.scene()
    try await scene.execute("INSERT INTO people (name, amount) VALUES ('A', 1), ('B', 2.00), ('C', 2)")
    let keys: [RecordKey] = [RecordKey(1), RecordKey(3), RecordKey(9), RecordKey(1)]
    #expect(Set(try await table.records(keys).keys) == [RecordKey(1), RecordKey(3)])
    #expect(try await table.find(["amount": 2, "name": "B"]).map(\.key) == [RecordKey(2)])
    #expect(try await table.find(["amount": "2.0"]).count == 2)
    #expect(try await table.find(["code": nil, "name": "A"]).count == 1)
  }

  @Test func chunksCoverTheTableInKeyOrder() async throws {
    let scene = try await PostgresScene(
      """
      CREATE TABLE grid (a text, b int, PRIMARY KEY (b, a));
      INSERT INTO grid SELECT 'k' || g % 7, g / 7 FROM generate_series(0, 99) g
      """, tables: ["grid"])
    let table = try await scene.database.table("grid")
    var keys: [RecordKey] = []
    var position: Position?
    repeat {
      let chunk = try await table.chunk(from: position, limit: 9)
      keys += chunk.records.map(\.key)
      position = chunk.next
    } while position != nil
    #expect(keys == (0..<100).map { RecordKey([.integer($0 / 7), .string("k\($0 % 7)")]) })
  }
}

private struct Unexpected: Error {
  let outcome: Outcome
}

extension PostgresDatabase {
  fileprivate var child: any ChangeTarget {
    get async throws { try await table("child") }
  }
}

extension Double {
  fileprivate var number: JSONValue { JSONNumber(text: "\(self)").map { .number($0) } ?? .null }
}
