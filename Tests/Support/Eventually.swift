/// Something that was waited for and did not come.
package struct NotReached: Error, CustomStringConvertible {
  package let description: String

  package init(description: String) { self.description = description }
}

/// Asks until there is an answer.
/// - Throws: `NotReached` when there is none within `limit`, and what `ask` throws.
package func eventually<Answer: Sendable>(
  _ what: String, within limit: Duration = .seconds(30), _ ask: () async throws -> Answer?
) async throws -> Answer {
  let deadline = ContinuousClock.now + limit
  while true {
    if let answer = try await ask() { return answer }
    guard ContinuousClock.now < deadline else { throw NotReached(description: "not within \(limit): \(what)") }
    try await Task.sleep(for: .milliseconds(25))
  }
}

/// Waits until `condition` holds.
package func eventually(
  _ what: String, within limit: Duration = .seconds(30), holds condition: () async throws -> Bool
) async throws {
  let _: Bool = try await eventually(what, within: limit) { try await condition() ? true : nil }
}
