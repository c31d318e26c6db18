import Glibc
import HTTP
import JSON
import Support
import Testing

extension SystemTests {
  /// A database in which nothing is installed.
  @Suite(.serialized) struct PollTests {
    private static let capture = "{ mode: poll, every: 200ms }"

    private static func contact(_ scene: Scene, _ email: String) async throws -> JSONObject? {
      try await scene.crm.record("contacts", where: "email", is: .string(email))
    }

    @Test(arguments: [DatabaseKind.sqlite, .postgres])
    func `Polled tables are kept in step both ways, deletes and kills included`(kind: DatabaseKind) async throws {
      let scene = try await Scene(kind, capture: Self.capture)
      let schema = try await scene.shop.schema()
      #expect(try await scene.tidemark("attach").output.contains("are polled, which installs nothing"))
      let service = try await scene.run()
      try await scene.quiet()
      try await scene.shop.execute("UPDATE customers SET city = 'Dartmouth' WHERE id = 1")
      let id = try #require(try await scene.shop.value("SELECT crm_id FROM customers WHERE id = 2"))
      try await scene.crm.update("contacts", id, ["phone": "+1 555 0100"])
      try await scene.quiet()
      #expect(try await scene.shop.value("SELECT phone FROM customers WHERE id = 2") == "+1 555 0100")
      #expect(try await Self.contact(scene, "marisol@harbourlights.example")?["city"] == "Dartmouth")
      let sources = try await scene.status().at("sources")?.arrayValue ?? []
      #expect(sources.compactMap { $0.at("name")?.stringValue }.prefix(2) == ["shop.customers", "shop.orders"])

      service.signal(SIGKILL)
      _ = await service.ending()
      try await scene.shop.execute(
        "DELETE FROM customers WHERE id = 5", "UPDATE customers SET city = 'Tromsø' WHERE id = 6")
      let next = try await scene.run()
      try await scene.quiet()
      #expect(try await Self.contact(scene, "ines@mareviva.example") == nil)
      #expect(try await Self.contact(scene, "odd@fjordogfjell.example")?["city"] == "Tromsø")
      #expect(try await scene.tidemark("verify").status == 0)
      // What comes back of Tidemark's own writes ends there.
      let log = try await scene.status().at("log.last_sequence")?.integerValue
      let rounds = ContinuousClock.now + .seconds(2)
      try await eventually("several rounds passed") { ContinuousClock.now > rounds }
      #expect(try await scene.status().at("log.last_sequence")?.integerValue == log)
      next.signal(SIGTERM)
      #expect(await next.ending().status == 0)
      #expect(try await scene.shop.schema() == schema)
    }

    @Test func `Many rows that are gone at once are told of, and deleted only when somebody says so`() async throws {
      let scene = try await Scene(.sqlite, capture: Self.capture)
      try await scene.tidemark("attach")
      let service = try await scene.run()
      try await scene.shop.execute(
        """
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 250)
        INSERT INTO customers (name, email) SELECT 'Many', 'm' || i || '@shop.example' FROM n
        """)
      try await scene.quiet()
      #expect(try await scene.tidemark("approve").output == "nothing waits\n")

      try await scene.shop.execute("DELETE FROM customers WHERE name = 'Many'")
      try await eventually("it is told", within: .seconds(20)) {
        let text = String(decoding: try await scene.get("/readyz").body, as: UTF8.self)
        return text.contains("needs_decision") && text.contains("tidemark approve shop.customers")
      }
      #expect(try await scene.crm.records("contacts").values.count { $0["name"] == "Many" } == 250)
      let waiting = try await scene.tidemark("approve").output
      #expect(waiting.hasPrefix("shop.customers: 250 of "), "\(waiting)")
      #expect(try await scene.tidemark("approve", "shop.orders").status == 64)
      #expect(try await scene.tidemark("approve", "shop.customers").status == 0)
      try await eventually("they are deleted", within: .seconds(60)) {
        try await scene.crm.records("contacts").values.allSatisfy { $0["name"] != "Many" }
      }
      try await eventually("it is ready again") { try await scene.get("/readyz").status == 200 }
      #expect(try await scene.tidemark("approve").output == "nothing waits\n")
      #expect(service.isRunning)
    }

    @Test(arguments: [DatabaseKind.sqlite, .postgres])
    func `A table is switched to polling and back, and what was written in between arrives`(
      kind: DatabaseKind
    ) async throws {
      let scene = try await Scene(kind)
      try await scene.tidemark("attach")
      let triggered = try await scene.run()
      try await scene.quiet()
      triggered.signal(SIGTERM)
      _ = await triggered.ending()

      try scene.configure(capture: Self.capture)
      #expect(try await scene.tidemark("run").errors.contains("tidemark attach"))
      try await scene.tidemark("attach")
      try await scene.shop.execute(
        "UPDATE customers SET city = 'Fowey' WHERE id = 1", "DELETE FROM customers WHERE id = 5")
      let polled = try await scene.run()
      try await scene.quiet()
      #expect(try await Self.contact(scene, "marisol@harbourlights.example")?["city"] == "Fowey")
      #expect(try await Self.contact(scene, "ines@mareviva.example") == nil, "a delete that nobody saw")
      polled.signal(SIGTERM)
      _ = await polled.ending()

      try scene.configure()
      try await scene.shop.execute("UPDATE customers SET city = 'Looe' WHERE id = 1")
      try await scene.tidemark("attach")
      let again = try await scene.run()
      try await scene.quiet()
      #expect(try await Self.contact(scene, "marisol@harbourlights.example")?["city"] == "Looe")
      #expect(try await scene.tidemark("verify").status == 0)
      again.signal(SIGTERM)
      #expect(await again.ending().status == 0)
    }
  }
}
