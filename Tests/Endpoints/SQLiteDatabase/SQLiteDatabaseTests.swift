import Changes
import Foundation
import JSON
import SQLite
import SQLiteDatabase
import Testing

@Suite struct SQLiteDatabaseTests {
  static let schema = "CREATE TABLE customers (id INTEGER PRIMARY KEY, email TEXT UNIQUE, name);"

  @Test func `Inserts, updates and deletes arrive in commit order with their rows`() async throws {
    let scratch = try ScratchDatabase(Self.schema)
    let database = try await scratch.attached(["customers"])
    try scratch.shell(
      """
      INSERT INTO customers VALUES (1, 'a', 'A'); UPDATE customers SET name = 'B'; UPDATE customers SET id = 2;
      DELETE FROM customers; BEGIN; INSERT INTO customers VALUES (9, 'x', 'X'); ROLLBACK;
      """)
    #expect(
      try await database.drain().changes.map(\.text) == [
        #"insert 1 {"id":1,"email":"a","name":"A"}"#, #"update 1 {"id":1,"email":"a","name":"B"}"#,
        #"delete 1 {"id":1,"email":"a","name":"B"}"#, #"insert 2 {"id":2,"email":"a","name":"B"}"#,
        #"delete 2 {"id":2,"email":"a","name":"B"}"#,
      ])
  }

  @Test func `Every kind of value arrives and none fails the application's statement`() async throws {
    let scratch = try ScratchDatabase("CREATE TABLE t (id INTEGER PRIMARY KEY, v);")
    let database = try await scratch.attached(["t"])
    let values = [
      "NULL": "null", "9007199254740993": "9007199254740993", "-9223372036854775808": "-9223372036854775808",
      "0.1 + 0.2": "0.30000000000000004", "9e999": "\"Infinity\"", "-9e999": "\"-Infinity\"",
      "x'00ff'": "\"\\\\x00ff\"",
      "x''": "\"\\\\x\"", "''": "\"\"", "CAST(x'61ff62' AS TEXT)": "\"a\u{FFFD}b\"",
      "CAST(x'610062' AS TEXT)": "\"a\\u0000b\"", "9e999 - 9e999": "null",
    ]
    for (literal, json) in values {
      try scratch.shell("INSERT OR REPLACE INTO t VALUES (1, \(literal));")
      let last = try await database.drain().changes.last
      #expect(last?.text == "insert 1 {\"id\":1,\"v\":\(json)}", "\(literal)")
    }
  }

  @Test func `A row displaced by OR REPLACE is told as deleted, one that OR IGNORE kept is not`() async throws {
    let scratch = try ScratchDatabase(Self.schema + "INSERT INTO customers VALUES (1, 'a', 'A'), (2, 'b', 'B');")
    let database = try await scratch.attached(["customers"])
    try scratch.shell(
      """
      INSERT OR IGNORE INTO customers VALUES (3, 'a', 'C'); INSERT OR REPLACE INTO customers VALUES (4, 'a', 'D');
      INSERT INTO customers VALUES (5, 'b', 'E') ON CONFLICT (email) DO UPDATE SET name = excluded.name;
      UPDATE OR REPLACE customers SET email = 'b' WHERE id = 4;
      """)
    let changes = try await database.drain().changes.map { "\($0.operation) \($0.key)" }
    #expect(Set(changes) == ["delete 1", "insert 4", "update 2", "delete 2", "update 4"])
    #expect(changes.last == "update 4")
  }

  @Test func `Several processes with rollbacks: every committed row once, in order`() async throws {
    let scratch = try ScratchDatabase("CREATE TABLE t (id INTEGER PRIMARY KEY, w, n);")
    let database = try await scratch.attached(["t"])
    let running = try (0..<4).map { writer in
      try scratch.process(
        (0..<100).map { n in
          "BEGIN IMMEDIATE; INSERT INTO t (w, n) VALUES (\(writer), \(n)); \(n % 3 == 0 ? "ROLLBACK" : "COMMIT");"
        }.joined(separator: "\n"))
    }
    var (changes, position) = ([Change](), Position?.none)
    while changes.count < 4 * 66 {
      let batch = try await database.next(after: position)
      changes += batch.changes
      position = batch.through
      try await database.release(through: batch.through)
    }
    for (process, _) in running { process.waitUntilExit() }
    #expect(try await database.drain(after: position).changes.isEmpty)
    let stored = try scratch.shell("SELECT json_object('id', id, 'w', w, 'n', n) FROM t ORDER BY id;")
    let rows = stored.split(separator: "\n").map(String.init)
    #expect(changes.map { String(decoding: $0.row, as: UTF8.self) } == rows)
  }

  @Test(arguments: ["WAL", "DELETE"])
  func `A commit wakes the reader, without waiting out its fallback`(mode: String) async throws {
    let scratch = try ScratchDatabase("PRAGMA journal_mode = \(mode); CREATE TABLE t (id INTEGER PRIMARY KEY);")
    let database = try await scratch.attached(["t"])
    let writer = try await SQLiteConnection(path: scratch.path, access: .write)
    var position = try await database.drain().through
    var latencies: [Double] = []
    for id in 0..<31 {
      let after = position
      async let answer = (database.next(after: after), ContinuousClock.now)
      try await writer.run { try $0.execute("INSERT INTO t VALUES (?)", [.integer(Int64(id))]) }
      let committed = ContinuousClock.now
      let (batch, noticed) = try await answer
      try #require(batch.changes.count == 1)
      latencies.append((noticed - committed) / .milliseconds(1))
      position = batch.through
    }
    let median = latencies.sorted()[latencies.count / 2]
    print("noticing a commit (\(mode)): p50 \(median) ms")
    // Well below the 500 ms after which the reader looks unasked, well above what a loaded machine takes.
    #expect(median < 200)
  }

  @Test func `Batches are bounded in bytes`() async throws {
    let scratch = try ScratchDatabase("CREATE TABLE t (id INTEGER PRIMARY KEY, v);")
    let database = try await scratch.attached(["t"])
    try scratch.shell(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12) "
        + "INSERT INTO t SELECT i, zeroblob(500000) FROM n;")
    var (sizes, position) = ([Int](), Position?.none)
    while sizes.reduce(0, +) < 12 {
      let batch = try await database.next(after: position)
      sizes.append(batch.changes.count)
      position = batch.through
    }
    // A million hexadecimal digits each: the fifth is the first to pass 4 MiB.
    #expect(sizes == [5, 5, 2])
  }

  @Test func `What foreign keys do to other rows is told like any other change`() async throws {
    let scratch = try ScratchDatabase(
      """
      CREATE TABLE p (id INTEGER PRIMARY KEY); INSERT INTO p VALUES (1), (2);
      CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE);
      CREATE TABLE n (id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE SET NULL);
      INSERT INTO c VALUES (10, 1), (20, 2); INSERT INTO n VALUES (30, 1);
      """)
    let database = try await scratch.attached(["p", "c", "n"])
    try scratch.shell("PRAGMA foreign_keys = ON; DELETE FROM p WHERE id = 1; UPDATE p SET id = 3 WHERE id = 2;")
    #expect(
      Set(try await database.drain().changes.map(\.text)) == [
        #"delete 1 {"id":1}"#, #"delete 10 {"id":10,"p":1}"#, #"update 30 {"id":30,"p":null}"#,
        #"delete 2 {"id":2}"#, #"insert 3 {"id":3}"#, #"update 20 {"id":20,"p":3}"#,
      ])
  }

  @Test func `A mark that was rolled back marks nothing`() async throws {
    let scratch = try ScratchDatabase("CREATE TABLE t (id INTEGER PRIMARY KEY);")
    let database = try await scratch.attached(["t"])
    let mark = "UPDATE _tidemark_context SET origin = 1 WHERE id = 1;"
    try scratch.shell(
      """
      BEGIN; \(mark) INSERT INTO t VALUES (1); ROLLBACK; INSERT INTO t VALUES (2);
      BEGIN; SAVEPOINT s; \(mark) INSERT INTO t VALUES (3); ROLLBACK TO s; INSERT INTO t VALUES (4); COMMIT;
      """)
    let changes = try await database.drain().changes
    #expect(changes.map(\.key) == [RecordKey(2), RecordKey(4)])
    #expect(changes.map(\.origin) == [.application, .application])
  }

  @Test func `Throughput from the outbox to changes`() async throws {
    let scratch = try ScratchDatabase("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b, c);")
    let database = try await scratch.attached(["t"])
    try scratch.shell(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
        + "INSERT INTO t SELECT i, 'some text of a row', i * 0.5, i FROM n;")
    let start = ContinuousClock.now
    let (changes, through) = try await database.drain()
    print("outbox to changes: \(20000 / ((ContinuousClock.now - start) / .seconds(1))) rows/s (this build)")
    #expect(changes.map(\.stamp.number) == Array(1...20000))
    try await database.release(through: #require(through))
    #expect(try await database.vitals().outboxChanges == 0)
  }
}
