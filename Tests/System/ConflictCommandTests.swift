import Foundation
import JSON
import Support
import Testing

extension SystemTests {
  @Suite(.serialized) struct ConflictCommandTests {
    @Test func `A plan tells what would be sent; a person decides a conflict, takes it back, and tries another policy`()
      async throws
    {
      let scene = try await Scene(.sqlite, conflict: "manual")
      try await scene.tidemark("attach")
      var service = try await scene.run()
      try await scene.quiet()
      service.signal(15)
      _ = await service.ending()
      let id = try #require(try await scene.shop.value("SELECT crm_id FROM customers WHERE id = 1"))
      func cities() async throws -> [String?] {
        [
          try await scene.shop.value("SELECT city FROM customers WHERE id = 1"),
          try await scene.crm.records("contacts")[id]?["city"]?.stringValue,
        ]
      }

      #expect(try await scene.tidemark("plan", "customers").status == 0)
      try await scene.shop.execute("UPDATE customers SET city = 'Faro', phone = '12' WHERE id = 1")
      try await scene.crm.update("contacts", id, ["city": "Porto"])
      service = try await scene.run()
      try await scene.quiet()
      #expect(try await cities() == ["Faro", "Porto"])
      #expect(try await scene.crm.records("contacts")[id]?["phone"] == "12", "the other fields flow")

      let again = try await scene.tidemark("plan", "customers", "--last", "1000")
      #expect(again.status == 0, "what is there already would not be sent: \(again.output)")
      let shown = try await scene.tidemark("conflicts", "show", "customers", "1")
      #expect(shown.output.contains("database     \"Faro\"") && shown.output.contains("application  \"Porto\""))

      let typed = try await scene.tidemark("conflicts", "resolve", "customers", "1", "--value", "Lagos")
      #expect(typed.status == 0 && typed.output.contains("both took a value of their own"), "\(typed)")
      try await scene.quiet()
      #expect(try await cities() == ["Lagos", "Lagos"])
      #expect(try await scene.tidemark("conflicts", "--open").output == "no conflicts\n")
      let undone = try await scene.tidemark("conflicts", "undo", "customers", "1")
      #expect(undone.status == 0, "\(undone)")
      try await scene.quiet()
      #expect(try await cities() == ["Faro", "Porto"])

      service.signal(15)
      _ = await service.ending()
      try "customers: { default: application }".write(
        toFile: scene.folder.file("policy.yaml"), atomically: true, encoding: .utf8)
      let rehearsed = try await scene.tidemark("conflicts", "rehearse", "--policy", "policy.yaml", "--since", "1h")
      #expect(rehearsed.status == 3, "\(rehearsed)")
      #expect(rehearsed.output.contains("1 of 1 conflicts would end otherwise"), "\(rehearsed)")
      #expect(try await cities() == ["Faro", "Porto"])

      // Without a service the command does the work itself.
      let decided = try await scene.tidemark(
        "conflicts", "resolve", "customers", "1", "--use", "application", "--always")
      #expect(decided.status == 0 && decided.output.contains("fields: { city: application }"), "\(decided)")
      try await eventually("both sides hold it") { try await cities() == ["Porto", "Porto"] }
      #expect(try await scene.tidemark("conflicts", "resolve", "customers", "1", "--use", "database").status == 64)

      try await scene.crm.fault(#"{"fault": "status", "status": 503, "method": "PATCH", "probability": 1}"#)
      try await scene.shop.execute("UPDATE customers SET city = 'Tavira' WHERE id = 1")
      service = try await scene.run()
      let plan = try await eventually("it is pending", within: .seconds(20)) { () -> Child.Ending? in
        let plan = try await scene.tidemark("plan", "customers")
        return plan.status == 3 ? plan : nil
      }
      #expect(plan.output.contains("PATCH \(scene.crm.url)/api/contacts/\(id)"), "\(plan)")
      #expect(plan.output.contains(#"{"city":"Tavira"}"#) && plan.output.contains("1 updates"), "\(plan)")
      #expect(!plan.output.contains("sandbox\n"), "no secret is shown")
      try await scene.crm.removeFaults()
      try await scene.quiet()
      #expect(try await cities() == ["Tavira", "Tavira"])
    }
  }
}
