import Glibc
import HTTP
import JSON
import Support
import Testing

extension SystemTests {
  /// Invariant 11: no silence.
  @Suite(.serialized) struct StallTests {
    @Test(arguments: DatabaseKind.allCases)
    func `Invariant 11: an application that is down is told everywhere with the reason, until it is back`(
      kind: DatabaseKind
    ) async throws {
      let scene = try await Scene(kind)
      try await scene.tidemark("attach")
      let service = try await scene.run()
      try await scene.quiet()
      #expect(try await scene.get("/readyz").status == 200)

      try await scene.crm.fault(#"{"fault": "status", "status": 503, "probability": 1}"#)
      try await scene.shop.execute("UPDATE customers SET city = 'Fowey' WHERE id = 1")
      try await eventually("the service is not ready", within: .seconds(10)) {
        let answer = try await scene.get("/readyz")
        let text = String(decoding: answer.body, as: UTF8.self)
        return answer.status == 503 && text.contains("http.503") && text.contains("\"replay\"")
          && text.contains("\"capture\"")
      }
      let shown = try await scene.tidemark("status")
      #expect(shown.output.contains("stalled") && shown.output.contains("status 503"), "\(shown)")
      #expect(try await scene.tidemark("status", "--json").output.contains("\"state\":\"stalled\""))
      #expect(try await stalls(scene).contains { $0.contains("customers") && $0.hasSuffix(" 1") })
      #expect(try await scene.get("/healthz").status == 200)

      try await scene.crm.removeFaults()
      try await eventually("the service is ready again") { try await scene.get("/readyz").status == 200 }
      try await scene.quiet()
      #expect(try await scene.crm.record("contacts", where: "city", is: "Fowey") != nil)
      #expect(try await stalls(scene).allSatisfy { !$0.hasSuffix(" 1") })
      #expect(service.isRunning)
    }

    @Test(arguments: DatabaseKind.allCases)
    func `Invariant 11: a record that is refused becomes a dead letter, and explain tells the story`(
      kind: DatabaseKind
    ) async throws {
      let scene = try await Scene(kind)
      try await scene.tidemark("attach")
      let service = try await scene.run()
      try await scene.quiet()

      let id = try await scene.crm.create("orders", ["number": "R-1", "status": "lost at sea", "total": 1])
      let other = try await scene.shop.value("SELECT crm_id FROM orders WHERE id = 1") ?? ""
      try await scene.crm.update("orders", other, ["status": "lost at sea"])
      try await eventually("both records are given up") {
        try await scene.status().at("dead_letters")?.arrayValue?.count == 2
      }
      let letters = try await scene.tidemark("dead-letters").output
      #expect(letters.contains(id) && letters.contains(other), "\(letters)")
      let story = try await scene.tidemark("explain", "orders", "1")
      #expect(story.status == 0 && story.output.contains("Given up at sequence"), "\(story)")
      try await eventually("the metric follows") {
        let metrics = String(decoding: try await scene.get("/metrics").body, as: UTF8.self)
        return metrics.contains("tidemark_dead_letters{link=\"orders\"} 2")
      }

      // It holds back nothing but itself.
      try await scene.quiet()
      #expect(service.isRunning)
    }

    @Test(arguments: [DatabaseKind.postgres, .postgresWAL])
    func `Invariant 11: a column that is gone stops its link alone, says what to do, and loses nothing`(
      kind: DatabaseKind
    ) async throws {
      let scene = try await Scene(kind)
      try await scene.tidemark("attach")
      let service = try await scene.run()
      try await scene.quiet()
      let contact = try await scene.shop.value("SELECT crm_id FROM customers WHERE id = 1") ?? ""
      let city = try await scene.crm.records("contacts")[contact]?["city"]

      try await scene.shop.execute("ALTER TABLE customers RENAME COLUMN city TO town")
      try await scene.shop.execute("UPDATE customers SET name = 'Renamed' WHERE id = 1")
      try await eventually("the link says why it stands still", within: .seconds(10)) {
        let text = String(decoding: try await scene.get("/readyz").body, as: UTF8.self)
        return text.contains("schema_changed") && text.contains("city") && text.contains("customers push")
      }
      try await scene.shop.execute("UPDATE orders SET status = 'paid' WHERE id = 1")
      let order = try await scene.shop.value("SELECT crm_id FROM orders WHERE id = 1") ?? ""
      try await eventually("the other link goes on") {
        try await scene.crm.records("orders")[order]?["status"] == "paid"
      }
      #expect(try await scene.status().at("dead_letters")?.arrayValue?.isEmpty == true)

      try await scene.shop.execute("ALTER TABLE customers RENAME COLUMN town TO city")
      try await eventually("the link goes on") {
        try await scene.crm.records("contacts")[contact]?["name"] == "Renamed"
      }
      #expect(try await scene.crm.records("contacts")[contact]?["city"] == city)
      try await scene.quiet()
      #expect(try await scene.get("/readyz").status == 200)
      #expect(service.isRunning)
    }

    private func stalls(_ scene: Scene) async throws -> [String] {
      let text = String(decoding: try await scene.get("/metrics").body, as: UTF8.self)
      return text.split(separator: "\n").filter { $0.hasPrefix("tidemark_stalled{") }.map(String.init)
    }
  }
}
