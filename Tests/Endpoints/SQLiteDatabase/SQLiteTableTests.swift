import Changes
import JSON
import SQLiteDatabase
import Testing

@Suite struct SQLiteTableTests {
  static let schema = """
    CREATE TABLE parents (id INTEGER PRIMARY KEY);
    CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, amount REAL, data BLOB, parent REFERENCES parents, u UNIQUE,
      CHECK (amount < 1000));
    """

  @Test func `A write compares, writes, marks its origin and tells what it left behind`() async throws {
    let scratch = try ScratchDatabase(Self.schema)
    let database = try await scratch.attached(["t"])
    let table = try await database.table("t")
    let made = await table.apply([write(.create, nil, ["name": "A", "amount": 1, "data": "\\x00ff"])])
    guard case .applied(let applied) = made[0] else { throw Failure(code: "test", message: "\(made)") }
    #expect(applied.key == RecordKey(1))
    #expect(applied.stamp == Stamp(1))
    #expect(applied.after?["data"] == "\\x00ff")
    let rest = await table.apply([
      write(.update, RecordKey(1), ["name": "B"], expecting: ["name": "other"]),
      write(.update, RecordKey(1), ["amount": 5000]),
      write(.update, RecordKey(1), ["parent": 77]),
      write(.create, RecordKey(1), ["name": "Z"]),
      write(.update, RecordKey(1), ["name": "B"], expecting: ["name": "A"]),
      write(.delete, RecordKey(8), [:]),
      write(.update, RecordKey(1), ["nope": 1]),
    ])
    #expect(
      rest.map(\.name) == ["mismatch", "rejected", "retry", "mismatch", "applied", "applied", "rejected"], "\(rest)")
    try scratch.shell("UPDATE t SET name = 'C';")
    #expect(try await database.drain().changes.map(\.origin) == [.tidemark, .tidemark, .application])
  }

  @Test func `A database that is not attached can be written`() async throws {
    let scratch = try ScratchDatabase(Self.schema)
    let table = try await SQLiteDatabase(name: "shop", path: scratch.path, tables: []).table("t")
    let outcome = await table.apply([write(.create, RecordKey(5), ["name": 12, "amount": 2])])
    guard case .applied(let applied) = outcome[0] else { throw Failure(code: "test", message: "\(outcome)") }
    #expect(applied.stamp == nil)
    #expect(applied.after?["name"] == "12")
    #expect(try await table.find(["amount": 2]).map(\.key) == [RecordKey(5)])
  }

  @Test func `Chunks cover every record once in key order`() async throws {
    let scratch = try ScratchDatabase(
      "CREATE TABLE p (a TEXT, b INT, PRIMARY KEY (a, b)); INSERT INTO p VALUES ('x',1),('x',2),('a',9),('b',-1),('x',10);"
    )
    let table = try await SQLiteDatabase(name: "shop", path: scratch.path, tables: []).table("p")
    var (keys, position) = ([String](), Position?.none)
    repeat {
      let chunk = try await table.chunk(from: position, limit: 2)
      keys += chunk.records.map(\.key.encoded)
      position = chunk.next
    } while position != nil
    #expect(keys == [#"["a",9]"#, #"["b",-1]"#, #"["x",1]"#, #"["x",2]"#, #"["x",10]"#])
    let some = RecordKey(["x", 2])
    #expect(try await table.records([some, RecordKey(["x", 3])]).keys.map { $0 } == [some])
  }
}
