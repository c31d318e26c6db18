package import Changes
package import JSON
package import Log
package import Logging
import Replay

/// What people do with dead letters: have them tried again, or put the record right at its source first.
package struct LetterDesk: Sendable {
  private let assembly: Assembly

  package init(_ assembly: Assembly) { self.assembly = assembly }

  /// How a retry of some letters of one link ended.
  package struct Retried: Sendable {
    package let link: LinkName
    package let changes: Int64
    /// Nil: they are in the log and go out later.
    package let givenUpAgain: Int?
  }

  /// Has letters tried again, link by link, and waits until they were.
  /// - Parameter patience: how long to wait while nothing moves on.
  package func retry(
    _ letters: [DeadLetter], patience: Duration, logger: Logger
  ) async throws -> [Retried] {
    if let empty = letters.first(where: { $0.logged == nil }) {
      throw Failure(
        code: "letter.empty",
        message: "dead letter \(empty.id) holds no change, the log was damaged there: it can only be dropped")
    }
    let names = Array(Set(letters.map(\.link.description))).sorted()
    let links = try assembly.links(named: names)
    return try await Errands.run(assembly, links, logger: logger) { errands in
      var results: [Retried] = []
      for link in links {
        let ids = letters.filter { $0.link == link.name }.map(\.id).sorted()
        let newest = try await errands.log.deadLetters(limit: 1).first?.id ?? 0
        let (request, isReplayed) = try await errands.carryOut(.retry(ids), of: link, patience: patience)
        let dead = try await errands.log.deadLetters(matching: LetterFilter(link: link.name), limit: .max)
        let keys = Set(letters.map(\.key))
        let again = dead.filter { $0.id > newest && keys.contains($0.key) }.count
        results.append(
          Retried(link: link.name, changes: request.changes, givenUpAgain: isReplayed ? again : nil))
      }
      return results
    }
  }

  /// Sets fields of the record a letter is about, at the end its change came from and in that end's own names: what is sent
  /// then is what both sides hold afterwards.
  /// - Throws: `Failure` if the record is gone there, or the end refuses it.
  package func edit(_ letter: DeadLetter, _ fields: JSONObject) async throws {
    guard let link = try assembly.links(named: [letter.link.description]).first else { return }
    let end = link[letter.direction.source]
    let key = try RecordKey(encoded: letter.key)
    let write = Write(
      .update, key: key, fields: fields, expected: nil,
      idempotencyKey: "edit-\(letter.id)-\(Timestamp.now.microseconds)")
    let place = "\(end.name) \(key)"
    switch await end.target.apply([write]).first {
    case .applied: return
    case .mismatch(nil):
      throw Failure(code: "letter.gone", message: "\(place) does not exist any more: retry or drop the letter")
    case .mismatch:
      throw Failure(code: "letter.busy", message: "\(place) changed at the same moment: try again")
    case .rejected(let failure), .retry(let failure, _), .unknown(let failure): throw failure
    case .unavailable(let failure, let after): throw EndUnavailable(failure, after: after)
    case nil: throw Failure(code: "letter.busy", message: "\(place) gave no answer")
    }
  }
}
