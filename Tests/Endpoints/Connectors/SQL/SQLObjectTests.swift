import Changes
import Connectors
import HTTP
import JSON
import ODBC
import Support
import Testing

/// A table behind an ODBC driver as an endpoint.
struct SQLObjectTests {
  /// A declaration, SQL that writes a value, and the JSON that the row shows.
  struct TypeCase: Sendable, CustomTestStringConvertible {
    let kind: SQLKind
    let type: String
    let literal: String
    let shown: String
    var testDescription: String { "\(kind.rawValue) \(type) \(literal)" }

    init(_ kind: SQLKind, _ type: String, _ literal: String, _ shown: String) {
      self.kind = kind
      self.type = type
      self.literal = literal
      self.shown = shown
    }
  }

  static let types: [TypeCase] = [
    TypeCase(.sqlite, "BIGINT", "9223372036854775807", "9223372036854775807"),
    TypeCase(.sqlite, "BIGINT", "-9223372036854775808", "-9223372036854775808"),
    TypeCase(.sqlite, "DOUBLE", "0.1", "0.1"),
    TypeCase(.sqlite, "TEXT", "'é漢🙂 ''\"'", #""é漢🙂 '\"""#),
    TypeCase(.sqlite, "TEXT", "''", #""""#),
    TypeCase(.sqlite, "BLOB", "x'00ff10'", #""\\x00ff10""#),
    TypeCase(.mariadb, "BIGINT", "-9223372036854775808", "-9223372036854775808"),
    TypeCase(.mariadb, "BIGINT UNSIGNED", "18446744073709551615", "18446744073709551615"),
    TypeCase(.mariadb, "TINYINT(1)", "1", "1"),
    TypeCase(
      .mariadb, "DECIMAL(38,10)", "1234567890123456789012345678.0123456789", "1234567890123456789012345678.0123456789"),
    TypeCase(.mariadb, "DECIMAL(12,4)", "-0.5", "-0.5000"),
    TypeCase(.mariadb, "DOUBLE", "0.1", "0.1"),
    TypeCase(.mariadb, "DOUBLE", "1e300", "1e300"),
    TypeCase(.mariadb, "FLOAT", "0.1", "0.1"),
    TypeCase(.mariadb, "BIT(1)", "b'1'", "true"),
    TypeCase(.mariadb, "VARCHAR(50) CHARACTER SET utf8mb4", "'é漢🙂 ''\"'", #""é漢🙂 '\"""#),
    TypeCase(.mariadb, "VARCHAR(50)", "''", #""""#),
    TypeCase(.mariadb, "CHAR(5)", "'a'", #""a""#),
    TypeCase(.mariadb, "VARBINARY(20)", "x'00ff10'", #""\\x00ff10""#),
    TypeCase(.mariadb, "DATE", "'2026-02-28'", #""2026-02-28""#),
    TypeCase(.mariadb, "DATETIME", "'2026-02-28 23:59:59'", #""2026-02-28T23:59:59""#),
    TypeCase(.mariadb, "DATETIME(6)", "'2026-02-28 23:59:59.000123'", #""2026-02-28T23:59:59.000123""#),
    TypeCase(.mariadb, "TIMESTAMP(3) NULL", "'2026-02-28 23:59:59.120'", #""2026-02-28T23:59:59.12""#),
    TypeCase(.mariadb, "TIME", "'12:34:56'", #""12:34:56""#),
    TypeCase(.mariadb, "TIME(3)", "'12:34:56.125'", #""12:34:56.125""#),
    TypeCase(.mariadb, "YEAR", "2026", "2026"),
    TypeCase(.mariadb, "ENUM('a','b')", "'b'", #""b""#),
  ]

  @Test(arguments: types.filter { SQLKind.present.contains($0.kind) })
  func `A value is read with every digit, and what was read is written as it was`(_ given: TypeCase) async throws {
    let shown = try JSONValue(parsing: given.shown)
    let scene = try await SQLScene(
      given.kind, "CREATE TABLE items (id INT PRIMARY KEY, v \(given.type))",
      "INSERT INTO items VALUES (1, \(given.literal))", "INSERT INTO items VALUES (2, NULL)")
    let read = try await scene.object.records([RecordKey(1), RecordKey(2), RecordKey(3)])
    #expect(read[RecordKey(1)]?.fields == ["id": 1, "v": shown])
    #expect(read[RecordKey(2)]?.fields == ["id": 2, "v": .null])
    #expect(read.count == 2)

    let written = await scene.apply(.create, nil, ["id": 4, "v": shown])
    #expect(written.applied?.after == ["id": 4, "v": shown], "\(written)")
    let same = try await scene.texts(
      "SELECT count(*) FROM items a JOIN items b ON a.v = b.v WHERE a.id = 1 AND b.id = 4")
    // Neither side of a comparison is exact for a FLOAT.
    if given.type != "FLOAT" { #expect(same == ["1"]) }
    let cleared = await scene.apply(.update, RecordKey(4), ["v": .null], expected: ["v": shown])
    #expect(cleared.applied?.after?["v"] == .null, "\(cleared)")
    try await scene.close()
  }

  @Test(.timeLimit(.minutes(2)), arguments: SQLKind.present)
  func `Text of any length goes both ways`(_ kind: SQLKind) async throws {
    let scene = try await SQLScene(
      kind, "CREATE TABLE items (id INT PRIMARY KEY, v \(kind == .sqlite ? "TEXT" : "LONGTEXT CHARACTER SET utf8mb4"))")
    let text = String(repeating: "0123456789abcdé🙂", count: 20_000)
    #expect(await scene.apply(.create, nil, ["id": 1, "v": .string(text)]).applied?.after?["v"] == .string(text))
    #expect(try await scene.object.records([RecordKey(1)])[RecordKey(1)]?.fields["v"] == .string(text))
    try await scene.close()
  }

  @Test(.timeLimit(.minutes(2)), arguments: SQLKind.present)
  func `A row is made under the key that the database draws, and under one that is given`(_ kind: SQLKind) async throws
  {
    let scene = try await SQLScene(kind, "CREATE TABLE items (id \(kind.drawnKey), name VARCHAR(20))")
    let first = await scene.apply(.create, nil, ["name": "a"]).applied
    let second = await scene.apply(.create, nil, ["name": "b"]).applied
    #expect(first?.key == RecordKey(1) && second?.key == RecordKey(2))
    #expect(second?.after == ["id": 2, "name": "b"])
    let third = await scene.apply(.create, RecordKey(7), ["name": "c"]).applied
    #expect(third?.key == RecordKey(7))
    guard case .mismatch(let there?) = await scene.apply(.create, RecordKey(7), ["name": "d"]) else {
      Issue.record("a second row was made under one key")
      return
    }
    #expect(there.fields == ["id": 7, "name": "c"])
    try await scene.close()
  }

  @Test(.timeLimit(.minutes(2)), arguments: SQLKind.present)
  func `A write is refused when the row is not what was assumed, and tells what it is`(_ kind: SQLKind) async throws {
    let scene = try await SQLScene(
      kind, "CREATE TABLE items (id INT PRIMARY KEY, name VARCHAR(20), n INT)", "INSERT INTO items VALUES (1, 'a', 1)")
    guard
      case .mismatch(let there?) = await scene.apply(.update, RecordKey(1), ["n": 2], expected: ["name": "x", "n": 1]),
      case .mismatch(nil) = await scene.apply(.update, RecordKey(9), ["n": 2], expected: ["n": 1]),
      case .mismatch(let kept?) = await scene.apply(.delete, RecordKey(1), [:], expected: ["n": 5])
    else {
      Issue.record("a write went over what it did not expect")
      return
    }
    #expect(there.fields == ["id": 1, "name": "a", "n": 1] && kept.fields == there.fields)
    let updated = await scene.apply(.update, RecordKey(1), ["n": 2], expected: ["name": "a", "n": 1])
    #expect(updated.applied?.after == ["id": 1, "name": "a", "n": 2])
    let deleted = await scene.apply(.delete, RecordKey(1), [:], expected: ["n": 2])
    #expect(deleted.applied != nil)
    #expect(try await scene.texts("SELECT count(*) FROM items") == ["0"])
    #expect(await scene.apply(.delete, RecordKey(1), [:]).applied != nil)
    try await scene.close()
  }

  @Test(.timeLimit(.minutes(2)), arguments: SQLKind.present)
  func `Of many who count up one row at once none is lost`(_ kind: SQLKind) async throws {
    let scene = try await SQLScene(
      kind, "CREATE TABLE items (id INT PRIMARY KEY, n INT)", "INSERT INTO items VALUES (1, 0)")
    let (object, application) = (scene.object, scene.application)
    let rounds = 15
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        for _ in 0..<rounds {
          try await application.run { _ = try $0.execute("UPDATE items SET n = n + 1 WHERE id = 1") }
        }
      }
      for _ in 0..<3 {
        group.addTask {
          var done = 0
          for _ in 0..<1_000 where done < rounds {
            guard let n = try await object.records([RecordKey(1)])[RecordKey(1)]?.fields["n"]?.integerValue else {
              return
            }
            let write = Write(
              .update, key: RecordKey(1), fields: ["n": .integer(n + 1)],
              expected: .init(version: nil, fields: ["n": .integer(n)]), idempotencyKey: "k")
            if case .applied? = await object.apply([write]).first { done += 1 }
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(try await scene.texts("SELECT n FROM items") == ["\(4 * rounds)"])
    try await scene.close()
  }

  @Test(.timeLimit(.minutes(2)), arguments: SQLKind.present)
  func `A record is found by its fields, also by an empty one`(_ kind: SQLKind) async throws {
    let scene = try await SQLScene(
      kind, "CREATE TABLE items (id INT PRIMARY KEY, name VARCHAR(20), code VARCHAR(9))",
      "INSERT INTO items VALUES (1, 'a', NULL), (2, 'a', 'x'), (3, 'b', 'x'), (4, 'a', 'x')")
    #expect(try await scene.object.find(["name": "a", "code": .null]).map(\.key) == [RecordKey(1)])
    #expect(try await scene.object.find(["name": "b", "code": "x"]).map(\.key) == [RecordKey(3)])
    #expect(try await scene.object.find(["name": "a", "code": "x"]).count == 2)
    #expect(try await scene.object.find(["name": "z"]).isEmpty)
    try await scene.close()
  }

  @Test(.timeLimit(.minutes(2)), arguments: SQLKind.present)
  func `Names of every kind are quoted`(_ kind: SQLKind) async throws {
    let quote = kind == .sqlite ? "\"" : "`"
    func quoted(_ name: String) -> String { quote + name.replacing(quote, with: quote + quote) + quote }
    let (table, column) = ("or\"der `1`", "näme; DROP")
    let scene = try await SQLScene(
      kind, "CREATE TABLE \(quoted(table)) (\(quoted("select")) INT PRIMARY KEY, \(quoted(column)) VARCHAR(20))",
      table: "t", rules: "{ table: 'or\"der `1`' }")
    let made = await scene.apply(.create, nil, ["select": 1, "näme; DROP": "x"])
    #expect(made.applied?.after == ["select": 1, "näme; DROP": "x"], "\(made)")
    #expect(try await scene.object.records([RecordKey(1)]).count == 1)
    try await scene.close()
  }

  @Test(.timeLimit(.minutes(2)), arguments: SQLKind.present)
  func `A key of several columns is read, paged and written`(_ kind: SQLKind) async throws {
    let scene = try await SQLScene(
      kind, "CREATE TABLE items (a INT, b VARCHAR(9), n INT, PRIMARY KEY (a, b))",
      "INSERT INTO items VALUES (1, 'x', 1), (1, 'y', 2), (2, 'a', 3), (2, 'b', 4), (3, 'a', 5)")
    var (keys, position): ([RecordKey], Position?) = ([], nil)
    repeat {
      let chunk = try await scene.object.rows(.everything, from: position, limit: 2)
      keys += chunk.rows.map(\.key)
      position = chunk.next
    } while position != nil
    #expect(
      keys == [
        RecordKey([1, "x"]), RecordKey([1, "y"]), RecordKey([2, "a"]), RecordKey([2, "b"]), RecordKey([3, "a"]),
      ])
    let moved = await scene.apply(.update, RecordKey([2, "b"]), ["b": "c"], expected: ["n": 4]).applied
    #expect(moved?.key == RecordKey([2, "c"]))
    try await scene.close()
  }

  @Test(.timeLimit(.minutes(2)), arguments: SQLKind.present)
  func `What the database will never take is refused, and no message repeats the value`(_ kind: SQLKind) async throws {
    let scene = try await SQLScene(
      kind, "CREATE TABLE items (id INT PRIMARY KEY, email VARCHAR(40) NOT NULL UNIQUE)",
      "INSERT INTO items VALUES (1, 'secret@example.org')")
    for outcome in [
      await scene.apply(.create, nil, ["id": 2, "email": "secret@example.org"]),
      await scene.apply(.create, nil, ["id": 3, "email": .null]),
      await scene.apply(.update, RecordKey(1), ["email": .null]),
    ] {
      guard case .rejected(let failure) = outcome else {
        Issue.record("not refused: \(outcome)")
        continue
      }
      #expect(!failure.message.contains("secret"), "\(failure)")
    }
    #expect(try await scene.texts("SELECT count(*) FROM items") == ["1"])
    try await scene.close()
  }

  @Test(.enabled(if: SQLKind.server != nil))
  func `Connections that the server closed are opened anew, and no write is lost or repeated by it`() async throws {
    let scene = try await SQLScene(
      .mariadb, "CREATE TABLE items (id INT PRIMARY KEY, n INT)", "INSERT INTO items VALUES (1, 0)")
    for n in 0..<3 {
      #expect(try await scene.object.records([RecordKey(1)])[RecordKey(1)]?.fields["n"] == .integer(n))
      let write: JSONObject = ["n": .integer(n + 1)]
      let before: JSONObject = ["n": .integer(n)]
      if n > 0 {
        let others = try await scene.texts(
          "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()")
        #expect(others.count == 2)
        for other in others { try await scene.execute("KILL CONNECTION \(other)") }
        guard case .unavailable = await scene.apply(.update, RecordKey(1), write, expected: before) else {
          Issue.record("a write went over a closed connection")
          return
        }
      }
      #expect(await scene.apply(.update, RecordKey(1), write, expected: before).applied?.after?["n"] == .integer(n + 1))
    }
    try await scene.close()
  }

  @Test func `A database that is not there gives no record up`() async throws {
    let manifest = try Manifest(text: "name: t\nengine: sql\nobjects: { '*': {} }", file: "t.yaml")
    let object = try Connector(
      name: "erp", manifest: manifest, url: "odbc:Driver={No Such Driver};Server=nowhere", auth: ["password": "hush"],
      client: HTTPClient()
    ).object("items", pull: .every(.zero))
    await #expect(throws: EndUnavailable.self) { try await object.records([RecordKey(1)]) }
    let write = Write(.create, key: nil, fields: [:], expected: nil, idempotencyKey: "k")
    guard case .unavailable(let failure, _)? = await object.apply([write]).first else {
      Issue.record("a write to nowhere was given up")
      return
    }
    #expect(failure.message.contains("odbcinst") && !failure.message.contains("hush"))
  }
}
