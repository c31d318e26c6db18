import Changes
import JSON
import Postgres
import PostgresDatabase
import Support
import Testing

/// DESIGN, invariant 10: one generated workload, captured in every way, gives the same rows byte for byte.
struct OneRowTests {
  @Test(arguments: 0..<4) func `Invariant 10: triggers and the WAL tell one workload in the same bytes`(
    _ number: Int
  ) async throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("OneRowTests seed \(seed)")
    var random = SeededNumbers(state: seed)
    let (statements, made) = GeneratedType.made(12, &random)
    let columns = Array((GeneratedType.builtIn + [.hstore] + made).shuffled(using: &random).prefix(9))
    let names = GeneratedType.distinctNames(columns.count, &random)
    let list = zip(names, columns).map { ", \(quoted(postgresIdentifier: $0)) \($1.sql)" }.joined()
    let schema =
      "CREATE EXTENSION hstore; " + statements.joined(separator: "; ")
      + "; CREATE TABLE rows (k1 int, k2 text, pad text\(list), PRIMARY KEY (k2, k1))"
      + "; ALTER TABLE rows ALTER pad SET STORAGE EXTERNAL"
    let triggers = try await PostgresScene(schema, tables: ["rows"])
    let wal = try await PostgresScene(schema, tables: ["rows"], capture: .wal)
    let workload = Workload(names, columns, &random)
    for scene in [triggers, wal] { try await workload.run(on: scene) }
    let told = try await triggers.drain().changes
    let decoded = try await Self.decoded(wal)
    #expect(told.count > 20)
    let (expected, found) = (Self.stories(told), Self.stories(decoded))
    #expect(Set(expected.keys) == Set(found.keys), "seed \(seed)")
    for (key, story) in expected {
      for (told, decoded) in zip(story, found[key] ?? []) where told != decoded {
        Issue.record("seed \(seed), key \(key), \(columns.map(\.sql))\ntold    \(told)\ndecoded \(decoded)")
        return
      }
      #expect(story.count == found[key]?.count, "seed \(seed), key \(key)")
    }
    // What is left is what the table holds.
    let table = try await wal.database.table("rows")
    let left = try await table.chunk(from: nil, limit: 10_000).records
    #expect(Set(left.map { "\($0.key)" }) == Self.survivors(decoded))
  }

  @Test(arguments: 0..<4)
  func `Invariant 10: a restricted table is the same bytes told by triggers, the WAL, polling and reads`(
    _ number: Int
  ) async throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("OneRowTests seed \(seed)")
    var random = SeededNumbers(state: seed)
    let (statements, made) = GeneratedType.made(12, &random)
    let columns = Array((GeneratedType.builtIn + [.hstore] + made).shuffled(using: &random).prefix(9))
    let names = GeneratedType.distinctNames(columns.count, &random)
    let list = zip(names, columns).map { ", \(quoted(postgresIdentifier: $0)) \($1.sql)" }.joined()
    let schema =
      "CREATE EXTENSION hstore; " + statements.joined(separator: "; ")
      + "; CREATE TABLE rows (k1 int, k2 text, pad text\(list), PRIMARY KEY (k2, k1))"
    let hash = Mask.hash(MaskKey("a key of a test, long enough"))
    let told = number % 2 == 0 ? RowRestriction.Choice.except([names[0], "pad"]) : .only(["pad"] + names.dropFirst())
    let restriction = RowRestriction(
      told, masks: [names[1]: hash, names[2]: .fixed, names[3]: hash], condition: "pad <> 'bbb' AND k1 % 5 <> 1 -- not")
    let triggers = try await PostgresScene(schema, tables: ["rows"], restrictions: ["rows": restriction])
    let wal = try await PostgresScene(schema, tables: ["rows"], capture: .wal, restrictions: ["rows": restriction])
    let workload = Workload(names, columns, longest: 3, &random)
    for scene in [triggers, wal] { try await workload.run(on: scene) }
    let (expected, found) = (Self.lives(try await triggers.drain().changes), Self.lives(try await Self.decoded(wal)))
    #expect(expected.count > 5)
    #expect(Set(expected.keys) == Set(found.keys), "seed \(seed)")
    for (key, life) in expected where life != found[key] {
      Issue.record("seed \(seed), \(key), \(columns.map(\.sql))\ntriggers \(life)\nWAL \(found[key] ?? [])")
    }
    #expect(expected.values.joined().allSatisfy { !$0.contains(#""pad": "bbb""#) })
    let polled = try await PostgresDatabase(
      name: "shop", url: wal.url, tables: ["rows"], capture: .poll, polling: ["rows": PollSettings()],
      restrictions: ["rows": restriction]
    ).polledTable("rows").rows(after: nil, limit: 10_000).rows
    let left = expected.compactMapValues { $0.last == "gone" ? nil : $0.last }
    #expect(
      Dictionary(polled.map { ("\($0.key)", String(decoding: $0.row, as: UTF8.self)) }) { $1 } == left, "seed \(seed)")
    let read = try await wal.database.table("rows").chunk(from: nil, limit: 10_000).records
    #expect(read.count == left.count)
    for record in read {
      #expect(try JSONObject(parsing: Array((left["\(record.key)"] ?? "{}").utf8)) == record.fields, "seed \(seed)")
    }
  }

  /// What each record went through, as far as it was one: where the WAL does not tell whether a row was one before, it is told
  /// gone to be sure.
  private static func lives(_ changes: [Change]) -> [String: [String]] {
    var lives: [String: [String]] = [:]
    for change in changes {
      let key = "\(change.key)"
      if change.operation != .delete {
        lives[key, default: []].append(String(decoding: change.row, as: UTF8.self))
      } else {
        #expect(change.row.isEmpty)
        if let last = lives[key]?.last, last != "gone" { lives[key]?.append("gone") }
      }
    }
    return lives
  }

  /// Everything the WAL tells, with what was told before at hand, as the log has it.
  private static func decoded(_ scene: PostgresScene) async throws -> [Change] {
    let images = ToldRows()
    let reader = try await PostgresDatabase(
      name: "shop", url: scene.url, tables: scene.tables, capture: .wal, restrictions: scene.restrictions,
      images: images)
    var changes: [Change] = []
    var position: Position?
    while true {
      let batch = try await reader.next(after: position)
      await images.see(batch.changes)
      changes += batch.changes
      position = batch.through
      if batch.completeAsOf != nil { return changes }
    }
  }

  /// What each record went through. Of a row that is gone the WAL tells its key only.
  private static func stories(_ changes: [Change]) -> [String: [String]] {
    Dictionary(grouping: changes) { "\($0.key)" }.mapValues { changes in
      changes.map { "\($0.operation) \($0.operation == .delete ? "" : String(decoding: $0.row, as: UTF8.self))" }
    }
  }

  private static func survivors(_ changes: [Change]) -> Set<String> {
    var keys: Set<String> = []
    for change in changes {
      if change.operation == .delete { keys.remove("\(change.key)") } else { keys.insert("\(change.key)") }
    }
    return keys
  }
}

