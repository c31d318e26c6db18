import JSON
import Support

/// The CRM's users at work, until the day is over.
/// They own the phone of every contact, and count it up, and the status of every order.
struct CRMWriter {
  private static let statuses = ["draft", "open", "paid", "shipped", "cancelled"]

  private let crm: CRM
  private var numbers: SeededNumbers
  private var ledger = Ledger()
  private var contacts: [(id: String, name: String)] = []
  private var orders: [(id: String, name: String)] = []

  init(_ crm: CRM, seed: UInt64) {
    self.crm = crm
    numbers = SeededNumbers(state: seed)
  }

  mutating func work(until closing: Closing) async throws -> Ledger {
    while !closing.isDue {
      if ledger.writes % 20 == 0 {
        contacts = try await known("contacts", by: "email")
        orders = try await known("orders", by: "number")
      }
      try await step()
      ledger.writes += 1
      try await Task.sleep(for: .milliseconds(.random(in: 2...25, using: &numbers)))
    }
    return ledger
  }

  private func known(_ object: String, by field: String) async throws -> [(id: String, name: String)] {
    try await crm.records(object).compactMap { id, record in record[field]?.stringValue.map { (id: id, name: $0) } }
      .sorted { $0.id < $1.id }
  }

  private mutating func step() async throws {
    guard let contact = contacts.randomElement(using: &numbers) else { return }
    let order = orders.randomElement(using: &numbers)
    switch (Int.random(in: 0..<100, using: &numbers), order) {
    case (0..<10, _): try await newContact()
    case (10..<55, _):
      let version = ledger.customers[contact.name, default: 0] + 1
      try await crm.update("contacts", contact.id, ["phone": .string("\(version)")])
      ledger.customers[contact.name] = version
    case (55..<65, _):
      let number = JSONValue.string("C-\(ledger.writes)")
      _ = try await crm.create(
        "orders", ["number": number, "contact_id": .string(contact.id), "total": 1, "status": "open"])
    case (65..<90, let order?):
      let status = Self.statuses.randomElement(using: &numbers) ?? "open"
      guard try await crm.update("orders", order.id, ["status": .string(status)]) else { return }
      ledger.orders[order.name] = status
    case (90..<97, _):
      try await crm.update("contacts", contact.id, ["name": .string("CRM \(ledger.writes)")])
    case (97..., let order?):
      try await crm.delete("orders", order.id)
      ledger.deleted.insert(order.name)
    default: break
    }
  }

  private mutating func newContact() async throws {
    let email = "c\(ledger.writes)@crm.example"
    let id = try await crm.create(
      "contacts", ["name": "CRM", "email": .string(email), "phone": "1", "credit_limit": 0])
    ledger.customers[email] = 1
    contacts.append((id: id, name: email))
  }
}

/// The day of the CRM's users.
func crmWork(_ crm: CRM, _ seed: UInt64, _ closing: Closing) async throws -> Ledger {
  var writer = CRMWriter(crm, seed: seed)
  return try await writer.work(until: closing)
}
