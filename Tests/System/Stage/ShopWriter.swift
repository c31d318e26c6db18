import Support

/// The shop at work: customers and orders come, change and go, a transaction at a time, until the day is over.
/// It owns the city of every customer and the total of every order, and counts both up.
struct ShopWriter {
  private let shop: Shop
  private var numbers: SeededNumbers
  private var ledger = Ledger()
  private var emails: [String] = []
  private var orders: [String] = []

  init(_ shop: Shop, seed: UInt64) {
    self.shop = shop
    numbers = SeededNumbers(state: seed)
  }

  mutating func work(until closing: Closing) async throws -> Ledger {
    while !closing.isDue {
      if ledger.writes % 20 == 0 {
        emails = try await shop.rows("SELECT email FROM customers ORDER BY email").map { $0[0] }
        orders = try await shop.rows("SELECT number FROM orders ORDER BY number").map { $0[0] }
      }
      try await step()
      ledger.writes += 1
      try await Task.sleep(for: .milliseconds(.random(in: 2...25, using: &numbers)))
    }
    return ledger
  }

  private mutating func step() async throws {
    guard let email = emails.randomElement(using: &numbers), let number = orders.randomElement(using: &numbers) else {
      return
    }
    switch Int.random(in: 0..<100, using: &numbers) {
    case 0..<10: try await newCustomer()
    case 10..<55:
      let version = ledger.customers[email, default: 0] + 1
      try await shop.execute("UPDATE customers SET city = 'v\(version)' WHERE email = '\(email)'")
      ledger.customers[email] = version
    case 55..<70: try await shop.execute(newOrder(for: email))
    case 70..<90:
      let total = "\(ledger.writes + 1)"
      try await shop.execute("UPDATE orders SET total = \(total) WHERE number = '\(number)'")
      ledger.orders[number] = total
    case 90..<97:
      try await shop.execute("UPDATE customers SET name = 'Shop \(ledger.writes)' WHERE email = '\(email)'")
    default:
      try await shop.execute("DELETE FROM orders WHERE number = '\(number)'")
      ledger.deleted.insert(number)
    }
  }

  /// Half of the new customers order something in the transaction they are made in.
  private mutating func newCustomer() async throws {
    let email = "s\(ledger.writes)@shop.example"
    let insert = "INSERT INTO customers (name, email, city) VALUES ('Shop', '\(email)', 'v1')"
    if Bool.random(using: &numbers) {
      try await shop.execute(insert, newOrder(for: email))
    } else {
      try await shop.execute(insert)
    }
    ledger.customers[email] = 1
    emails.append(email)
  }

  private func newOrder(for email: String) -> String {
    """
    INSERT INTO orders (number, customer_id, total, status)
    SELECT 'S-\(ledger.writes)', id, 1, 'open' FROM customers WHERE email = '\(email)'
    """
  }
}

/// The shop's day, in a task of its own.
func shopWork(_ shop: Shop, _ seed: UInt64, _ closing: Closing) async throws -> Ledger {
  var writer = ShopWriter(shop, seed: seed)
  return try await writer.work(until: closing)
}
