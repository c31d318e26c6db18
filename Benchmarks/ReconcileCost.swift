import Changes
import JSON
import Mapping
import Reconcile

/// What deciding and mapping one record costs, in this process and on one core: both sides to linked fields, a three-way
/// merge, and what is to be written in the target's shape.
func measureReconcile(_ place: Workplace, _ report: (Figure) -> Void) throws {
  let work = ReconcileWork()
  let decided = try (0..<place.runs).map { _ in try work.rate(records: place.changes) { try work.decide($0) } }
  report(Figure("reconcile and map", median: decided, "records/s", .atLeast(200_000)))
  let whole = try (0..<place.runs).map { _ in try work.rate(records: place.changes / 4) { try work.decideBytes($0) } }
  report(Figure("reconcile and map, rows parsed and the write made text", median: whole, "records/s"))
}

/// Customers of ten linked fields, as a shop has them. Of a hundred, ninety were changed at one side, nine at both in
/// different fields, and one in the same field.
private struct ReconcileWork {
  private static let kinds = 100

  private let mapping = FieldMapping([
    MappedField(local: "name", remote: "FirstName"), MappedField(local: "surname", remote: "LastName"),
    MappedField(local: "email", remote: "Email"), MappedField(local: "phone", remote: "Phone"),
    MappedField(local: "street", remote: "MailingStreet"), MappedField(local: "city", remote: "MailingCity"),
    MappedField(local: "zip", remote: "MailingPostalCode", conversion: .string),
    MappedField(local: "credit_limit", remote: "Limit__c", conversion: .decimal),
    MappedField(local: "is_active", remote: "Active__c", conversion: .boolean),
    MappedField(local: "seen_at", remote: "Seen__c", conversion: .timestamp),
  ])
  private let policy = ConflictPolicy(fields: ["credit_limit": .delta, "city": .side(.remote)])
  private let cases: [(base: JSONObject, local: JSONObject, remote: JSONObject)]
  private let texts: [(local: [UInt8], remote: [UInt8])]

  init() {
    let mapping = mapping
    cases = (0..<Self.kinds).map { number in
      let row: JSONObject = [
        "id": .integer(number), "name": "Ada", "surname": "Lovelace", "email": .string("ada\(number)@example.org"),
        "phone": "+351 210 000 000", "street": "Rua do Comércio 12", "city": "Lisboa", "zip": "1100-150",
        "credit_limit": .integer(number), "is_active": true, "seen_at": "2026-11-24T12:00:00Z",
      ]
      let base = (try? mapping.fields(fromLocal: row)) ?? [:]
      var object = (try? mapping.remote(base) { _, _ in nil }) ?? [:]
      object["Id"] = .string("003\(number)")
      var local = row
      local["phone"] = "+351 210 000 001"
      if number >= 90 { object["MailingStreet"] = "Rua Augusta 1" }
      if number == 99 {
        local["credit_limit"] = 100
        object["Limit__c"] = 120
      }
      return (base, local, object)
    }
    texts = cases.map { ($0.local.bytes, $0.remote.bytes) }
  }

  func rate(records: Int, _ work: (Int) throws -> Int) rethrows -> Double {
    var written = 0
    let start = ContinuousClock.now
    for number in 0..<records { written += try work(number % Self.kinds) }
    let seconds = (ContinuousClock.now - start).seconds
    guard written > 0 else { return 0 }
    return Double(records) / seconds
  }

  /// - Returns: how many fields are to be written at the remote side.
  func decide(_ number: Int) throws -> Int {
    try decide(cases[number].base, cases[number].local, cases[number].remote).count
  }

  func decideBytes(_ number: Int) throws -> Int {
    let (local, remote) = texts[number]
    return try decide(
      cases[number].base, JSONObject(parsing: local), JSONObject(parsing: remote)
    ).bytes.count
  }

  private func decide(_ base: JSONObject, _ local: JSONObject, _ remote: JSONObject) throws -> JSONObject {
    let verdict = reconcile(
      base: base, local: SideState(fields: try mapping.fields(fromLocal: local)),
      remote: SideState(fields: try mapping.fields(fromRemote: remote) { _, _ in nil }), policy: policy)
    guard case .update(let changes) = verdict.remote else { return [:] }
    return try mapping.remote(changes) { _, _ in nil }
  }
}
