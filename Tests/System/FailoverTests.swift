import Foundation
import Glibc
import HTTP
import JSON
import Postgres
import Support
import Testing

extension SystemTests {
  /// Another life of the database: numbers repeat and mean other rows.
  @Suite(.serialized) struct FailoverTests {
    private static let kinds = [DatabaseKind.postgres, .postgresWAL]

    @Test(arguments: kinds)
    func `Invariant 2: after a failover what was not seen is said and healed, and both sides end equal`(
      kind: DatabaseKind
    ) async throws {
      let pair = try FailoverPair()
      let scene = try await Scene(kind, database: pair.url("postgres"))
      #expect(try await scene.tidemark("attach").status == 0)
      let service = try await scene.run()
      try await scene.quiet()
      let closing = Closing()
      async let writes = write(scene.shop, until: closing)

      try pair.cutReplication()
      try await scene.shop.execute(
        "UPDATE customers SET city = 'Ghost' WHERE id = 1",
        "INSERT INTO customers (name, email) VALUES ('Ghost', 'ghost@shop.example')")
      try await eventually("what the standby never hears of has reached the application") {
        let isUpdated = try await scene.crm.record("contacts", where: "city", is: "Ghost") != nil
        return try await scene.crm.record("contacts", where: "name", is: "Ghost") != nil && isUpdated
      }
      try pair.killPrimary()
      try await eventually("that the database is gone is told", within: .seconds(20)) {
        try await readiness(scene).contains("capture")
      }
      try pair.promote()
      try await eventually("the application goes on at the new primary") {
        (try? await scene.shop.execute("UPDATE customers SET city = 'Unseen' WHERE id = 2")) != nil
      }
      if kind == .postgresWAL {
        try await eventually("what to do is told", within: .seconds(20)) {
          let text = try await readiness(scene)
          return ["not_attached", "standby", "another life", "tidemark repair"].allSatisfy(text.contains)
        }
        #expect(try await scene.crm.record("contacts", where: "city", is: "Unseen") == nil)
        #expect(try await lag(scene) > 0, "nothing is caught up")
        let repair = try await scene.tidemark("repair")
        #expect(repair.status == 0 && repair.output.contains("whole again"), "\(repair)")
      }
      try await eventually("the gap is crossed") { try await scene.get("/readyz").status == 200 }
      closing.call()
      #expect(await writes > 0)
      try await scene.quiet()
      try await requireEqual(scene)
      #expect(try await scene.crm.record("contacts", where: "city", is: "Unseen") != nil)
      #expect(try await scene.crm.record("contacts", where: "city", is: "Ghost") == nil)

      // Records that no row belongs to any more are for a person to decide.
      #expect(try await scene.tidemark("verify").status == 3)
      let emails = try await Set(scene.shop.rows("SELECT email FROM customers").map { $0[0] })
      let ghosts = try await scene.crm.records("contacts").filter { _, contact in
        !emails.contains(contact["email"]?.stringValue ?? "")
      }
      #expect(ghosts.values.contains { $0["name"] == "Ghost" })
      for ghost in ghosts.keys { try await scene.crm.delete("contacts", ghost) }
      try await scene.quiet()
      let verified = try await scene.tidemark("verify")
      #expect(verified.status == 0, "\(verified)")
      #expect(service.isRunning)
    }

    @Test(arguments: kinds)
    func `Invariant 2: a restored dump is recognised, and brought together with the application once it is repaired`(
      kind: DatabaseKind
    ) async throws {
      let scene = try await Scene(kind)
      let cluster = try ScratchPostgres.cluster()
      try await scene.tidemark("attach")
      let service = try await scene.run()
      try await scene.quiet()
      let dump = scene.folder.file("shop.dump")
      _ = try cluster.run("pg_dump", ["-Fc", "-f", dump, scene.shop.url])
      try await scene.shop.execute(
        "UPDATE customers SET city = 'Later' WHERE id = 1",
        "INSERT INTO customers (name, email) VALUES ('Later', 'later@shop.example')")
      try await scene.quiet()

      try await replaceDatabase(of: scene)
      _ = try cluster.run("pg_restore", ["-d", scene.shop.url, dump])
      try await eventually("the dump is recognised", within: .seconds(40)) {
        let text = try await readiness(scene)
        return ["not_attached", "restored dump", "tidemark repair"].allSatisfy(text.contains)
      }
      #expect(try await scene.crm.record("contacts", where: "city", is: "Later") != nil, "nothing is done unasked")
      let repair = try await scene.tidemark("repair")
      #expect(repair.status == 0 && repair.output.contains("whole again"), "\(repair)")
      try await eventually("the gap is crossed") { try await scene.get("/readyz").status == 200 }
      try await scene.shop.execute("UPDATE customers SET city = 'After' WHERE id = 2")
      try await scene.quiet()
      try await requireEqual(scene)
      #expect(try await scene.crm.record("contacts", where: "city", is: "After") != nil)
      #expect(try await scene.tidemark("verify").status == 3, "the record that the dump does not have")
      #expect(service.isRunning)
    }

    /// The database at the scene's URL makes way for an empty one.
    private func replaceDatabase(of scene: Scene) async throws {
      let name = String(scene.shop.url.split(separator: "?")[0].split(separator: "/").last ?? "")
      let administrator = PostgresConnection(url: try ScratchPostgres.cluster().url("postgres"))
      try await administrator.run { session in
        try session.execute("ALTER DATABASE \(name) ALLOW_CONNECTIONS false")
        try session.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '\(name)'")
        try session.execute("ALTER DATABASE \(name) RENAME TO \(name)_before")
        try session.execute("CREATE DATABASE \(name)")
      }
      await administrator.close()
      // The application's own connection was ended as well: it is noticed here.
      _ = try? await scene.shop.value("SELECT 1")
    }

    /// Updates and inserts, as well as the database takes them.
    private func write(_ shop: Shop, until closing: Closing) async -> Int {
      var written = 0
      while !closing.isDue {
        let number = written
        let change =
          number % 10 == 0
          ? "INSERT INTO customers (name, email) VALUES ('New', 'n\(number)@shop.example')"
          : "UPDATE customers SET phone = '\(number)' WHERE id = \(3 + number % 4)"
        if (try? await shop.execute(change)) != nil { written += 1 }
        try? await Task.sleep(for: .milliseconds(10))
      }
      return written
    }

    private func requireEqual(_ scene: Scene) async throws {
      let contacts = try await scene.crm.records("contacts")
      let rows = try await scene.shop.rows(
        "SELECT crm_id, name, email, coalesce(phone, ''), coalesce(city, '') FROM customers")
      for row in rows {
        let contact = contacts[row[0]]
        let told = ["name", "email", "phone", "city"].map { contact?[$0]?.stringValue ?? "" }
        #expect(told == Array(row[1...]), "contact \(row[0])")
      }
    }

    private func readiness(_ scene: Scene) async throws -> String {
      String(decoding: try await scene.get("/readyz").body, as: UTF8.self)
    }

    private func lag(_ scene: Scene) async throws -> Double {
      let text = String(decoding: try await scene.get("/metrics").body, as: UTF8.self)
      let line = text.split(separator: "\n").first { $0.hasPrefix("tidemark_capture_lag_seconds{source=\"shop\"}") }
      return line?.split(separator: " ").last.flatMap { Double($0) } ?? 0
    }
  }
}
