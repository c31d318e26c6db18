import Glibc
import HTTP
import JSON
import Support
import Testing

extension SystemTests {
  /// Links and tables that were not captured for a while.
  @Suite(.serialized) struct LeftOutTests {
    @Test(arguments: DatabaseKind.allCases)
    func `Invariant 2: a link that was left out and comes back is read again by itself`(
      kind: DatabaseKind
    ) async throws {
      let scene = try await Scene(kind)
      try await scene.tidemark("attach")
      try await serve(scene) { try await scene.quiet() }
      try scene.configure(hasOrders: false)
      try await scene.tidemark("attach")
      try await serve(scene) {
        try await scene.shop.execute(
          "UPDATE orders SET status = 'cancelled' WHERE id = 1",
          "INSERT INTO customers (name, email) VALUES ('A', 'a@b')")
        try await eventually("the other link goes on") {
          try await scene.crm.record("contacts", where: "email", is: "a@b") != nil
        }
      }
      let order = try await scene.shop.value("SELECT crm_id FROM orders WHERE id = 1") ?? ""
      #expect(try await scene.crm.records("orders")[order]?["status"] == "shipped")

      try scene.configure()
      try await scene.tidemark("attach")
      try await serve(scene) {
        try await scene.quiet()
        #expect(try await scene.crm.records("orders")[order]?["status"] == "cancelled")
      }
      #expect(try await scene.tidemark("verify").status == 0)
    }

    @Test(arguments: DatabaseKind.allCases)
    func `Invariant 2: a table that is taken off and attached again under a running service is read again`(
      kind: DatabaseKind
    ) async throws {
      let scene = try await Scene(kind)
      try await scene.tidemark("attach")
      let service = try await scene.run()
      try await scene.quiet()
      try scene.configure(hasOrders: false)
      // Which a colleague does by mistake.
      try await scene.tidemark("attach")
      try await scene.shop.execute("UPDATE orders SET status = 'cancelled' WHERE id = 1")
      try scene.configure()
      try await scene.tidemark("attach")
      let order = try await scene.shop.value("SELECT crm_id FROM orders WHERE id = 1") ?? ""
      try await eventually("the change is found") {
        try await scene.crm.records("orders")[order]?["status"] == "cancelled"
      }
      try await scene.quiet()
      #expect(service.isRunning)
    }

    private func serve(_ scene: Scene, _ work: () async throws -> Void) async throws {
      let service = try await scene.run()
      try await work()
      service.signal(SIGTERM)
      #expect(await service.ending().status == 0)
    }
  }
}
