import Changes
import JSON
import Log
import Reconcile
import Replay
import Support
import Testing
import Verify

/// Two endpoints in memory, edited by a generated workload while the real pipeline runs between them.
@Suite("Convergence", .timeLimit(.minutes(3)))
struct ConvergenceTests {
  @Test(
    "Invariant 7: after any generated edits at both sides, with lost answers, both sides end equal", arguments: 0..<40)
  func generated(round: Int) async throws {
    let seed = UInt64.random(in: 0...UInt64.max) &+ UInt64(round)
    let policies: [ConflictPolicy] = [
      ConflictPolicy(default: .side(.local)), ConflictPolicy(default: .side(.remote)),
      ConflictPolicy(default: .side(.local), delete: .deleteWins),
    ]
    let ends = try await MemoryLink(policy: policies[round % policies.count])
    let target = FlakyTarget(ends.remote, seed: seed)
    try await ends.running(ends.faulty(target)) {
      var generator = SeededNumbers(state: seed)
      for step in 0..<60 {
        await Self.edit(ends, step, &generator)
        if step % 7 == 0 { await Task.yield() }
      }
    }
    let differences = try await ends.differences
    #expect(differences == [], "seed \(seed)")
    let letters = try await ends.log.deadLetters(limit: 10)
    #expect(letters.isEmpty, "seed \(seed): \(letters.map(\.failure))")
    let emails = await ends.remote.contents.values.compactMap { $0["email"]?.stringValue }
    #expect(Set(emails).count == emails.count, "seed \(seed): a record was made twice")
  }

  /// One edit by one of the two applications. Keys and e-mails of the sides never meet by chance.
  private static func edit(_ ends: MemoryLink, _ step: Int, _ generator: inout SeededNumbers) async {
    let value = JSONValue.integer(step)
    let field = Bool.random(using: &generator)
    if Bool.random(using: &generator) {
      let number = Int.random(in: 1...6, using: &generator)
      let known = await ends.local.contents
      switch Int.random(in: 0..<10, using: &generator) {
      case 0:
        if let key = known.keys.sorted(by: { $0.encoded < $1.encoded }).randomElement(using: &generator) {
          await ends.local.remove(key)
        }
      case 1...3 where known[RecordKey(.integer(number))] == nil:
        await ends.local.put(
          RecordKey(.integer(number)),
          ["id": .integer(number), "name": value, "email": .string("l\(number)-\(step)@x"), "limit": value])
      default:
        guard let key = known.keys.sorted(by: { $0.encoded < $1.encoded }).randomElement(using: &generator) else {
          return
        }
        await ends.local.put(key, field ? ["name": value] : ["limit": value])
      }
    } else {
      let known = await ends.remote.contents
      let key = known.keys.sorted(by: { $0.encoded < $1.encoded }).randomElement(using: &generator)
      switch Int.random(in: 0..<10, using: &generator) {
      case 0: if let key { await ends.remote.remove(key) }
      case 1...2:
        let id = "c\(step)"
        await ends.remote.put(
          RecordKey(.string(id)),
          ["id": .string(id), "full_name": value, "email": .string("r\(step)@x"), "terms": ["limit": value]])
      default: if let key { await ends.remote.put(key, field ? ["full_name": value] : ["terms": ["limit": value]]) }
      }
    }
  }
}
