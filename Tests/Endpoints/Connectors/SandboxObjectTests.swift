import Changes
import Connectors
import HTTP
import JSON
import Logging
import Sandbox
import Testing

/// The shipped manifest against the application it describes.
@Suite struct SandboxObjectTests {
  private func withContacts(_ body: (any RemoteObject) async throws -> Void) async throws {
    let (ports, listening) = AsyncStream.makeStream(of: Int.self)
    let sandbox = Sandbox(configuration: SandboxConfiguration(token: "t", logger: Logger(label: "test"))) {
      listening.yield($0)
    }
    let running = Task { try await sandbox.run() }
    defer { running.cancel() }
    var iterator = ports.makeAsyncIterator()
    let port = try #require(await iterator.next())
    let connector = try Connector(
      name: "crm", manifest: try Manifest.named("sandbox"), url: "http://127.0.0.1:\(port)", auth: ["token": "t"],
      client: HTTPClient())
    try await body(try connector.object("contacts", pull: .every(.zero)))
  }

  private func write(
    _ action: Write.Action, _ key: RecordKey?, _ fields: JSONObject, version: String? = nil, idempotency: String = "k1"
  ) -> Write {
    Write(
      action, key: key, fields: fields, expected: version.map { .init(version: $0, fields: [:]) },
      idempotencyKey: idempotency)
  }

  @Test func `A contact is created once, found, updated under its version, and deleted`() async throws {
    try await withContacts { contacts in
      guard case .applied(let made)? = await contacts.apply([write(.create, nil, ["email": "a@b", "n": 1])]).first,
        case .applied(let again)? = await contacts.apply([write(.create, nil, ["email": "a@b", "n": 1])]).first
      else {
        Issue.record("the create was not applied")
        return
      }
      #expect(made.key == again.key)
      #expect(try await contacts.find(["email": "a@b"]).map(\.key) == [made.key])
      let first = try await contacts.next(after: nil)
      #expect(first.changes.map(\.key) == [made.key])

      guard
        case .applied(let updated)? = await contacts.apply([write(.update, made.key, ["n": 2], version: made.version)])
          .first,
        case .mismatch(let current?)? = await contacts.apply([write(.update, made.key, ["n": 3], version: made.version)]
        ).first
      else {
        Issue.record("the version did not decide")
        return
      }
      #expect(current.version == updated.version)
      #expect(current.fields["n"] == 2)
      let second = try await contacts.next(after: first.through)
      #expect(second.changes.map(\.version) == [updated.version])

      guard case .applied? = await contacts.apply([write(.delete, made.key, [:], version: updated.version)]).first
      else {
        Issue.record("the delete was not applied")
        return
      }
      let third = try await contacts.next(after: second.through)
      #expect(third.changes.map(\.operation) == [.delete])
      let quiet = try await contacts.next(after: third.through)
      #expect(quiet.changes.isEmpty)
      #expect(quiet.through == third.through)
      #expect(try await contacts.records([made.key]).isEmpty)
    }
  }
}
