import Changes
import JSON
import Mapping
import Support
import Testing

/// Rules for values have exact inverses: what goes to the object and comes back is the same.
struct ValueRulesTests {
  private func mapping(_ rules: ValueRules, _ conversion: Conversion = .none) -> FieldMapping {
    FieldMapping([MappedField(local: "f", remote: "f", conversion: conversion, rules: rules)])
  }

  private func sent(_ text: String, _ mapping: FieldMapping) throws -> String? {
    let linked = try mapping.fields(fromLocal: ["f": JSONValue(parsing: text)])
    let object = try mapping.remote(linked) { _, _ in nil }
    #expect(try mapping.fields(fromRemote: object) { _, _ in nil } == linked, "there and back")
    return object["f"]?.text
  }

  @Test(arguments: [
    ("12.34", "1234"), ("12", "1200"), ("-0.05", "-5"), (#""0.10""#, "10"), ("1e2", "10000"), ("0", "0"),
  ])
  func `an amount is counted in the smaller unit`(amount: String, count: String) throws {
    #expect(try sent(amount, mapping(ValueRules(minorUnits: 2), .decimal)) == count)
  }

  @Test func `an amount that the smaller unit cannot tell is refused, not rounded`() throws {
    let mapping = mapping(ValueRules(minorUnits: 2), .decimal)
    let linked = try mapping.fields(fromLocal: ["f": .number(try #require(JSONNumber(text: "0.005")))])
    #expect(throws: MappingFailure.unconvertible(field: "f", expected: "a number with at most 2 decimals")) {
      try mapping.remote(linked) { _, _ in nil }
    }
    #expect(throws: MappingFailure.unconvertible(field: "f", expected: "a whole number")) {
      try mapping.fields(fromRemote: ["f": .number(try #require(JSONNumber(text: "12.5")))]) { _, _ in nil }
    }
  }

  @Test func `any amount of up to six decimals comes back digit for digit`() throws {
    var generator = SeededNumbers(state: UInt64.random(in: 0...UInt64.max))
    for _ in 0..<2_000 {
      let units = Int.random(in: 1...6, using: &generator)
      let count = Int64.random(in: -1_000_000_000_000...1_000_000_000_000, using: &generator)
      let mapping = mapping(ValueRules(minorUnits: units), .decimal)
      let linked = try mapping.fields(fromRemote: ["f": .integer(count)]) { _, _ in nil }
      #expect(try mapping.remote(linked) { _, _ in nil } == ["f": .integer(count)], "\(count) with \(units) decimals")
      #expect(try mapping.fields(fromLocal: linked) == linked)
    }
  }

  @Test func `named values have other names at the object, and others are refused`() throws {
    let names = [ValueRules.Name(local: "draft", remote: 0), ValueRules.Name(local: "open", remote: "Offen")]
    let mapping = mapping(ValueRules(names: names))
    #expect(try sent(#""draft""#, mapping) == "0")
    #expect(try sent(#""open""#, mapping) == #""Offen""#)
    #expect(try sent("null", mapping) == "null")
    #expect(throws: MappingFailure.self) { try mapping.fields(fromLocal: ["f": "closed"]) }
    #expect(throws: MappingFailure.self) { try mapping.fields(fromRemote: ["f": 7]) { _, _ in nil } }
    #expect(ValueRules(names: names).collision == nil)
    let twins = names + [ValueRules.Name(local: "new", remote: 0)]
    #expect(ValueRules(names: twins).collision?.second.local == "new")
  }

  @Test func `space and emptiness that say nothing are told apart from nothing at neither side`() throws {
    let mapping = mapping(ValueRules(trims: true, emptyIsNull: true))
    #expect(try sent(#"" Ada ""#, mapping) == #""Ada""#)
    #expect(try sent(#""  ""#, mapping) == #""""#)
    #expect(try sent("null", mapping) == #""""#)
    #expect(try mapping.fields(fromRemote: ["f": " \n"]) { _, _ in nil } == ["f": .null])
  }

  @Test func `a day is a day, also where the object writes its midnight`() throws {
    let mapping = mapping(ValueRules(), .date)
    #expect(try sent(#""2026-02-28""#, mapping) == #""2026-02-28""#)
    #expect(try mapping.fields(fromRemote: ["f": "2026-02-28T00:00:00.000Z"]) { _, _ in nil } == ["f": "2026-02-28"])
    for text in ["2026-02-28T10:00:00Z", "2026-13-01", "28.02.2026"] {
      #expect(throws: MappingFailure.self) { try mapping.fields(fromLocal: ["f": .string(text)]) }
    }
  }

  @Test func `a record that is made is given the constants, wherever they belong`() throws {
    let mapping = FieldMapping(
      [MappedField(local: "f", remote: "a.f")], constants: [.init(remote: "a.kind", value: "Customer")])
    let object = try mapping.remote(["f": 1]) { _, _ in nil }
    #expect(object == ["a": ["f": 1]])
    #expect(mapping.created(object) == ["a": ["f": 1, "kind": "Customer"]])
  }
}
