import JSON
import Postgres
import Support
import Testing

extension SystemTests {
  @Suite(.serialized) struct OrderOfThingsTests {
    @Test(arguments: DatabaseKind.allCases)
    func `An order made in the transaction of its new customer waits for the customer's id, at either side`(
      kind: DatabaseKind
    ) async throws {
      let scene = try await Scene(kind)
      try await scene.tidemark("attach")
      let service = try await scene.run()
      try await scene.quiet()
      // The customer's create is refused for a while, so that its order is certain to come first.
      try await scene.crm.fault(
        #"{"fault": "status", "status": 503, "next": 3, "method": "POST", "path": "/api/contacts"}"#)
      try await scene.shop.execute(
        "INSERT INTO customers (id, name, email) VALUES (900, 'New', 'new@shop.example')",
        "INSERT INTO orders (number, customer_id, total, status) VALUES ('N-1', 900, 5, 'open')")
      let order = try await eventually("the order arrives") {
        try await scene.crm.record("orders", where: "number", is: "N-1")
      }
      let contact = try await scene.crm.record("contacts", where: "email", is: "new@shop.example")
      #expect(order["contact_id"] == contact?["id"])

      // At the CRM the order can come first too: objects are listed one by one.
      let id = try await scene.crm.create("contacts", ["name": "C", "email": "c@crm.example", "credit_limit": 0])
      _ = try await scene.crm.create(
        "orders", ["number": "N-2", "contact_id": .string(id), "total": 1, "status": "open"])
      try await eventually("the order arrives") {
        try await scene.shop.value(
          """
          SELECT orders.id FROM orders JOIN customers ON customers.id = customer_id
          WHERE number = 'N-2' AND email = 'c@crm.example'
          """) != nil
      }
      try await scene.quiet()
      #expect(try await scene.tidemark("verify").status == 0)
      #expect(service.isRunning)
    }

    @Test func `Invariant 2: a transaction left open holds nobody back, and nothing of it is skipped`() async throws {
      let scene = try await Scene(.postgres)
      try await scene.tidemark("attach")
      let service = try await scene.run()
      try await scene.quiet()
      let slow = PostgresConnection(url: scene.shop.url)
      let (told, tell) = AsyncStream.makeStream(of: Void.self)
      let closing = Closing()
      let transaction = Task {
        try await slow.transaction { session in
          try session.execute("INSERT INTO customers (name, email) VALUES ('Slow', 'slow@shop.example')")
          tell.yield()
          // Open, in the middle of its work, until the others are through.
          while !closing.isDue { try session.execute("SELECT pg_sleep(0.05)") }
          try session.execute("UPDATE customers SET city = 'late' WHERE email = 'slow@shop.example'")
        }
      }
      defer { closing.call() }
      _ = await told.first { _ in true }
      for number in 0..<50 {
        try await scene.shop.execute("INSERT INTO customers (name, email) VALUES ('Fast', 'f\(number)@shop.example')")
      }
      try await eventually("the others arrive while it is open") {
        try await scene.crm.records("contacts").values.filter { $0["name"] == "Fast" }.count == 50
      }
      #expect(try await scene.crm.record("contacts", where: "email", is: "slow@shop.example") == nil)
      closing.call()
      try await transaction.value
      try await eventually("it arrives once it is committed") {
        try await scene.crm.record("contacts", where: "email", is: "slow@shop.example")?["city"] == "late"
      }
      try await scene.quiet()
      #expect(try await scene.tidemark("verify").status == 0)
      #expect(service.isRunning)
    }

    @Test(arguments: DatabaseKind.allCases)
    func `Invariant 6: after a lost answer the base is what both sides hold, so a later edit is merged`(
      kind: DatabaseKind
    ) async throws {
      let scene = try await Scene(kind)
      try await scene.tidemark("attach")
      let service = try await scene.run()
      try await scene.quiet()
      let id = try await scene.shop.value("SELECT crm_id FROM customers WHERE id = 1") ?? ""
      let before = try await scene.crm.journal().last?.sequence ?? 0
      try await scene.crm.fault(#"{"fault": "drop_after", "next": 1, "method": "PATCH"}"#)
      try await scene.shop.execute("UPDATE customers SET city = 'Looe' WHERE id = 1")
      try await eventually("it was written and the answer lost") {
        try await scene.crm.journal(after: before).contains { $0.id == id }
      }
      // Both sides go on at once: other fields, and one field twice.
      try await scene.crm.update("contacts", id, ["phone": "+44 1503 555 0100"])
      try await scene.shop.execute("UPDATE customers SET city = 'Polperro' WHERE id = 1")
      try await scene.quiet()
      let row = try await scene.shop.rows("SELECT city, phone FROM customers WHERE id = 1")
      #expect(row == [["Polperro", "+44 1503 555 0100"]])
      let contact = try await scene.crm.records("contacts")[id]
      #expect(contact?["city"] == "Polperro" && contact?["phone"] == "+44 1503 555 0100")
      #expect(try await scene.tidemark("verify").status == 0)
      #expect(try await scene.tidemark("conflicts").output == "no conflicts\n")
      #expect(service.isRunning)
    }
  }
}
