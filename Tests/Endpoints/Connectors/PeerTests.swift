import Changes
import Connectors
import Foundation
import HTTP
import JSON
import Support
import Testing

/// Applications not written here, started by `scripts/test --peers`, through manifests that ship. Each variable holds the
/// address of one.
private func peer(_ name: String) -> String? { ProcessInfo.processInfo.environment["TIDEMARK_TEST_\(name)"] }

@Suite struct PeerTests {
  private func object(
    _ manifest: String, _ object: String, url: String?, auth: [String: String], settings: String = "{}",
    folder: String = "/nonexistent"
  ) throws -> any RemoteObject {
    let connector = try Connector(
      name: manifest, manifest: try Manifest.named(manifest), url: url, auth: auth,
      settings: try settingsNode(settings), folder: folder, client: HTTPClient())
    return try connector.object(object, pull: .every(.zero))
  }

  private func applied(_ outcome: Outcome?, _ place: SourceLocation = #_sourceLocation) throws -> Outcome.Applied {
    guard case .applied(let applied)? = outcome else {
      Issue.record("not applied: \(String(describing: outcome))", sourceLocation: place)
      throw Failure(code: "test", message: "not applied")
    }
    return applied
  }

  private func write(
    _ action: Write.Action, _ key: RecordKey?, _ fields: JSONObject, version: String? = nil
  ) -> Write {
    Write(
      action, key: key, fields: fields, expected: version.map { .init(version: $0, fields: [:]) },
      idempotencyKey: UUID().uuidString)
  }

  @Test(.enabled(if: peer("LOCALSTRIPE") != nil))
  func `Stripe: forms with brackets, pages by the last record, and a record that is cleared`() async throws {
    let customers = try object(
      "stripe", "customers", url: peer("LOCALSTRIPE").map { "\($0)/v1" }, auth: ["secret_key": "sk_test_12345"])
    let run = UUID().uuidString
    var keys: [RecordKey] = []
    for number in 0..<5 {
      let fields: JSONObject = [
        "name": .string("Ann \(number) & Söhne"), "email": .string("\(number)@\(run).example"),
        "metadata": ["run": .string(run), "n": .string("\(number)")],
      ]
      keys.append(try applied(await customers.apply([write(.create, nil, fields)]).first).key)
    }
    #expect(Set(keys).count == 5)
    let (changes, position) = try await customers.listing()
    #expect(Set(keys).isSubset(of: changes.map(\.key)))
    let first = try #require(changes.first { $0.key == keys[0] })
    #expect(try JSONValue(parsing: first.row).at("metadata.run") == .string(run))
    #expect(try JSONValue(parsing: first.row).at("name") == "Ann 0 & Söhne")
    let updated = try applied(
      await customers.apply([write(.update, keys[0], ["name": "Bea", "metadata": ["n": "10"]])]).first)
    #expect(updated.after?["name"] == "Bea")
    #expect(updated.after.flatMap { JSONValue.object($0).at("metadata.run") } == .string(run))
    _ = try applied(await customers.apply([write(.delete, keys[1], [:])]).first)
    let (next, _) = try await customers.listing(after: position)
    #expect(next.map(\.key) == [keys[0]])
    guard case .mismatch(nil)? = await customers.apply([write(.update, keys[1], ["name": "x"])]).first else {
      Issue.record("a deleted record was updated")
      return
    }
  }

  @Test(.enabled(if: peer("MOCK_SAP") != nil))
  func `S4HANA: a session against forgery, versions, and deltas with their deletes`() async throws {
    let base = "/sap/opu/odata4/sap/api_businesspartner/srvd_a2x/sap/api_businesspartner/0001"
    let partners = try object(
      "sap-s4hana", "BusinessPartner", url: peer("MOCK_SAP").map { $0 + base },
      auth: ["username": "SYNC", "password": "s3cret"])
    let (before, start) = try await partners.listing()
    #expect(!before.isEmpty)
    let name = "O'Neil \(UUID().uuidString.prefix(8))"
    let made = try applied(
      await partners.apply([
        write(
          .create, nil,
          ["BusinessPartnerCategory": "2", "BusinessPartnerGrouping": "BP01", "OrganizationBPName1": .string(name)])
      ]).first)
    #expect(try await partners.find(["OrganizationBPName1": .string(name)]).map(\.key) == [made.key])
    let read = try #require(try await partners.records([made.key])[made.key])
    let version = try #require(read.version)
    let updated = try applied(
      await partners.apply([write(.update, made.key, ["SearchTerm1": "TIDE"], version: version)]).first)
    #expect(updated.version != version)
    guard
      case .mismatch(let current?)? = await partners.apply([
        write(.update, made.key, ["SearchTerm1": "OTHER"], version: version)
      ]).first
    else {
      Issue.record("the version did not decide")
      return
    }
    #expect(current.fields["SearchTerm1"] == "TIDE")
    let (changes, second) = try await partners.listing(after: start)
    #expect(changes.map(\.key).contains(made.key))
    _ = try applied(await partners.apply([write(.delete, made.key, [:])]).first)
    let (gone, _) = try await partners.listing(after: second)
    #expect(gone.last { $0.key == made.key }?.operation == .delete)
  }

  @Test(.enabled(if: peer("XERO") != nil))
  func `Xero: a token that is exchanged, a tenant that is found, wrapped bodies and odd dates`() async throws {
    let folder = ScratchFolder()
    let url = try #require(peer("XERO"))
    let contacts = try object(
      "xero", "Contacts", url: url, auth: ["client_id": "c", "client_secret": "s", "refresh_token": "r"],
      settings: "{ token_url: \"\(url)/connect/token\" }", folder: folder.path)
    let (_, start) = try await contacts.listing()
    let name = "Ann \(UUID().uuidString)"
    let made = try applied(await contacts.apply([write(.create, nil, ["Name": .string(name)])]).first)
    let updated = try applied(
      await contacts.apply([write(.update, made.key, ["EmailAddress": "ann@example.com"])]).first)
    #expect(updated.after?["Name"] == .string(name))
    // It ignores what was asked for; what was told before is not told again.
    let (changes, second) = try await contacts.listing(after: start)
    #expect(changes.map(\.key) == [made.key])
    #expect(changes.first?.committedAt != .unknown)
    #expect(try await contacts.listing(after: second).0.isEmpty)
  }
}
