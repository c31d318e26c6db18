import JSON
import Postgres
import PostgresDatabase
import Support
import Testing

/// DESIGN, invariant 10: what is written from texts is what `to_jsonb` shows, byte for byte. The server is the judge.
struct CanonicalTypeTests {
  @Test func `Rows of every built-in type are what to_jsonb shows`() async throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededNumbers(state: seed)
    let oracle = try await CanonicalOracle()
    let types = GeneratedType.builtIn + [GeneratedType.hstore]
    for (number, part) in stride(from: 0, to: types.count, by: 6).enumerated() {
      let columns = types[part..<min(part + 6, types.count)].flatMap { [$0, $0.array] }
      try await Self.expectSame("built_in_\(number)", columns, rows: 60, oracle, &random, seed)
    }
  }

  @Test func `Rows of types that users made of other types are what to_jsonb shows`() async throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededNumbers(state: seed)
    let oracle = try await CanonicalOracle()
    let (statements, types) = GeneratedType.made(60, &random)
    try await oracle.execute(statements)
    for number in 0..<10 {
      let columns = types.suffix(60).shuffled(using: &random).prefix(6)
      try await Self.expectSame("made_\(number)", Array(columns), rows: 40, oracle, &random, seed)
    }
  }

  private static func expectSame(
    _ table: String, _ columns: [GeneratedType], rows: Int, _ oracle: CanonicalOracle, _ random: inout SeededNumbers,
    _ seed: UInt64
  ) async throws {
    let names = GeneratedType.distinctNames(columns.count, &random)
    let list = zip(names, columns).map { "\(quoted(postgresIdentifier: $0)) \($1.sql)" }
    try await oracle.execute(["CREATE TABLE \(table) (\(list.joined(separator: ", ")))"])
    let parameters = (1...columns.count).map { "$\($0)" }.joined(separator: ", ")
    for _ in 0..<rows {
      let values = columns.map { random.chance(10) ? PostgresValue.null : .text($0.value(&random)) }
      _ = try await oracle.connection.run { try $0.execute("INSERT INTO \(table) VALUES (\(parameters))", values) }
    }
    let answers = try await oracle.answers(table)
    #expect(answers.count == rows)
    for answer in answers {
      #expect(
        answer.written == answer.expected && answer.isWhole,
        """
        seed \(seed), \(columns.map(\.sql))
        written  \(String(decoding: answer.written, as: UTF8.self))
        expected \(String(decoding: answer.expected, as: UTF8.self))
        """)
    }
  }

  @Test(arguments: [
    ("boolean", "yes"), ("integer", ""), ("integer", "1x"), ("integer", "0x1F"), ("integer", "01"), ("numeric", "1."),
    ("numeric", "nan\""), ("double precision", "1e"), ("double precision", "1e99999999999999999999"),
    ("timestamp", "2026-11-24"), ("timestamp", "2026-11-24 "), ("timestamp", ""), ("json", "{\"a\":1"),
    ("json", "[1}"), ("json", "\"\\u0000\""), ("json", "\"\\ud800\""), ("json", "[1,]"), ("json", "{\"a\" 1}"),
    ("json", "1e131072"), ("json", "1e-16384"), ("json", "nul"), ("json", "\"\\"), ("json", ""), ("json", "1 2"),
    ("integer[]", "{1"), ("integer[]", "{1,}"), ("integer[]", "{1}}"), ("integer[]", "[0:1]"), ("integer[]", "1"),
    ("integer[]", "{\"1}"), ("integer[]", "{a}"), ("hstore", "\"a\""), ("hstore", "\"a\"=>"), ("hstore", "a=>b"),
    ("pair", "(1)"), ("pair", "(1,2,3)"), ("pair", "(1,\"a"), ("pair", "1,a"), ("pair", "("), ("pair", "(1,\"a\\)"),
    ("int2vector", "1  2"),
  ])
  func `A text that is not of its type becomes a string, and is told`(sql: String, text: String) async throws {
    let oracle = try await CanonicalOracle()
    try await oracle.execute(["CREATE TYPE pair AS (a integer, b text)"])
    let type = try #require(try await oracle.type(sql))
    let written = type.json(text.utf8)
    #expect(written.text == JSONValue.string(text).text)
    #expect(!written.isWhole)
  }

  @Test func `Whatever bytes come, something that is JSON is written`() async throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededNumbers(state: seed)
    let oracle = try await CanonicalOracle()
    let (statements, made) = GeneratedType.made(30, &random)
    try await oracle.execute(statements)
    for _ in 0..<60 {
      let generated = random.pick(GeneratedType.builtIn + made.suffix(30))
      let type = try #require(try await oracle.type(generated.sql))
      if type.isCopied { continue }
      for _ in 0..<50 {
        var scalars = Array(generated.value(&random).unicodeScalars)
        for _ in 0...random.below(3) where !scalars.isEmpty {
          scalars[random.below(scalars.count)] = random.pick(Array("\"\\{}(),[]:=0e-+. Nn\u{1}\u{E9}".unicodeScalars))
          if random.chance(3) { scalars.remove(at: random.below(scalars.count)) }
        }
        let written = type.json(String(String.UnicodeScalarView(scalars)).utf8).text
        #expect(throws: Never.self, "seed \(seed): \(generated.sql)") { try JSONValue(parsing: written) }
      }
    }
  }

  @Test func `JSON nested a hundred thousand deep is written without exhausting the stack`() {
    let deep = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
    let written = CanonicalType.json.json(deep.utf8)
    #expect(written.text == deep)
    #expect(written.isWhole)
  }

  @Test func `A type with a cast to json of its own is named as unsupported wherever it stands`() async throws {
    let oracle = try await CanonicalOracle()
    try await oracle.execute([
      "CREATE TYPE mood AS ENUM ('glad')",
      "CREATE FUNCTION mood_to_json(mood) RETURNS json LANGUAGE sql AS $$SELECT '{\"mood\": 1}'::json$$",
      "CREATE CAST (mood AS json) WITH FUNCTION mood_to_json(mood)",
      "CREATE DOMAIN feeling AS mood", "CREATE TYPE day AS (id integer, feelings feeling[])",
      "CREATE TABLE days (id integer, day day, other text, mood mood)",
    ])
    for sql in ["mood", "feeling", "mood[]", "day", "day[]"] {
      #expect(try await oracle.type(sql)?.isSupported == false, "\(sql)")
    }
    guard case .unsupported("mood") = try await oracle.type("feeling") else {
      Issue.record("the type is not named")
      return
    }
    let columns = try await oracle.connection.run { try CanonicalOracle.row("days", $0).unsupportedColumns }
    #expect(columns == [1, 3])
  }

  @Test func `A composite type altered after it was loaded is noticed`() async throws {
    let oracle = try await CanonicalOracle()
    try await oracle.execute(["CREATE TYPE pair AS (a integer, b text)"])
    let stale = try #require(try await oracle.type("pair"))
    try await oracle.execute(["ALTER TYPE pair ADD ATTRIBUTE c integer"])
    let text = "(1,x,)"
    #expect(stale.json(text.utf8).isWhole == false)
    let written = try #require(try await oracle.type("pair")).json(text.utf8)
    #expect(written.isWhole)
    #expect(written.text == #"{"a": 1, "b": "x", "c": null}"#)
  }

  @Test func `An OID without a type has no entry`() async throws {
    let oracle = try await CanonicalOracle()
    let types = try await oracle.connection.run { try CanonicalType.load([23, 4_000_000_000], $0) }
    #expect(Array(types.keys) == [23])
  }
}

extension CanonicalType {
  /// The text of a jsonb column is the server's own JSON.
  fileprivate var isCopied: Bool {
    switch self {
    case .jsonb: true
    case .array(let element, _): element.isCopied
    default: false
    }
  }
}
