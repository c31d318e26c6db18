/// What an application was told is committed: the last value of each field that only it writes.
struct Ledger: Sendable {
  /// By email: the counter in the field the writer owns (the shop the city, the CRM the phone).
  var customers: [String: Int] = [:]
  /// By number: the value of the field the writer owns (the shop the total, the CRM the status).
  var orders: [String: String] = [:]
  /// Orders the writer deleted: the other side may have brought them back by a change of its own.
  var deleted: Set<String> = []
  var writes = 0
}
