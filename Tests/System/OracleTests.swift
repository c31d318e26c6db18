import Foundation
import Glibc
import JSON
import Support
import Testing

extension SystemTests {
  /// The property that everything else serves: whatever the table, whoever writes while it is read for the first time, and
  /// whenever the service is killed, the application ends with what the table holds, and no record there ever goes back.
  ///
  /// `scripts/test --long` takes fifty rounds in each way of capture; `TIDEMARK_SEED` repeats one.
  @Suite(.serialized) struct OracleTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let rounds = environment["TIDEMARK_LONG"] == nil ? 1 : 50
    private static let writers = 3

    @Test(arguments: RandomTable.Capture.allCases)
    func `Invariants 1, 3, 7, 8: the application ends with what the table holds, and no record ever goes back`(
      capture: RandomTable.Capture
    ) async throws {
      for _ in 0..<Self.rounds {
        let given = Self.environment["TIDEMARK_SEED"].flatMap { UInt64($0) }
        try await round(capture, seed: given ?? UInt64.random(in: 0..<1_000_000_000))
      }
    }

    private func round(_ capture: RandomTable.Capture, seed: UInt64) async throws {
      var numbers = SeededNumbers(state: seed)
      let folder = ScratchFolder()
      let table = try await RandomTable(capture, in: folder.path, &numbers)
      print("\(capture.rawValue), TIDEMARK_SEED=\(seed): \(table.schema)")
      let crm = try await CRM(in: folder.path)
      try configure(table, crm, folder)
      func start(_ arguments: String...) throws -> Child {
        try Child(arguments, in: folder.path, environment: ["CRM_TOKEN": "sandbox"])
      }
      let rows = Int.random(in: 200...500, using: &numbers)
      let filler = try await table.connect()
      try await filler.execute((0..<rows).map { table.insert($0, version: 1, &numbers) })
      let attached = try await start("attach").ending()
      #expect(attached.status == 0, "seed \(seed): \(attached)")

      let closing = Closing()
      let seeds = (0..<Self.writers).map { seed &+ 1 &+ UInt64($0) }
      async let written = withThrowingTaskGroup(of: Int.self) { group in
        for (number, seed) in seeds.enumerated() {
          group.addTask { try await write(table, number, rows, seed, closing) }
        }
        return try await group.reduce(0, +)
      }
      do {
        for _ in 0..<4 {
          let service = try start("run")
          // Not a wait for something, but the moment of the kill: it is to be any.
          try await Task.sleep(for: .milliseconds(.random(in: 200...1_500, using: &numbers)))
          service.signal(SIGKILL)
          let ending = await service.ending()
          #expect(ending.status == 128 + SIGKILL, "seed \(seed): \(ending.errors)")
        }
      } catch {
        closing.call()
        throw error
      }
      closing.call()
      let writes = try await written
      #expect(writes > 0)

      let service = try start("run")
      var difference = ""
      do {
        try await eventually("the application holds what the table holds", within: .seconds(90)) {
          difference = try await self.difference(table, crm)
          return difference.isEmpty
        }
      } catch {
        Issue.record("\(capture.rawValue), seed \(seed): \(difference)")
      }
      try await requireNothingWentBack(crm, seed)
      try await eventually("everything is read", within: .seconds(60)) {
        let listed =
          try JSONValue(parsing: try await start("backfill", "list", "--json").ending().output).arrayValue ?? []
        // What a kill interrupted is read again, but enters the log once.
        #expect(
          listed.allSatisfy { ($0.at("rows")?.integerValue ?? 0) <= Int64(rows + writes) }, "seed \(seed): \(listed)")
        return !listed.isEmpty && listed.allSatisfy { $0.at("state") == "done" }
      }
      service.signal(SIGTERM)
      #expect(await service.ending().status == 0)
    }

    private func configure(_ table: RandomTable, _ crm: CRM, _ folder: ScratchFolder) throws {
      // The application's records have a version of their own.
      let fields = (["version: edition"] + table.columns.map { "\($0): \($0)" }).joined(separator: ", ")
      let text = """
        databases: { lab: { url: "\(table.url)", capture: \(table.capture.text) } }
        connectors: { crm: { use: sandbox, url: "\(crm.url)", auth: { token: "${env:CRM_TOKEN}" } } }
        http: { listen: "127.0.0.1:0" }
        links:
          things: { table: lab.things, object: crm.contacts, direction: push, key: { uid: uid }, fields: { \(fields) } }
        """
      try text.write(toFile: folder.file("tidemark.yaml"), atomically: true, encoding: .utf8)
    }

    /// Transactions of a writer, on rows that the others write to as well.
    private func write(
      _ table: RandomTable, _ writer: Int, _ rows: Int, _ seed: UInt64, _ closing: Closing
    ) async throws -> Int {
      let connection = try await table.connect()
      var numbers = SeededNumbers(state: seed)
      var writes = 0
      var next = rows + writer
      while !closing.isDue {
        // In the order of their rows, so that writers never wait for each other in a circle.
        let chosen = (0..<Int.random(in: 1...4, using: &numbers)).map { _ in Int.random(in: 0..<next, using: &numbers) }
        var statements = Set(chosen).sorted().map { number in
          Int.random(in: 0..<60, using: &numbers) == 0 ? table.delete(number) : table.update(number, &numbers)
        }
        if Int.random(in: 0..<3, using: &numbers) == 0 {
          statements.append(table.insert(next, version: 1, &numbers))
          next += Self.writers
        }
        try await connection.execute(statements)
        writes += statements.count
        try await Task.sleep(for: .milliseconds(.random(in: 3...25, using: &numbers)))
      }
      return writes
    }

    /// What the sides do not have in common; empty where they are equal.
    private func difference(_ table: RandomTable, _ crm: CRM) async throws -> String {
      let rows = try await table.contents()
      let records = try await crm.records("contacts").values
      let there = Dictionary(records.map { ($0["uid"]?.stringValue ?? "", $0) }) { first, _ in first }
      guard records.count == there.count else { return "\(records.count - there.count) records are there twice" }
      let missing = Set(rows.keys).subtracting(there.keys).sorted()
      let extra = Set(there.keys).subtracting(rows.keys).sorted()
      guard missing.isEmpty, extra.isEmpty else {
        return "not in the application: \(missing.prefix(5)); only there: \(extra.prefix(5))"
      }
      for (uid, row) in rows {
        let differing = row.names.filter { name in
          (row[name] ?? .null) != (there[uid]?[name == "version" ? "edition" : name] ?? .null)
        }
        guard differing.isEmpty else {
          return "\(uid) differs in \(differing): \(row.text) and \(there[uid]?.text ?? "")"
        }
      }
      return ""
    }

    /// Every write that the application ever took.
    private func requireNothingWentBack(_ crm: CRM, _ seed: UInt64) async throws {
      var versions: [String: Int64] = [:]
      for entry in try await crm.journal() {
        guard let version = entry.fields["edition"]?.integerValue else { continue }
        #expect(version >= versions[entry.id, default: 0], "seed \(seed): \(entry.id) went back to \(version)")
        versions[entry.id] = version
      }
      #expect(!versions.isEmpty)
    }
  }
}
