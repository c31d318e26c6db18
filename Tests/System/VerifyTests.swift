import Glibc
import HTTP
import JSON
import Support
import Testing

extension SystemTests {
  /// What people see of `verify`, `replay` and `log`.
  @Suite(.serialized) struct VerifyTests {
    @Test(arguments: DatabaseKind.allCases)
    func
      `Differences are found, told with what the log knows, shown how they would be mended, and mended by the service`(
        kind: DatabaseKind
      ) async throws
    {
      let scene = try await Scene(kind)
      try await scene.tidemark("attach")
      let service = try await scene.run()
      try await scene.quiet()
      #expect(try await scene.tidemark("verify").status == 0)

      let emails = try await scene.shop.rows("SELECT email FROM customers ORDER BY id LIMIT 3").map { $0[0] }
      try await scene.crm.fault(#"{"fault": "status", "status": 422, "probability": 1, "method": "PATCH"}"#)
      for email in emails {
        try await scene.shop.execute("UPDATE customers SET city = 'Oslo' WHERE email = '\(email)'")
      }
      try await eventually("three changes are given up") { try await deadLetters(scene) == 3 }
      try await scene.crm.removeFaults()

      let found = try await scene.tidemark("verify", "--json", "--values")
      #expect(found.status == 3, "\(found)")
      let report = try JSONValue(parsing: found.output)
      let differences = try #require(
        report.arrayValue?.first { $0.at("link") == "customers" }?.at("differences")?.arrayValue)
      #expect(differences.count == 3)
      for difference in differences {
        #expect(difference.at("fields") == ["city"] && difference.at("dead_letter.code") == "http.422")
        #expect(difference.at("values.city.database") == "Oslo")
      }
      let plain = try await scene.tidemark("verify", "customers")
      #expect(plain.output.contains("was given up") && !plain.output.contains("Oslo"), "\(plain.output)")

      let journal = try await scene.crm.journal().count
      let plan = try await scene.tidemark("verify", "customers", "--repair", "--prefer", "database")
      #expect(plan.status == 3)
      #expect(plan.output.split(separator: "\n").filter { $0.contains("would update crm.contacts") }.count == 3)
      #expect(try await scene.crm.journal().count == journal, "a dry run wrote something")

      // One by replay, which is for what was lost, the others by repair.
      let first = try #require(try await scene.shop.value("SELECT id FROM customers WHERE email = '\(emails[0])'"))
      let replay = try await scene.tidemark("replay", "customers", "--since", "1", "--key", first)
      #expect(replay.status == 0, "\(replay)")
      #expect(try await scene.crm.record("contacts", where: "email", is: .string(emails[0]))?["city"] == "Oslo")
      let repair = try await scene.tidemark("verify", "customers", "--repair", "--prefer", "database", "--yes")
      #expect(repair.status == 0, "\(repair)")
      #expect(repair.output.contains("2 of 2 are equal now"), "\(repair.output)")
      for email in emails {
        #expect(try await scene.crm.record("contacts", where: "email", is: .string(email))?["city"] == "Oslo")
      }
      try await scene.quiet()
      #expect(try await scene.tidemark("verify").status == 0)
      let status = try await scene.tidemark("status")
      #expect(status.output.contains("verified customers: ") && status.output.contains("all equal"), "\(status.output)")

      let story = try await scene.tidemark("log", "--link", "customers", "--key", first)
      #expect(story.output.contains("from replay") && !story.output.contains("Oslo"), "\(story.output)")
      let repairs = try await scene.tidemark("log", "--since", "1", "--json", "--rows").output
        .split(separator: "\n").map { try JSONValue(parsing: String($0)) }.filter { $0.at("source") == "repair" }
      #expect(repairs.count == 2 && repairs.allSatisfy { $0.at("row.city") == "Oslo" && $0.at("origin") == "repair" })
      #expect(service.isRunning)
    }

    @Test(arguments: [DatabaseKind.sqlite, .postgres])
    func `Nothing differs while both applications are at work, however often one looks`(kind: DatabaseKind) async throws
    {
      let seed = UInt64.random(in: 0..<1_000_000)
      print("\(kind.rawValue), seed \(seed)")
      let scene = try await Scene(kind)
      try await scene.tidemark("attach")
      let service = try await scene.run()
      try await scene.quiet()
      let closing = Closing()
      async let shop = shopWork(scene.shop, seed, closing)
      async let crm = crmWork(scene.crm, seed + 1, closing)
      do {
        for _ in 0..<3 {
          // What is still on its way by then is not waited for: only a difference would be wrong.
          let ending = try await scene.tidemark("verify", "--values", "--patience", "2")
          #expect(ending.status == 0, "\(ending.output)\(ending.errors)")
        }
      } catch {
        closing.call()
        throw error
      }
      closing.call()
      let writes = try await (shop.writes, crm.writes)
      #expect(writes.0 > 0 && writes.1 > 0 && service.isRunning)
    }

    @Test func `Without a service the command mends by itself what capture never saw, deletes included`() async throws {
      let scene = try await Scene(.sqlite)
      try await scene.tidemark("attach")
      let service = try await scene.run()
      try await scene.quiet()
      service.signal(SIGTERM)
      #expect(await service.ending().status == 0)
      let before = try await scene.crm.records("contacts").count
      for row in try await scene.shop.rows(
        "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'customers'")
      {
        try await scene.shop.execute("DROP TRIGGER \(row[0])")
      }
      let ids = try await scene.shop.rows(
        "SELECT id FROM customers WHERE id NOT IN (SELECT customer_id FROM orders) ORDER BY id"
      ).map { $0[0] }
      try #require(ids.count > 1)
      try await scene.shop.execute("DELETE FROM customers WHERE id = \(ids[0])")
      try await scene.shop.execute("UPDATE customers SET city = 'Oslo' WHERE id = \(ids[1])")
      try await scene.shop.execute(
        "INSERT INTO customers (name, email, city) VALUES ('New', 'new@shop.example', 'Bergen')")

      let found = try await scene.tidemark("verify", "customers")
      #expect(found.status == 3 && found.output.contains("3 differ"), "\(found)")
      let repair = try await scene.tidemark("verify", "customers", "--repair", "--prefer", "database", "--yes")
      #expect(repair.status == 0, "\(repair)")
      let contacts = try await scene.crm.records("contacts").values
      #expect(contacts.count == before)
      #expect(contacts.contains { $0["email"] == "new@shop.example" && $0["city"] == "Bergen" })
      #expect(try await scene.tidemark("verify", "customers").status == 0)
      #expect(try await scene.tidemark("verify", "customers", "--sample", "3").output.contains("3 records compared"))
    }

    @Test func `A service verifies on its schedule and tells the figure`() async throws {
      let scene = try await Scene(.sqlite)
      try scene.configure(verify: "verify: { every: 10s }")
      try await scene.tidemark("attach")
      let service = try await scene.run()
      try await eventually("the first verification is told", within: .seconds(60)) {
        String(decoding: try await scene.get("/metrics").body, as: UTF8.self)
          .contains("tidemark_verified_differences{link=\"customers\"}")
      }
      #expect(try await scene.status().at("links")?.arrayValue?.contains { $0.at("verified.compared") != nil } == true)
      #expect(service.isRunning)
    }

    private func deadLetters(_ scene: Scene) async throws -> Int {
      try JSONValue(parsing: try await scene.tidemark("dead-letters", "--json").output).arrayValue?.count ?? 0
    }
  }
}
