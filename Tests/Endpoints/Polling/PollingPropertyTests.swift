import Changes
import JSON
import Support
import Testing

/// A random workload, and a service that stops anywhere.
@Suite(.serialized) struct PollingPropertyTests {
  private static let cases = PolledKind.allCases.flatMap { kind in
    ["version", nil].flatMap { cursor in (1...4).map { (kind, cursor, UInt64($0)) } }
  }

  @Test(arguments: cases)
  func `Whatever happens and wherever it stops, what is told is what the table holds`(
    kind: PolledKind, cursor: String?, seed: UInt64
  ) async throws {
    let scene = try await PollScene(
      kind, "CREATE TABLE items (id INTEGER, part TEXT, name TEXT, version INTEGER, PRIMARY KEY (part, id))",
      PollScene.hurried(cursor: cursor, sweep: .zero))
    var workload = Workload(seed: seed)
    for _ in 0..<60 {
      switch Int.random(in: 0..<10, using: &workload.numbers) {
      case 0..<4: try await scene.execute(workload.transaction())
      case 4: try await scene.rollBack(workload.transaction())
      case 5, 6: try await scene.turn()
      case 7: try await scene.overlappingTurns()
      case 8: try await scene.lostTurn()
      default: try await scene.restart()
      }
    }
    try await scene.sweep()
    try await scene.sweep()
    let contents = try await scene.contents()
    #expect(try await scene.replayed == contents, "seed \(seed)")
    var last: [RecordKey: [UInt8]] = [:]
    for change in await scene.told {
      let row = change.operation == .delete ? nil : change.row
      #expect(last[change.key] != row, "seed \(seed): \(change.operation) \(change.key) tells nothing")
      last[change.key] = row
    }
    let told = await scene.told.count
    try await scene.restart()
    for _ in 0..<12 { try await scene.turn() }
    #expect(await scene.news(since: told) == [], "seed \(seed)")
  }

  private struct Workload {
    var numbers: SeededNumbers
    private var version = 0

    init(seed: UInt64) { numbers = SeededNumbers(state: seed) }

    /// A few statements; keys of one part are spread over more than one page of the log's order.
    mutating func transaction() -> String {
      (0..<Int.random(in: 1...4, using: &numbers)).map { _ in statement() }.joined(separator: ";\n")
    }

    private mutating func statement() -> String {
      version += 1
      let id = Int.random(in: 1...12, using: &numbers)
      let part = ["a", "B", "ä"].randomElement(using: &numbers) ?? ""
      // Some applications forget the cursor, some set it back.
      let cursor =
        switch Int.random(in: 0..<8, using: &numbers) {
        case 0: "NULL"
        case 1: "1"
        default: "\(version)"
        }
      let name = Int.random(in: 0..<3, using: &numbers)
      switch Int.random(in: 0..<4, using: &numbers) {
      case 0: return "DELETE FROM items WHERE id = \(id) AND part = '\(part)'"
      case 1: return "UPDATE items SET name = 'n\(name)', version = \(cursor) WHERE id = \(id)"
      default:
        return """
          INSERT INTO items (id, part, name, version) VALUES (\(id), '\(part)', 'n\(name)', \(cursor))
          ON CONFLICT (part, id) DO UPDATE SET name = excluded.name, version = excluded.version
          """
      }
    }
  }
}
