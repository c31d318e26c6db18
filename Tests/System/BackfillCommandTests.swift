import Foundation
import Glibc
import HTTP
import JSON
import Support
import Testing

extension SystemTests {
  /// What `tidemark backfill` promises to people and scripts.
  @Suite(.serialized) struct BackfillCommandTests {
    /// A shop with `count` customers more than the fixture has.
    private func scene(_ kind: DatabaseKind, customers count: Int) async throws -> Scene {
      let scene = try await Scene(kind)
      let text = kind == .sqlite ? "CAST(n AS TEXT)" : "n::text"
      try await scene.shop.execute(
        """
        WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < \(count))
        INSERT INTO customers (name, email, city)
        SELECT 'Customer', 'b' || \(text) || '@shop.example', CASE WHEN n % 10 = 0 THEN 'Faro' ELSE 'Porto' END FROM counted
        """)
      return scene
    }

    private func contacts(_ scene: Scene) async throws -> Int { try await scene.crm.records("contacts").count }

    private func customers(_ scene: Scene) async throws -> Int {
      Int(try await scene.shop.value("SELECT count(*) FROM customers") ?? "") ?? 0
    }

    @Test(arguments: [DatabaseKind.sqlite, .postgres])
    func
      `Without a service the command does the work itself, and a link that is new still has its first backfill later`(
        kind: DatabaseKind
      ) async throws
    {
      let scene = try await scene(kind, customers: 150)
      try await scene.tidemark("attach")
      let planned = try await scene.tidemark("backfill", "customers", "--dry-run")
      let count = try await customers(scene)
      #expect(planned.output == "customers: would read \(count) rows of shop.customers\n", "\(planned)")
      #expect(try await contacts(scene) == 0)

      let ending = try await scene.tidemark("backfill", "customers", "--json")
      #expect(ending.status == 0, "\(ending)")
      let last = try JSONValue(parsing: String(ending.output.split(separator: "\n").last ?? ""))
      #expect(last.at("state") == "done" && last.at("rows")?.integerValue == Int64(count), "\(last.text)")
      #expect(last.at("percent") == 100)
      #expect(try await contacts(scene) == count)

      // What changes before the first `run` is seen by nobody but the first backfill.
      let service = try await scene.run()
      try await scene.quiet()
      let listed = try JSONValue(parsing: try await scene.tidemark("backfill", "list", "--json").output)
      #expect(listed.arrayValue?.contains { $0.at("reason") == "initial" } == true, "\(listed.text)")
      let verified = try await scene.tidemark("verify")
      #expect(verified.status == 0, "\(verified)")
      #expect(service.isRunning)
    }

    @Test(arguments: [DatabaseKind.sqlite, .postgres])
    func `A condition and a list of keys read only what they say, and a wrong condition is told plainly`(
      kind: DatabaseKind
    ) async throws {
      let scene = try await scene(kind, customers: 100)
      try await scene.tidemark("attach")
      let chosen = try await scene.tidemark("backfill", "customers", "--where", "city = 'Faro' -- the south")
      #expect(chosen.status == 0, "\(chosen)")
      #expect(try await contacts(scene) == 10)

      let ids = try await scene.shop.rows("SELECT id FROM customers WHERE city = 'Porto' ORDER BY id LIMIT 3").map {
        $0[0]
      }
      try (ids + ids + ["999999"]).joined(separator: "\n")
        .write(toFile: scene.folder.file("ids"), atomically: true, encoding: .utf8)
      let keyed = try await scene.tidemark("backfill", "customers", "--keys", "ids")
      #expect(keyed.status == 0 && keyed.output.contains("1 keys without a record"), "\(keyed)")
      #expect(try await contacts(scene) == 13)

      for condition in ["ciyt = 'Faro'", "1 = 1; DELETE FROM customers", "city ="] {
        let refused = try await scene.tidemark("backfill", "customers", "--where", condition)
        #expect(refused.status == 64 && refused.errors.contains("--where"), "\(condition): \(refused)")
      }
      let later = try await scene.tidemark("backfill", "customers", "--since", "1h")
      #expect(later.status == 64 && later.errors.contains("--where"), "\(later)")
      #expect(try await contacts(scene) == 13)
    }

