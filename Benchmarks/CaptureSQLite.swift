import Foundation
import SQLite

/// What the triggers cost a program that writes a SQLite file, and how soon and how cheaply its commits are noticed.
func measureSQLite(_ place: Workplace, _ report: (Figure) -> Void) async throws {
  report(Figure("capture.sqlite.fdatasync", median: try syncs(place), "calls/s"))
  try await measureWriter(place, report)

  let shop = try await SQLiteShop(place, rows: 500)
  let site = try Site(place, database: "sqlite:\(shop.path)", capture: "trigger")
  try site.command("attach")
  let service = try await site.run().service
  // Far enough apart that each commit meets a service at rest.
  let noticed = try await delays(site, count: 200) { count in
    try await shop.commits(count, every: .milliseconds(37))
  }
  report(Figure("capture.sqlite.notice.p50", noticed.milliseconds.quantile(0.5), "ms", .atMost(5)))
  report(Figure("capture.sqlite.notice.p99", noticed.milliseconds.quantile(0.99), "ms"))
  try await reportRest(of: service, as: "capture.sqlite.idle", report)
  service.stop()
  site.remove()
}

private func measureWriter(_ place: Workplace, _ report: (Figure) -> Void) async throws {
  let rows = 10_000
  var single: (plain: [Double], captured: [Double]) = ([], [])
  var bulk: (plain: [Double], captured: [Double]) = ([], [])
  for _ in 0..<place.runs {
    let plain = try await SQLiteShop(place, rows: rows)
    let captured = try await SQLiteShop(place, rows: rows)
    let site = try Site(place, database: "sqlite:\(captured.path)", capture: "trigger")
    try site.command("attach")
    single.plain.append(try await commits(plain, place.seconds))
    single.captured.append(try await commits(captured, place.seconds))
    bulk.plain.append(try await bulkInsert(plain, after: rows))
    bulk.captured.append(try await bulkInsert(captured, after: rows))
    site.remove()
    for path in [plain.path, captured.path] {
      for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
    }
  }
  report(Figure("capture.sqlite.commit.plain", median: single.plain, "transactions/s"))
  report(Figure("capture.sqlite.commit.triggers", median: single.captured, "transactions/s"))
  report(
    Figure(
      "capture.sqlite.commit.ratio", median: zip(single.captured, single.plain).map { $0 / $1 }, "", .atLeast(0.75)))
  report(Figure("capture.sqlite.bulk.plain", median: bulk.plain, "rows/s"))
  report(Figure("capture.sqlite.bulk.triggers", median: bulk.captured, "rows/s"))
  report(
    Figure("capture.sqlite.bulk.ratio", median: zip(bulk.captured, bulk.plain).map { $0 / $1 }, "", .atLeast(0.45)))
}

/// Single-row transactions a second.
private func commits(_ shop: SQLiteShop, _ seconds: Int) async throws -> Double {
  try await shop.connection.run { session in
    let started = ContinuousClock.now
    var commits = 0
    while ContinuousClock.now - started < .seconds(seconds) {
      try SQLiteShop.update(commits, session)
      commits += 1
    }
    return Double(commits) / (ContinuousClock.now - started).seconds
  }
}

/// Rows a second of one transaction that inserts 100,000.
private func bulkInsert(_ shop: SQLiteShop, after rows: Int) async throws -> Double {
  let count = 100_000
  let (seconds, _) = try await timed {
    try await shop.connection.transaction { session in
      for id in (rows + 1)...(rows + count) { try SQLiteShop.insert(id, session) }
    }
  }
  return Double(count) / seconds
}