private actor ToldRows: RowImages {
  private var rows: [RecordKey: [UInt8]] = [:]

  func see(_ changes: [Change]) {
    for change in changes { rows[change.key] = change.operation == .delete ? nil : change.row }
  }

  func latestRows(
    of endpoint: EndpointName, told source: SourceName, _ keys: Set<RecordKey>
  ) -> [RecordKey: [UInt8]] { rows.filter { keys.contains($0.key) } }
}

/// Transactions of inserts, updates (of large values too, or not), changes of keys, deletes, savepoints and rollbacks.
private struct Workload: Sendable {
  private struct Step: Sendable {
    var sql: String
    var bindings: [PostgresValue] = []
  }

  private var transactions: [[Step]] = []

  /// - Parameter longest: of `pad`.
  init(_ names: [String], _ columns: [GeneratedType], longest: Int = 2500, _ random: inout SeededNumbers) {
    for _ in 0..<60 {
      var steps = [Step(sql: "BEGIN")]
      for _ in 0...random.below(4) { steps += Self.steps(names, columns, longest, &random) }
      steps.append(Step(sql: random.chance(5) ? "ROLLBACK" : "COMMIT"))
      transactions.append(steps)
    }
  }

  private static func steps(
    _ names: [String], _ columns: [GeneratedType], _ longest: Int, _ random: inout SeededNumbers
  ) -> [Step] {
    let key: [PostgresValue] = [.integer(Int64(random.below(12))), .text(random.pick(["a", "b", "ü\"x"]))]
    let here = "WHERE k1 = $1 AND k2 = $2"
    switch random.below(8) {
    case 0...2:
      let values = columns.map { random.chance(8) ? PostgresValue.null : .text($0.value(&random)) }
      let list = names.map { ", \(quoted(postgresIdentifier: $0))" }.joined()
      let parameters = names.indices.map { ", $\($0 + 4)" }.joined()
      let pad = PostgresValue.text(
        String(repeating: random.pick(["a", "b", "c"]), count: random.chance(3) ? longest : 3))
      return [
        Step(
          sql: "INSERT INTO rows (k1, k2, pad\(list)) VALUES ($1, $2, $3\(parameters))"
            + " ON CONFLICT (k2, k1) DO UPDATE SET pad = excluded.pad", bindings: key + [pad] + values)
      ]
    case 3, 4:
      let index = random.below(columns.count)
      let value = PostgresValue.text(columns[index].value(&random))
      return [
        Step(sql: "UPDATE rows SET \(quoted(postgresIdentifier: names[index])) = $3 \(here)", bindings: key + [value])
      ]
    case 5: return [Step(sql: "DELETE FROM rows \(here)", bindings: key)]
    case 6:
      let moved = PostgresValue.integer(Int64(random.below(1000) + 100))
      return [Step(sql: "UPDATE rows SET k1 = $3 \(here)", bindings: key + [moved])]
    default:
      return [Step(sql: "SAVEPOINT s"), Step(sql: "DELETE FROM rows"), Step(sql: "ROLLBACK TO s")]
    }
  }

  func run(on scene: PostgresScene) async throws {
    for steps in transactions {
      try await scene.application.run { session in
        for step in steps {
          if step.bindings.isEmpty {
            try session.execute(step.sql)
          } else {
            try session.execute(step.sql, step.bindings)
          }
        }
      }
    }
  }
}
