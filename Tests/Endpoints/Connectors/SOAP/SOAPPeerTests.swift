import Changes
import Connectors
import Foundation
import JSON
import Testing

/// A service made with spyne, which validates every call by its schema, where one is given: `TIDEMARK_TEST_SOAP=http://host:port`.
private let service = ProcessInfo.processInfo.environment["TIDEMARK_TEST_SOAP"]

@Suite(.enabled(if: service != nil)) struct SOAPPeerTests {
  private func customers(password: String = "s3cret") throws -> any RemoteObject {
    try SOAPScene.object(
      SOAPScene.manifest(wsdl: "?wsdl"), url: try #require(service), auth: ["user": "sync", "password": password])
  }

  private func write(_ action: Write.Action, _ key: RecordKey?, _ fields: JSONObject, known: JSONObject? = nil) -> Write
  {
    Write(
      action, key: key, fields: fields, expected: known.map { .init(version: nil, fields: $0) }, idempotencyKey: "k")
  }

  @Test func `Records are listed over several pages, written under their version, and their deletes seen`() async throws
  {
    let customers = try customers()
    let run = UUID().uuidString
    let (_, start) = try await SOAPScene.all(customers, after: nil)
    let creates = (0..<9).map { n in
      write(.create, nil, ["credit": .number(JSONNumber(text: "\(n).3400")!), "name": .string("é漢 <&> \(run) \(n)")])
    }
    let keys = await customers.apply(creates).compactMap { outcome -> RecordKey? in
      if case .applied(let applied) = outcome { applied.key } else { nil }
    }
    #expect(keys.count == 9)
    let (made, listed) = try await SOAPScene.all(customers, after: start)
    #expect(Set(made.map(\.key)) == Set(keys))
    let third = try #require(try await customers.records([keys[3]])[keys[3]])
    #expect(third.fields["credit"]?.text == "3.3400" && third.fields["name"] == .string("é漢 <&> \(run) 3"))
    #expect(third.version == "1" && third.modifiedAt != nil)
    #expect(try await customers.find(["name": .string("é漢 <&> \(run) 3")]).map(\.key) == [keys[3]])

    // What the write does not name stays.
    guard
      case .applied(let updated)? = await customers.apply([
        write(.update, keys[3], ["email": "a@b.example"], known: ["name": third.fields["name"] ?? .null])
      ]).first,
      case .mismatch(let there?)? = await customers.apply([
        write(.update, keys[3], ["email": .null], known: ["email": .null])
      ]).first
    else {
      Issue.record("the record's content did not decide")
      return
    }
    #expect(updated.version == "2" && updated.after?["credit"]?.text == "3.3400")
    #expect(there.version == "2" && there.fields["email"] == "a@b.example")

    guard case .applied? = await customers.apply([write(.delete, keys[4], [:])]).first,
      case .mismatch(nil)? = await customers.apply([write(.delete, keys[4], [:])]).first,
      case .rejected? = await customers.apply([write(.create, nil, ["credit": 1])]).first
    else {
      Issue.record("the faults did not say what they should")
      return
    }
    let (changed, after) = try await SOAPScene.all(customers, after: listed)
    #expect(changed.map(\.operation) == [.update, .delete] && changed.map(\.key) == [keys[3], keys[4]])
    let (quiet, _) = try await SOAPScene.all(customers, after: after)
    #expect(quiet.isEmpty)
  }

  @Test func `Wrong credentials give no record up`() async throws {
    let customers = try customers(password: "wrong")
    await #expect(throws: EndUnavailable.self) { try await customers.records([RecordKey("1")]) }
    guard case .unavailable? = await customers.apply([write(.create, nil, ["name": "A"])]).first else {
      Issue.record("a create was given up")
      return
    }
  }
}
