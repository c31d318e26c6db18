import Changes
import JSON
import Postgres
import PostgresDatabase
import SQLiteDatabase
import Support
import Testing

/// What a backfill reads of a table: every row once, in the database's own order, and nothing it was not asked for.
@Suite(.serialized) struct BackfillReadingTests {
  private func keys(
    _ reader: any RecordReader, _ selection: BackfillSelection = .everything, limit: Int
  ) async throws -> [RecordKey] {
    var keys: [RecordKey] = []
    var place: Position?
    repeat {
      let chunk = try await reader.rows(selection, from: place, limit: limit)
      keys += chunk.rows.map(\.key)
      place = chunk.next
    } while place != nil
    return keys
  }

  private static let texts = [
    "a", "A", "ä", "Ä", "z", "Z", "ß", "ss", "É", "e", "", " ", "\\", "'", "\"", "日本", "🙂", "a b",
  ]

  @Test(arguments: [
    "a text COLLATE \"C\" PRIMARY KEY, n int",
    "a text COLLATE \"und-x-icu\" PRIMARY KEY, n int",
    "a text COLLATE loose, n int, PRIMARY KEY (n, a)",
    "a varchar(20), n int, PRIMARY KEY (a, n)",
    "a text, n int, id uuid PRIMARY KEY DEFAULT gen_random_uuid()",
    "a text, n int, at timestamptz PRIMARY KEY DEFAULT clock_timestamp()",
    "a text, n numeric(10,3) PRIMARY KEY",
    "a text, n int, raw bytea PRIMARY KEY DEFAULT decode(md5(random()::text), 'hex')",
  ])
  func `PostgreSQL reads every row once, whatever its key is made of`(columns: String) async throws {
    let scene = try await PostgresScene(
      """
      CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
      CREATE TABLE items (\(columns))
      """, tables: ["items"], attached: false)
    for (number, text) in Self.texts.enumerated() {
      _ = try await scene.application.run {
        try $0.execute("INSERT INTO items (a, n) VALUES ($1, $2)", [.text(text), .integer(Int64(number))])
      }
    }
    let table = try await scene.database.table("items")
    for limit in [1, 5, 100] {
      let keys = try await keys(table, limit: limit)
      #expect(keys.count == Self.texts.count && Set(keys).count == keys.count, "\(limit): \(keys)")
    }
    let order = try await keys(table, limit: 3)
    #expect(try await table.rowCount(.everything) == RowCount(Int64(Self.texts.count), isExact: true))
    #expect(try await keys(table, limit: 100) == order)
  }

  @Test(arguments: [
    "a TEXT PRIMARY KEY COLLATE NOCASE, n INT", "a TEXT, n INT, PRIMARY KEY (n, a)", "a TEXT, n INTEGER PRIMARY KEY",
    "a TEXT, n REAL, PRIMARY KEY (a, n)", "a TEXT, n INT, PRIMARY KEY (a DESC)",
    "a TEXT, n INT, PRIMARY KEY (a, n)) WITHOUT ROWID; --",
  ])
  func `SQLite reads every row once, whatever its key is made of`(columns: String) async throws {
    let scratch = try ScratchDatabase("CREATE TABLE items (\(columns));")
    let rows = Self.texts.enumerated().filter { !["A", "Z"].contains($0.element) || !columns.contains("NOCASE") }
    let values = rows.map { "('\($0.element.replacing("'", with: "''"))', \($0.offset))" }.joined(separator: ", ")
    try scratch.shell("INSERT INTO items (a, n) VALUES \(values);")
    let table = try await SQLiteDatabase(name: "shop", path: scratch.path, tables: ["items"]).table("items")
    for limit in [1, 5, 100] {
      let keys = try await keys(table, limit: limit)
      #expect(keys.count == rows.count && Set(keys).count == keys.count, "\(limit): \(keys)")
    }
    #expect(try await table.rowCount(.everything) == RowCount(Int64(rows.count), isExact: true))
  }

