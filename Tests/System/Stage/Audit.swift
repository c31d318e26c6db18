import JSON
import Testing

/// Holds what both applications were told against what both sides hold at the end.
struct Audit {
  let scene: Scene
  let shop: Ledger
  let crm: Ledger

  /// Every committed value of a field that only one side writes stands at both sides.
  func everythingArrived() async throws {
    let customers = try await scene.shop.rows("SELECT email, city, phone FROM customers")
    let contacts = try await scene.crm.records("contacts").values
    var lost = expect(
      shop.customers.mapValues { "v\($0)" }, "city", in: customers.map { ($0[0], $0[1]) }, contacts, by: "email")
    lost += expect(
      crm.customers.mapValues { "\($0)" }, "phone", in: customers.map { ($0[0], $0[2]) }, contacts, by: "email")
    for email in lost { try await tellStory(of: email) }

    let rows = try await scene.shop.rows("SELECT number, total, status FROM orders")
    let orders = try await scene.crm.records("orders").values
    // The other side's change may have brought a deleted order back, as it was there.
    let untouched = { (number: String) in !shop.deleted.contains(number) && !crm.deleted.contains(number) }
    let totals = shop.orders.filter { untouched($0.key) }
    let statuses = crm.orders.filter { untouched($0.key) }
    expect(totals, "total", in: rows.map { ($0[0], whole($0[1])) }, orders, by: "number")
    for number in expect(statuses, "status", in: rows.map { ($0[0], $0[2]) }, orders, by: "number") {
      try await tellStory(ofOrder: number)
    }
  }

  private func tellStory(ofOrder number: String) async throws {
    guard let id = try await scene.shop.value("SELECT id FROM orders WHERE number = '\(number)'") else { return }
    print("order \(number): \(try await scene.tidemark("explain", "orders", id).output)")
    for entry in try await scene.crm.journal() where entry.object == "orders" {
      if entry.fields["number"]?.plainText == number { print(entry) }
    }
  }

  /// Why `verify` found the orders it names different.
  func tellStories(ofOrdersIn report: String) async throws {
    for match in report.matches(of: /o_[0-9]+/) {
      let id = String(match.output)
      print(try await scene.tidemark("explain", "orders", id).output)
      let journal = try await scene.crm.journal().filter { $0.object == "orders" }
      let numbers = journal.compactMap { $0.id == id ? $0.fields["number"] : nil }
      for entry in journal where entry.id == id || numbers.contains(entry.fields["number"] ?? .null) { print(entry) }
      for number in numbers.map(\.plainText) {
        print(
          "\(number) deleted: at the shop \(shop.deleted.contains(number)), at the CRM \(crm.deleted.contains(number))")
        for row in try await scene.shop.rows("SELECT id FROM orders WHERE number = '\(number)'") {
          print(try await scene.tidemark("explain", "orders", row[0]).output)
        }
      }
    }
  }

  /// Each record was created once at the CRM, unless it was deleted in between, and lives there once.
  func nothingIsDoubled() async throws {
    let journal = try await scene.crm.journal()
    let deleted = Set(journal.filter { $0.method == "DELETE" }.map(\.id))
    for (object, field) in [("contacts", "email"), ("orders", "number")] {
      var created: [JSONValue: [String]] = [:]
      for entry in journal where entry.object == object && entry.method == "POST" {
        created[entry.fields[field] ?? .null, default: []].append(entry.id)
      }
      for (name, ids) in created where ids.count > 1 {
        #expect(ids.filter { !deleted.contains($0) }.count <= 1, "\(object) \(name) was created as \(ids)")
      }
    }
    for (table, column) in [("customers", "email"), ("orders", "number")] {
      let doubled = try await scene.shop.rows("SELECT \(column) FROM \(table) GROUP BY \(column) HAVING count(*) > 1")
      #expect(doubled.isEmpty)
    }
  }

  /// The city counter of a customer never went down at the CRM, not even for a moment.
  func citiesNeverWentBack() async throws {
    var cities: [String: Int] = [:]
    for entry in try await scene.crm.journal() where entry.object == "contacts" {
      guard let city = entry.fields["city"]?.stringValue, city.hasPrefix("v"), let version = Int(city.dropFirst())
      else { continue }
      #expect(version >= cities[entry.id, default: 0], "the city of contact \(entry.id) went back to \(city)")
      cities[entry.id] = version
    }
    #expect(!cities.isEmpty)
  }

  /// Nor did the phone counter of a contact in the database.
  func phonesNeverWentBack() async throws {
    var phones: [String: Int] = [:]
    for row in try await scene.shop.rows("SELECT record, value FROM heard ORDER BY number") {
      guard let version = Int(row[1]) else { continue }
      #expect(version >= phones[row[0], default: 0], "the phone of customer \(row[0]) went back to \(version)")
      phones[row[0]] = version
    }
    #expect(!phones.isEmpty)
  }

  /// Why a value did not arrive, while the log that knows is still there.
  private func tellStory(of email: String) async throws {
    guard let id = try await scene.shop.value("SELECT id FROM customers WHERE email = '\(email)'") else { return }
    print(try await scene.tidemark("explain", "customers", id).output)
    let contact = try await scene.shop.value("SELECT crm_id FROM customers WHERE id = \(id)")
    for entry in try await scene.crm.journal() where entry.object == "contacts" && entry.id == contact { print(entry) }
    for row in try await scene.shop.rows("SELECT number, value FROM heard WHERE record = '\(email)' ORDER BY number") {
      print("heard \(row)")
    }
    let conflicts = try await scene.tidemark("conflicts").output.split(separator: "\n")
    print(conflicts.filter { $0.hasPrefix("customers \(id) ") }.joined(separator: "\n"))
  }

  /// - Returns: the records that do not hold what they should.
  @discardableResult private func expect(
    _ told: [String: String], _ field: String, in rows: [(String, String)],
    _ records: some Collection<JSONObject>, by name: String
  ) -> [String] {
    let here = Dictionary(rows) { first, _ in first }
    let there = Dictionary(
      records.map { ($0[name]?.plainText ?? "", whole($0[field]?.plainText ?? "")) },
      uniquingKeysWith: { first, _ in first })
    for (key, value) in told {
      #expect(here[key] == value, "\(field) of \(key) in the database: \(value) was committed")
      #expect(there[key] == value, "\(field) of \(key) in the application: \(value) was committed")
    }
    return told.filter { here[$0.key] != $0.value || there[$0.key] != $0.value }.map(\.key)
  }

  /// `5.00` is 5.
  private func whole(_ number: String) -> String { number.hasSuffix(".00") ? String(number.dropLast(3)) : number }
}
