import Glibc
import Support
import Testing

extension SystemTests {
  /// Both sides are at work while the service is killed again and again. What must hold then is DESIGN's invariants 1
  /// (nothing lost), 3 (order per key), 4 (effectively once) and 7 (convergence).
  @Suite(.serialized) struct KillTests {
    @Test(arguments: DatabaseKind.allCases)
    func `Invariants 1, 3, 4, 7: nothing is lost, doubled or turned back when the service is killed at random moments`(
      kind: DatabaseKind
    ) async throws {
      try await workDay(kind, kills: 25, faults: [])
    }

    @Test(arguments: DatabaseKind.allCases)
    func `Invariants 1, 3, 4, 7: nor when answers get lost, are refused or come late besides`(
      kind: DatabaseKind
    ) async throws {
      try await workDay(
        kind, kills: 6,
        faults: [
          #"{"fault": "drop_after", "probability": 0.05, "seed": 1}"#,
          #"{"fault": "drop_before", "probability": 0.03, "seed": 2}"#,
          #"{"fault": "status", "status": 503, "retry_after": 1, "probability": 0.02, "seed": 3}"#,
          #"{"fault": "slow", "ms": 300, "probability": 0.05, "seed": 4}"#,
        ])
    }

    private func workDay(_ kind: DatabaseKind, kills: Int, faults: [String]) async throws {
      let seed = UInt64.random(in: 0..<1_000_000)
      print("\(kind.rawValue), seed \(seed)")
      let scene = try await Scene(kind)
      try await scene.shop.listen(to: "phone", of: "customers", by: "email")
      try await scene.tidemark("attach")
      for fault in faults { try await scene.crm.fault(fault) }

      let closing = Closing()
      async let atShop = shopWork(scene.shop, seed, closing)
      async let atCRM = crmWork(scene.crm, seed + 1, closing)
      do {
        try await kill(kills, scene, seed)
      } catch {
        closing.call()
        throw error
      }
      closing.call()
      let (shop, crm) = try await (atShop, atCRM)
      try await scene.crm.removeFaults()
      print("\(kind.rawValue): \(shop.writes) writes at the shop, \(crm.writes) at the CRM")

      let service = try await scene.run()
      try await scene.quiet()
      let books = Audit(scene: scene, shop: shop, crm: crm)
      try await books.everythingArrived()
      try await books.nothingIsDoubled()
      try await books.citiesNeverWentBack()
      try await books.phonesNeverWentBack()
      let verified = try await scene.tidemark("verify")
      #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
      let letters = try await scene.tidemark("dead-letters").output
      #expect(letters == "no dead letters\n")
      if verified.status != 0 || letters != "no dead letters\n" {
        print(try await scene.tidemark("conflicts").output)
        try await books.tellStories(ofOrdersIn: verified.output + letters)
      }
      service.signal(SIGTERM)
      #expect(await service.ending().status == 0)
    }

    private func kill(_ times: Int, _ scene: Scene, _ seed: UInt64) async throws {
      var numbers = SeededNumbers(state: seed + 2)
      for _ in 0..<times {
        let service = try await scene.run()
        // Not a wait for something, but the moment of the kill: it is to be any.
        try await Task.sleep(for: .milliseconds(.random(in: 200...1_200, using: &numbers)))
        service.signal(SIGKILL)
        #expect(await service.ending().status == 128 + SIGKILL, "\(service.errorText)")
      }
    }
  }
}