  /// Each row is read once as COPY writes it and once as the server's own JSON.
  @Test func `Rows that come by COPY are, byte for byte, what to_jsonb shows`() async throws {
    let seed = UInt64.random(in: 0..<1_000_000)
    var numbers = SeededNumbers(state: seed)
    let scene = try await PostgresScene(
      """
      CREATE TYPE mood AS ENUM ('sad', 'so so');
      CREATE TYPE place AS (street text, number int);
      CREATE TABLE items (
        id bigint, part text, flag boolean, small smallint, amount numeric(20,5), real8 double precision, note text,
        raw bytea, doc json, docb jsonb, at timestamptz, day date, span interval, tags text[], grid int[], mood mood,
        home place, addr inet, code char(5), doubled bigint GENERATED ALWAYS AS (id * 2) STORED, PRIMARY KEY (part, id))
      """, tables: ["items"], attached: false)
    let pieces = [
      "\\", "\t", "\n", "\r", "N", "\\N", "a", "\"", "{", ",", "\u{8}", "\u{b}", "\u{c}", "é", "🙂", " ", "'", "\\.",
    ]
    for id in 1...120 {
      let text = (0..<Int.random(in: 0...6, using: &numbers)).map { _ in pieces.randomElement(using: &numbers) ?? "" }
        .joined()
      let value: PostgresValue = Int.random(in: 0..<6, using: &numbers) == 0 ? .null : .text(text)
      _ = try await scene.application.run {
        try $0.execute(
          """
          INSERT INTO items (id, part, flag, small, amount, real8, note, raw, doc, docb, at, day, span, tags, grid, mood,
            home, addr, code)
          SELECT $1, $2, g % 3 = 0, CASE WHEN g % 4 > 0 THEN -g END, CASE g % 5 WHEN 0 THEN 'NaN' ELSE g * 1.50 END,
            CASE g % 4 WHEN 0 THEN 'Infinity' ELSE g / 7.0 END, $3, convert_to($3, 'UTF8'),
            json_build_object('b', $3::text, 'a', g), jsonb_build_object('b', $3::text, 'a', g),
            to_timestamp(g * 1e6 + 0.125), 'epoch'::date + g, make_interval(hours => g), ARRAY[$3, NULL, 'x'],
            ARRAY[[g, 2], [3, NULL]], CASE g % 3 WHEN 0 THEN 'sad' WHEN 1 THEN 'so so' END::mood,
            CASE WHEN g % 2 = 0 THEN ROW($3, g)::place END, ('10.0.0.' || g)::inet, 'c' || g
          FROM (SELECT $1::bigint::int AS g) x
          """, [.integer(Int64(id)), .text(["a", "\t\\N", "ß"][id % 3]), value])
      }
    }
    let table = try await scene.database.table("items")
    var places: (copied: Position?, selected: Position?) = (nil, nil)
    var count = 0
    repeat {
      let copied = try await table.rows(.everything, from: places.copied, limit: 50)
      let selected = try await table.rows(BackfillSelection(condition: "true"), from: places.selected, limit: 50)
      try #require(copied.rows.count == selected.rows.count && copied.next == selected.next, "seed \(seed)")
      for (one, other) in zip(copied.rows, selected.rows) {
        #expect(
          String(decoding: one.row, as: UTF8.self) == String(decoding: other.row, as: UTF8.self), "seed \(seed)")
        #expect(one.key == other.key, "seed \(seed)")
      }
      count += copied.rows.count
      places = (copied.next, selected.next)
    } while places.copied != nil
    #expect(count == 120)
  }

  @Test func `A chunk ends where it has a few megabytes, and the next one goes on there`() async throws {
    let scene = try await PostgresScene(
      """
      CREATE TABLE items (id int PRIMARY KEY, a text);
      INSERT INTO items SELECT g, repeat('x', 100000) FROM generate_series(1, 200) g
      """, tables: ["items"], attached: false)
    let table = try await scene.database.table("items")
    for selection in [BackfillSelection.everything, BackfillSelection(condition: "true")] {
      let first = try await table.rows(selection, from: nil, limit: 1_000)
      #expect((40...45).contains(first.rows.count) && first.next != nil)
      #expect(try await keys(table, selection, limit: 1_000) == (1...200).map { RecordKey(.integer($0)) })
    }
  }

  @Test func `A condition selects, cannot write, and its error is the database's own`() async throws {
    let scene = try await PostgresScene(
      """
      CREATE TABLE items (id int PRIMARY KEY, a text); CREATE SEQUENCE counted;
      INSERT INTO items SELECT g, 'a' || g FROM generate_series(1, 50) g
      """, tables: ["items"], attached: false)
    let table = try await scene.database.table("items")
    let some = BackfillSelection(condition: "id % 10 = 0 OR a = 'a7' -- and no more")
    #expect(try await keys(table, some, limit: 2) == [7, 10, 20, 30, 40, 50].map { RecordKey(.integer($0)) })
    #expect(try await table.rowCount(some) == RowCount(6, isExact: true))
    for (condition, word) in [
      ("idd = 1", "idd"), ("id = 1; DROP TABLE items", "syntax"), ("nextval('counted') > 0", "read-only"),
      ("a", "boolean"),
    ] {
      let error = await #expect(throws: Failure.self) {
        try await table.rows(BackfillSelection(condition: condition), from: nil, limit: 5)
      }
      #expect(error?.code == "backfill.where" && error?.message.contains(word) == true, "\(condition): \(error as Any)")
    }
    let error = await #expect(throws: Failure.self) {
      try await table.rowCount(BackfillSelection(since: Timestamp(microseconds: 0)))
    }
    #expect(error?.code == "backfill.since")
  }

  @Test
  func `A moment selects by the cursor of a polled table, and a large one without an index on its key is refused`()
    async throws
  {
    let url = try await ScratchPostgres.database()
    try await PostgresConnection(url: url).run {
      try $0.execute(
        """
        CREATE TABLE items (id int, changed timestamptz);
        INSERT INTO items SELECT g, to_timestamp(g) FROM generate_series(1, 100) g
        """)
    }
    let settings = PollSettings(cursor: "changed", key: ["id"])
    let database = try await PostgresDatabase(
      name: "shop", url: url, tables: ["items"], capture: .poll, polling: ["items": settings])
    let table = try await database.table("items")
    let late = BackfillSelection(since: Timestamp(microseconds: 98_000_000))
    #expect(try await keys(table, late, limit: 2) == [98, 99, 100].map { RecordKey(.integer($0)) })
    #expect(try await table.rowCount(.everything) == RowCount(100, isExact: true))

    try await PostgresConnection(url: url).run {
      try $0.execute("INSERT INTO items SELECT g, now() FROM generate_series(101, 150000) g; ANALYZE items")
    }
    let error = await #expect(throws: Failure.self) { try await table.rowCount(.everything) }
    #expect(error?.code == "backfill.index" && error?.message.contains("CREATE INDEX") == true)
    try await PostgresConnection(url: url).run { try $0.execute("CREATE INDEX ON items (id)") }
    let count = try #require(try await table.rowCount(.everything))
    #expect(!count.isExact && (140_000...160_000).contains(count.rows), "\(count)")
  }
}
