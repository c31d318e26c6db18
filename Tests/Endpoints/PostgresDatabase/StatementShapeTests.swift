import Changes
import JSON
import PostgresDatabase
import Support
import Testing

/// What an application can do to a row, one way or the other.
struct StatementShapeTests {
  private static let modes = [CaptureMode.trigger, .wal]

  @Test(arguments: modes)
  func `generated and identity columns, composite keys and long quoted names are captured`(
    _ mode: CaptureMode
  ) async throws {
    let long = String(repeating: "Ä", count: 31) + "x"
    let schema = "\"My \"\"Shop\"\"x\""
    let table = "\(schema).\"\(long)\""
    let scene = try await PostgresScene(
      """
      CREATE SCHEMA \(schema);
      CREATE TABLE \(table) ("a.b" int, "\(long)" text, n int GENERATED ALWAYS AS IDENTITY,
        twice int GENERATED ALWAYS AS ("a.b" * 2) STORED, PRIMARY KEY ("\(long)", "a.b"))
      """, tables: [#"My "Shop"x."# + long], capture: mode)
    try await scene.execute(#"INSERT INTO \#(table) ("a.b", "\#(long)") VALUES (1, 'it''s')"#)
    try await scene.execute(#"UPDATE \#(table) SET "a.b" = 2"#)
    let changes = try await scene.drain().changes
    #expect(changes.map(\.brief) == [#"insert ["it's",1]"#, #"delete ["it's",1]"#, #"insert ["it's",2]"#])
    #expect(changes[2].object?["twice"] == 4 && changes[2].object?["n"] == 1)
  }

  @Test(arguments: modes)
  func `cascades, merges, upserts and copies are captured, replicated writes too`(_ mode: CaptureMode) async throws {
    let scene = try await PostgresScene(
      """
      CREATE TABLE parent (id int PRIMARY KEY, name text);
      CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent ON UPDATE CASCADE ON DELETE CASCADE)
      """, tables: ["parent", "child"], capture: mode)
    try await scene.execute("INSERT INTO parent VALUES (1, 'a'), (2, 'b'); INSERT INTO child VALUES (10, 1), (20, 2)")
    let (_, start) = try await scene.drain()
    try await scene.execute("DELETE FROM parent WHERE id = 1; UPDATE parent SET id = 3 WHERE id = 2")
    let (cascaded, middle) = try await scene.drain(after: start)
    #expect(
      Set(cascaded.map { "\($0.endpoint.name) \($0.brief)" }) == [
        "parent delete 1", "child delete 10", "parent delete 2", "parent insert 3", "child update 20",
      ])
    try await scene.execute(
      """
      MERGE INTO parent p USING (VALUES (3, 'c'), (4, 'd'), (5, 'e')) v (id, name) ON p.id = v.id
      WHEN MATCHED THEN UPDATE SET name = v.name WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.name);
      INSERT INTO parent VALUES (4, 'D'), (6, 'f') ON CONFLICT (id) DO UPDATE SET name = excluded.name;
      INSERT INTO parent VALUES (4, 'never') ON CONFLICT DO NOTHING;
      MERGE INTO parent p USING (VALUES (5)) v (id) ON p.id = v.id WHEN MATCHED THEN DELETE;
      SET session_replication_role = replica; UPDATE parent SET name = 'F' WHERE id = 6; RESET session_replication_role
      """)
    let (merged, _) = try await scene.drain(after: middle)
    var last: [RecordKey: String] = [:]
    for change in merged { last[change.key] = change.operation == .delete ? "gone" : change.object?["name"]?.text }
    #expect(
      last == [RecordKey(3): #""c""#, RecordKey(4): #""D""#, RecordKey(5): "gone", RecordKey(6): #""F""#],
      "\(merged.map(\.brief))")
    #expect(merged.count == 7)
  }

  @Test func `COPY is captured`() async throws {
    let scene = try await PostgresScene("CREATE TABLE t (id int PRIMARY KEY, x text)", tables: ["t"])
    try await scene.execute("COPY t FROM PROGRAM 'printf \"1\\tone\\n2\\ttwo\\n\"'")
    #expect(try await scene.drain().changes.map(\.brief) == ["insert 1", "insert 2"])
  }

  /// The application's trigger changes the row that fired it: the inner statement is captured first.
  @Test(arguments: ["a_first", "z_last"])
  func `a nested change of the same row is not followed by what it replaced`(_ name: String) async throws {
    let scene = try await PostgresScene(
      """
      CREATE TABLE t (id int PRIMARY KEY, x text, seen int DEFAULT 0);
      CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN UPDATE t SET seen = seen + 1 WHERE id = NEW.id; RETURN NULL; END $$;
      CREATE TRIGGER \(name) AFTER INSERT OR UPDATE OF x ON t FOR EACH ROW EXECUTE FUNCTION touch()
      """, tables: ["t"])
    try await scene.execute("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    let changes = try await scene.drain().changes
    for key in [RecordKey(1), RecordKey(2)] {
      let newest = try #require(changes.filter { $0.key == key }.max { $0.stamp < $1.stamp })
      #expect(newest.object?["seen"] == 1)
      // What must not be believed says so.
      #expect(changes.last { $0.key == key }?.stamp == Stamp(0))
    }
  }

  /// Between the two triggers of a statement the application's own may change other tables, and this one.
  @Test func `a changed key is paired whatever happens between`() async throws {
    let scene = try await PostgresScene(
      """
      CREATE TABLE a (id int PRIMARY KEY, x int); CREATE TABLE b (id int PRIMARY KEY, x int);
      INSERT INTO a VALUES (1, 0), (7, 0); INSERT INTO b VALUES (1, 0);
      CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN UPDATE b SET x = x + 1; UPDATE a SET x = x + 1 WHERE id = 7; RETURN NULL; END $$;
      CREATE TRIGGER zz AFTER UPDATE OF id ON a FOR EACH ROW EXECUTE FUNCTION meddle()
      """, tables: ["a", "b"])
    try await scene.execute("UPDATE a SET id = 2 WHERE id = 1")
    let told = Set(try await scene.drain().changes.map { "\($0.endpoint.name) \($0.brief)" })
    #expect(told == ["a delete 1", "a insert 2", "a update 7", "b update 1"])
  }
}