    @Test(arguments: [SIGINT, SIGKILL])
    func `However it is interrupted, it goes on where it was and reads nothing twice`(signal: Int32) async throws {
      let scene = try await scene(.sqlite, customers: 600)
      try await scene.tidemark("attach")
      let count = try await customers(scene)
      let first = try scene.start("backfill", "customers", "--rate", "100/s")
      try await eventually("some are delivered") { try await contacts(scene) > 50 }
      first.signal(signal)
      let interrupted = await first.ending()
      #expect(interrupted.status == (signal == SIGINT ? 130 : 128 + SIGKILL), "\(interrupted)")
      if signal == SIGINT { #expect(interrupted.errors.contains("backfill resume"), "\(interrupted.errors)") }
      let before = try await contacts(scene)
      #expect(before < count)

      let resumed = try await scene.tidemark("backfill", "resume", "1", "--json")
      #expect(resumed.status == 0, "\(resumed)")
      let last = try JSONValue(parsing: String(resumed.output.split(separator: "\n").last ?? ""))
      #expect(last.at("rows")?.integerValue == Int64(count), "\(last.text)")
      #expect(try await contacts(scene) == count)
    }

    @Test func `With a service it is a request that can be paused, resumed and cancelled`() async throws {
      let scene = try await scene(.postgres, customers: 400)
      try await scene.tidemark("attach")
      let service = try await scene.run()
      try await scene.quiet()
      let asked = try scene.start("backfill", "customers", "--rate", "40/s")
      try await eventually("it is under way") { try await backfill(scene)?.at("state") == "running" }
      let id = try await backfill(scene)?.at("id")?.integerValue ?? 0
      #expect(try await scene.tidemark("backfill", "pause", "\(id)").status == 0)
      let paused = await asked.ending()
      #expect(paused.output.contains("paused"), "\(paused)")
      let rows = try await backfill(scene)?.at("rows")?.integerValue ?? 0
      #expect(rows < 400)

      let goesOn = try await scene.tidemark("backfill", "resume", "\(id)", "--detach")
      #expect(goesOn.status == 0, "\(goesOn)")
      try await eventually("it goes on") { try await backfill(scene)?.at("rows")?.integerValue ?? 0 > rows }
      #expect(try await scene.tidemark("backfill", "cancel", "\(id)").status == 0)
      let refused = try await scene.tidemark("backfill", "resume", "\(id)")
      #expect(refused.status == 64 && refused.errors.contains("cancelled"), "\(refused)")

      let whole = try await scene.tidemark("backfill", "customers")
      #expect(whole.status == 0 && whole.output.contains("100 %"), "\(whole)")
      let metrics = String(decoding: try await scene.get("/metrics").body, as: UTF8.self)
      for name in ["rows_total", "remaining_rows", "eta_seconds"] {
        #expect(metrics.contains("tidemark_backfill_\(name){link=\"customers\"}"), "\(name)")
      }
      #expect(String(decoding: try await scene.get("/").body, as: UTF8.self).contains("<progress"))
      #expect(service.isRunning)
    }

    @Test(arguments: [DatabaseKind.sqlite, .postgres])
    func `Two sides that both hold records are looked at first, and brought together as it was said`(kind: DatabaseKind)
      async throws
    {
      let scene = try await scene(kind, customers: 40)
      // The application holds most of the same customers: equal, under another name, twice, and some of its own.
      for row in try await scene.shop.rows("SELECT email, city FROM customers WHERE name = 'Customer' ORDER BY id") {
        _ = try await scene.crm.create(
          "contacts", ["name": "Customer", "email": .string(row[0]), "city": .string(row[1]), "credit_limit": 0])
      }
      let emails = try await scene.shop.rows("SELECT email FROM customers WHERE name = 'Customer' ORDER BY id").map {
        $0[0]
      }
      let contacts = try await scene.crm.records("contacts")
      let renamed = try #require(contacts.first { $0.value["email"]?.stringValue == emails[0] }?.key)
      try await scene.crm.update("contacts", renamed, ["name": "Known better"])
      for _ in 0..<2 { _ = try await scene.crm.create("contacts", ["name": "Twin", "email": "twin@crm.example"]) }
      _ = try await scene.crm.create("contacts", ["name": "Own", "email": "own@crm.example", "credit_limit": 7])
      let journal = try await scene.crm.journal().count

      let looked = try await scene.tidemark("backfill", "--match", "customers", "--json", "--policy", "application")
      #expect(looked.status == 3, "\(looked)")
      let figures = try JSONValue(parsing: looked.output)
      let count = try await customers(scene)
      #expect(figures.at("pairs")?.integerValue == 40, "\(figures.text)")
      #expect(figures.at("fields.name")?.integerValue == 1, "\(figures.text)")
      #expect(figures.at("application.to_be_made") == 6 && figures.at("database.to_be_made") == 1, "\(figures.text)")
      #expect(figures.at("application.ambiguous") == 2, "\(figures.text)")
      let words = try await scene.tidemark("backfill", "--match", "customers")
      #expect(words.status == 3 && words.output.contains("are ambiguous"), "\(words)")
      #expect(try await scene.crm.journal().count == journal, "a look wrote something")
      let doubted = try await scene.tidemark("backfill", "--match", "orders", "--yes")
      #expect(doubted.status == 1 && doubted.errors.contains("--allow-creates"), "\(doubted)")
      let mistaken = try await scene.tidemark("backfill", "customers", "--policy", "manual")
      #expect(mistaken.status == 64, "\(mistaken)")

      try await scene.tidemark("attach")
      let merged = try await scene.tidemark("backfill", "--match", "customers", "--yes", "--policy", "application")
      #expect(merged.status == 0, "\(merged)")
      #expect(try await scene.shop.value("SELECT name FROM customers WHERE email = '\(emails[0])'") == "Known better")
      #expect(try await scene.shop.value("SELECT crm_id FROM customers WHERE email = '\(emails[0])'") == renamed)
      #expect(try await scene.shop.value("SELECT name FROM customers WHERE email = 'own@crm.example'") == "Own")
      let writes = try await scene.crm.journal().dropFirst(journal)
      #expect(writes.count { $0.isTidemarks } == 6 && writes.count == 6, "\(writes)")
      let verified = try await scene.tidemark("verify", "customers")
      #expect(verified.output.contains("2 differ"), "\(verified)")
      let again = try await scene.tidemark("backfill", "--match", "customers")
      #expect(again.status == 3 && again.output.contains("\(count + 1) are linked already"), "\(again)")
    }

    @Test func `A table that is read in parts and killed reads no chunk twice that is in the log`() async throws {
      let scene = try await scene(.postgres, customers: 20_000)
      try await scene.tidemark("attach")
      let count = try await customers(scene)
      // Nothing is delivered meanwhile: the row that is told its id moves, and would rightly be met again.
      try await scene.crm.fault(#"{"fault": "status", "status": 503, "probability": 1}"#)
      let options = ["--parallel", "4", "--log-only", "--json"]
      let first = try scene.start(["backfill", "customers", "--rate", "4000/s"] + options)
      _ = try await first.line(after: "\"state\":\"running\"")
      // Not a wait for something, but the moment of the kill: it is to be any.
      try await Task.sleep(for: .milliseconds(.random(in: 100...1_500)))
      first.signal(SIGKILL)
      #expect(await first.ending().status == 128 + SIGKILL)
      for _ in 0..<3 {
        let next = try scene.start(["backfill", "resume", "1", "--json"])
        try await Task.sleep(for: .milliseconds(.random(in: 50...900)))
        next.signal(SIGKILL)
        _ = await next.ending()
      }
      let resumed = try await scene.tidemark("backfill", "resume", "1", "--json")
      #expect(resumed.status == 0, "\(resumed)")
      let last = try JSONValue(parsing: String(resumed.output.split(separator: "\n").last ?? ""))
      #expect(last.at("state") == "done" && last.at("rows")?.integerValue == Int64(count), "\(last.text)")
      let read = try await scene.tidemark("log", "--operation", "read", "--limit", "100000", "--json").output
      let keys = try read.split(separator: "\n").map { try JSONValue(parsing: String($0)).at("key") }
      #expect(keys.count == count && Set(keys).count == count, "\(keys.count) of \(count)")
    }

    /// The newest backfill, as the running service shows it.
    private func backfill(_ scene: Scene) async throws -> JSONValue? {
      try await scene.status().at("backfills")?.arrayValue?.last
    }
  }
}
