import Glibc
import JSON
import Support
import Testing

extension SystemTests {
  @Suite(.serialized) struct BackfillTests {
    @Test(arguments: DatabaseKind.allCases)
    func `Invariant 8: a backfill never overwrites newer state, and goes on where it was killed`(
      kind: DatabaseKind
    ) async throws {
      let scene = try await Scene(kind)
      let text = kind == .sqlite ? "CAST(n AS TEXT)" : "n::text"
      try await scene.shop.execute(
        """
        WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 1200)
        INSERT INTO customers (name, email, city)
        SELECT 'Customer', 'b' || \(text) || '@shop.example', 'v0' FROM counted
        """)
      try await scene.tidemark("attach")
      // The first backfill is that of a new link.
      let closing = Closing()
      async let changes = change(scene.shop, until: closing)
      var reached: [Int64] = []
      for _ in 0..<5 {
        let service = try await scene.run()
        let begun = try await delivered(scene)
        reached.append(begun)
        try await eventually("the backfill moves on", within: .seconds(60)) {
          try await delivered(scene) > min(begun + 150, 1_000)
        }
        service.signal(SIGKILL)
        _ = await service.ending()
      }
      // A page is at most read again, never everything.
      #expect(reached == reached.sorted(), "it goes on: \(reached)")
      let service = try await scene.run()
      // One more, asked for by hand, beside live changes.
      let asked = try scene.start("backfill", "customers")
      let ending = await asked.ending(within: .seconds(120))
      closing.call()
      #expect(ending.status == 0, "\(ending)")
      let versions = try await changes
      try await scene.quiet(within: .seconds(120))
      let audit = Audit(scene: scene, shop: Ledger(customers: versions), crm: Ledger())
      try await audit.everythingArrived()
      try await audit.nothingIsDoubled()
      try await audit.citiesNeverWentBack()
      #expect(try await scene.tidemark("verify").status == 0)
      #expect(service.isRunning)
    }

    private func delivered(_ scene: Scene) async throws -> Int64 {
      let links = try await scene.status().at("links")?.arrayValue
      return links?.first { $0.at("name") == "customers" }?.at("push.delivered_total")?.integerValue ?? 0
    }

    /// Counts the cities of a few customers up, all over the table, while it is read.
    private func change(_ shop: Shop, until closing: Closing) async throws -> [String: Int] {
      var versions: [String: Int] = [:]
      var number = 0
      while !closing.isDue {
        number += 1
        let email = "b\(1 + (number * 37) % 120 * 10)@shop.example"
        versions[email, default: 0] += 1
        try await shop.execute("UPDATE customers SET city = 'v\(versions[email] ?? 0)' WHERE email = '\(email)'")
        try await Task.sleep(for: .milliseconds(30))
      }
      return versions
    }
  }
}
