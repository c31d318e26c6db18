import Changes
import Connectors
import Foundation
import HTTP
import JSON
import Testing

/// The shipped manifest against a Kinto server, where one is given: `TIDEMARK_TEST_KINTO=http://host/v1/buckets/NAME`
/// with account `sync` and password `s3cret`.
private let kinto = ProcessInfo.processInfo.environment["TIDEMARK_TEST_KINTO"]

@Suite(.enabled(if: kinto != nil)) struct KintoObjectTests {
  private func contacts() throws -> any RemoteObject {
    let connector = try Connector(
      name: "kinto", manifest: try Manifest.named("kinto"), url: kinto,
      auth: ["username": "sync", "password": "s3cret"], client: HTTPClient())
    return try connector.object("contacts", pull: .every(.zero))
  }

  private func all(_ object: any RemoteObject, after start: Position?) async throws -> ([Change], Position) {
    var changes: [Change] = []
    var position = start
    while true {
      let batch = try await object.next(after: position)
      changes += batch.changes
      position = batch.through
      if batch.completeAsOf != nil { return (changes, batch.through) }
    }
  }

  private func write(_ action: Write.Action, _ key: RecordKey?, _ fields: JSONObject, version: String? = nil) -> Write {
    Write(
      action, key: key, fields: fields, expected: version.map { .init(version: $0, fields: [:]) }, idempotencyKey: "k")
  }

  @Test func `Records are listed over several pages, written under their version, and their deletes seen`() async throws
  {
    let contacts = try contacts()
    let run = UUID().uuidString
    let (_, start) = try await all(contacts, after: nil)
    let creates = (0..<12).map { write(.create, nil, ["run": .string(run), "n": .integer($0), "code": "007"]) }
    let keys = await contacts.apply(creates).compactMap { outcome -> RecordKey? in
      if case .applied(let applied) = outcome { applied.key } else { nil }
    }
    #expect(keys.count == 12)
    let (made, listed) = try await all(contacts, after: start)
    // The first listing knows the live only, so the second may tell of older deletes.
    #expect(Set(made.filter { $0.operation == .update }.map(\.key)) == Set(keys))
    #expect(try await contacts.find(["run": .string(run), "n": 3, "code": "007"]).map(\.key) == [keys[3]])

    let version = try #require(made.first { $0.key == keys[0] }?.version)
    guard
      case .applied(let updated)? = await contacts.apply([write(.update, keys[0], ["n": 100], version: version)]).first,
      case .mismatch(let current?)? = await contacts.apply([write(.update, keys[0], ["n": 101], version: version)])
        .first
    else {
      Issue.record("the version did not decide")
      return
    }
    #expect(updated.after?["code"] == "007")
    #expect(current.version == updated.version)
    #expect(current.fields["n"] == 100)

    guard
      case .mismatch(let present?)? = await contacts.apply([write(.create, nil, ["id": keys[0].values[0], "n": 5])])
        .first
    else {
      Issue.record("a repeated create was taken for a new record")
      return
    }
    #expect(present.key == keys[0])
    guard case .applied? = await contacts.apply([write(.delete, keys[1], [:])]).first else {
      Issue.record("the delete was not applied")
      return
    }
    let (changed, after) = try await all(contacts, after: listed)
    #expect(changed.map(\.operation) == [.update, .delete])
    let (quiet, end) = try await all(contacts, after: after)
    #expect(quiet.isEmpty)
    #expect(end == after)
  }
}
