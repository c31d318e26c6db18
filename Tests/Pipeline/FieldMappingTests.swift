import Changes
import JSON
import Mapping
import Testing

struct FieldMappingTests {
  private let mapping = FieldMapping([
    MappedField(local: "name", remote: "LastName"),
    MappedField(local: "amount", remote: "Money.Amount", conversion: .decimal),
    MappedField(local: "currency", remote: "Money.Currency", conversion: .string),
    MappedField(local: "price", remote: "Price", conversion: .decimalText),
    MappedField(local: "active", remote: "IsActive", conversion: .boolean),
    MappedField(local: "seen_at", remote: "SeenAt", conversion: .timestamp),
    MappedField(local: "account_id", remote: "AccountId", reference: LinkName("accounts")),
  ])
  private let row: JSONObject = [
    "id": 7, "name": "Ada", "amount": "12345678901234567890.10", "currency": "EUR", "price": 1, "active": 1,
    "seen_at": "2026-01-31 13:00:00.500+01", "account_id": 4,
  ]

  private func remoteKey(_ link: LinkName, _ value: JSONValue) -> JSONValue? { value == 4 ? "A-4" : nil }
  private func localKey(_ link: LinkName, _ value: JSONValue) -> JSONValue? { value == "A-4" ? 4 : nil }

  @Test func `a row goes to the object and back without a change`() throws {
    let linked = try mapping.fields(fromLocal: row)
    #expect(linked["id"] == nil)
    #expect(linked["amount"]?.text == "12345678901234567890.10")
    #expect(linked["active"] == true && linked["seen_at"] == "2026-01-31T12:00:00.5Z")
    let object = try mapping.remote(linked, resolving: remoteKey)
    #expect(JSONValue.object(object).at("Money.Currency") == "EUR")
    #expect(object["Price"] == "1" && object["AccountId"] == "A-4")
    #expect(try mapping.fields(fromRemote: object, resolving: localKey) == linked)
    #expect(mapping.local(linked.merging(["other": 1])) == linked)
  }

  @Test func `some fields become only their part of the object`() throws {
    #expect(try mapping.remote(["amount": 5], resolving: remoteKey) == ["Money": ["Amount": 5]])
  }

  @Test func `what is missing or null is null on the other side, references too`() throws {
    let linked = try mapping.fields(fromLocal: JSONObject(mapping.names.map { ($0, .null) }))
    #expect(linked.count == mapping.fields.count && linked.members.allSatisfy { $0.value.isNull })
    #expect(try mapping.fields(fromRemote: [:], resolving: localKey) == linked)
    #expect(try mapping.remote(linked, resolving: remoteKey)["AccountId"] == .null)
    #expect(mapping.references(inFields: linked).isEmpty && mapping.references(inRemote: [:]).isEmpty)
  }

  @Test func `a column that is not there is not an empty one`() {
    let row = row.filter { $0 != "name" }
    #expect(throws: MappingFailure.missing(column: "name")) { try mapping.fields(fromLocal: row) }
  }

  @Test func `a reference to an unknown record is told apart, from either side`() {
    let accounts = LinkName("accounts")
    #expect(throws: MappingFailure.unresolved(MappedReference(link: accounts, value: 9), .local)) {
      try mapping.remote(["account_id": 9], resolving: remoteKey)
    }
    #expect(throws: MappingFailure.unresolved(MappedReference(link: accounts, value: "A-9"), .remote)) {
      try mapping.fields(fromRemote: ["AccountId": "A-9"], resolving: localKey)
    }
    #expect(mapping.references(inFields: ["account_id": 9]) == [MappedReference(link: accounts, value: 9)])
    #expect(mapping.references(inRemote: ["AccountId": "A-9"]) == [MappedReference(link: accounts, value: "A-9")])
  }

  @Test(arguments: [
    (Conversion.integer, #""12""#, "12"), (.integer, "1e3", "1000"), (.integer, "-7.0", "-7"),
    (.integer, "123456789012345678901234567890", "123456789012345678901234567890"),
    (.decimal, #""1.10""#, "1.10"), (.decimal, "1.10", "1.10"), (.string, "1.10", #""1.10""#),
    (.string, "true", #""true""#), (.boolean, #""f""#, "false"), (.boolean, "1", "true"),
    (.timestamp, #""2026-01-31T12:00:00""#, #""2026-01-31T12:00:00Z""#),
    (.timestamp, #""2026-01-31 12:00:00.123456789""#, #""2026-01-31T12:00:00.123456Z""#),
    (.timestamp, #""2026-03-01T00:30:00+05:30""#, #""2026-02-28T19:00:00Z""#),
    (.timestamp, #""1969-12-31T23:59:59.5-00:00""#, #""1969-12-31T23:59:59.5Z""#),
    (.none, #"{"a":[1]}"#, #"{"a":[1]}"#), (.decimal, "null", "null"),
  ])
  func `a value has one canonical form, which is its own`(conversion: Conversion, text: String, form: String) throws {
    let mapping = FieldMapping([MappedField(local: "f", remote: "f", conversion: conversion)])
    let once = try mapping.fields(fromLocal: ["f": JSONValue(parsing: text)])
    #expect(once["f"]?.text == form)
    #expect(try mapping.fields(fromLocal: once) == once)
    #expect(try mapping.fields(fromRemote: mapping.remote(once) { _, _ in nil }) { _, _ in nil } == once)
  }

  @Test(arguments: [
    (Conversion.integer, "1.5"), (.integer, #""s3cret""#), (.decimal, #""s3cret""#), (.decimal, "true"),
    (.boolean, "2"), (.boolean, #""s3cret""#), (.timestamp, #""s3cret""#), (.timestamp, #""2026-13-01T00:00:00Z""#),
    (.string, #"{"a":"s3cret"}"#),
  ])
  func `a value of another form is refused by field and form, never repeated`(
    conversion: Conversion, text: String
  ) throws {
    let mapping = FieldMapping([MappedField(local: "f", remote: "f", conversion: conversion)])
    let row: JSONObject = ["f": try JSONValue(parsing: text)]
    let failure = try #require(throws: MappingFailure.self) { try mapping.fields(fromLocal: row) }
    #expect(failure == .unconvertible(field: "f", expected: conversion.expectation))
    #expect(!failure.description.contains("s3cret") && failure.description.contains(conversion.expectation))
  }
}
