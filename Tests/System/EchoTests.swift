import JSON
import Support
import Testing

extension SystemTests {
  @Suite(.serialized) struct EchoTests {
    @Test(arguments: DatabaseKind.allCases)
    func `Invariant 5: what Tidemark applied does not come back`(kind: DatabaseKind) async throws {
      let scene = try await Scene(kind)
      try await scene.tidemark("attach")
      let service = try await scene.run()
      try await scene.quiet()
      let before = try await scene.crm.journal().last?.sequence ?? 0

      try await scene.shop.execute("UPDATE customers SET city = 'Dartmouth' WHERE id = 1")
      let ids = try await scene.shop.rows("SELECT crm_id FROM customers WHERE id IN (1, 2, 3) ORDER BY id").map {
        $0[0]
      }
      try await scene.crm.update("contacts", ids[1], ["phone": "+1 555 0100"])
      try await scene.crm.update("contacts", ids[2], ["phone": "+1 555 0101"])
      try await scene.quiet()
      #expect(try await scene.shop.value("SELECT phone FROM customers WHERE id = 2") == "+1 555 0100")

      let log = try await scene.status().at("log.last_sequence")?.integerValue
      let written = try await scene.crm.journal(after: before).filter { ids.contains($0.id) }
      #expect(written.map(\.id).sorted() == ids.sorted(), "one write a change: \(written)")
      // Three rounds of listing: a ping-pong would show in any.
      let rounds = ContinuousClock.now + .seconds(3)
      try await eventually("three seconds passed") { ContinuousClock.now > rounds }
      #expect(try await scene.status().at("log.last_sequence")?.integerValue == log)
      #expect(try await scene.crm.journal(after: before).filter { ids.contains($0.id) }.count == 3)
      service.signal(15)
      #expect(await service.ending().status == 0)
    }
  }
}
