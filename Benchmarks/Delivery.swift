import Foundation
import HTTP
import JSON

/// Commit → the application's API, at 200 changes/s: by the product's own histogram, and by the clocks of the writer and
/// of the sandbox (whose journal tells whole milliseconds).
func measureLatency(_ place: Workplace, _ report: (Figure) -> Void) async throws {
  let count = 200 * place.seconds * 6
  for mode in ["wal", "trigger", "sqlite"] {
    let sandbox = try await RunningSandbox(place)
    let postgres = Shop(place)
    let commits: @Sendable () async throws -> [Commit]
    let database: String
    if mode == "sqlite" {
      let shop = try await SQLiteShop(place, rows: 500)
      database = "sqlite:\(shop.path)"
      commits = { try await shop.commits(count, every: .milliseconds(5)) }
    } else {
      try await postgres.make(rows: 500)
      database = place.postgres
      commits = { try await postgres.commits(count, every: .milliseconds(5)) }
    }
    let site = try Site(
      place, database: database, capture: mode == "sqlite" ? "trigger" : mode, application: sandbox.address)
    try site.command("attach")
    let (service, address) = try await site.run()
    try await sandbox.wait(for: 500)
    let before = try await EndToEnd(address)
    let written = try await commits()
    try await sandbox.wait(for: 500 + count)
    let after = try await EndToEnd(address)
    let delays = try await sandbox.delays(of: written)
    service.stop()
    try site.command("detach")
    site.remove()
    let name = "latency.\(mode)"
    report(Figure("\(name).p50", delays.quantile(0.5), "ms"))
    report(Figure("\(name).p99", delays.quantile(0.99), "ms"))
    report(Figure("\(name).max", delays.max() ?? .nan, "ms"))
    report(Figure("\(name).own_histogram.p50", after.quantile(0.5, since: before) * 1000, "ms"))
    report(Figure("\(name).own_histogram.p99", after.quantile(0.99, since: before) * 1000, "ms"))
  }
}

/// Changes a second through capture, log and delivery, for one insert of 20,000 rows, against as many bare requests to
/// the same sandbox, as many at a time.
func measureThroughput(_ place: Workplace, _ report: (Figure) -> Void) async throws {
  let count = 20_000
  for mode in ["wal", "trigger"] {
    var own: [Double] = []
    var bare: [Double] = []
    for _ in 0..<place.runs {
      let shop = Shop(place)
      try await shop.make()
      let sandbox = try await RunningSandbox(place)
      bare.append(Double(count) / (try await timed { try await sandbox.create(count, atOnce: 8) }.seconds))
      let site = try Site(place, database: place.postgres, capture: mode, application: sandbox.address)
      try site.command("attach")
      let service = try await site.run().service
      let reader = try await site.reader()
      try await reader.waitForBeginning()
      try await Task.sleep(for: .seconds(1))
      let (seconds, _) = try await timed {
        try await shop.execute(
          "INSERT INTO \(Site.table) SELECT \(Shop.values) FROM generate_series(1, \(count)) n")
        try await sandbox.wait(for: 2 * count)
      }
      own.append(Double(count) / seconds)
      service.stop()
      try site.command("detach")
      site.remove()
    }
    report(Figure("throughput.\(mode).bare_requests", median: bare, "requests/s"))
    report(Figure("throughput.\(mode)", median: own, "changes/s"))
    report(Figure("throughput.\(mode).ratio", median: zip(own, bare).map { $0 / $1 }, ""))
  }
}

/// What a service costs that has nothing to do.
func measureIdle(_ place: Workplace, _ report: (Figure) -> Void) async throws {
  for mode in ["wal", "trigger"] {
    let shop = Shop(place)
    try await shop.make(rows: 500)
    let sandbox = try await RunningSandbox(place)
    let site = try Site(place, database: place.postgres, capture: mode, application: sandbox.address)
    try site.command("attach")
    let service = try await site.run().service
    try await sandbox.wait(for: 500)
    try await reportRest(of: service, as: "idle.\(mode)", report)
    service.stop()
    try site.command("detach")
    site.remove()
  }
}

/// Memory and processor of a service over a minute without work.
func reportRest(of service: Program, as name: String, _ report: (Figure) -> Void) async throws {
  try await Task.sleep(for: .seconds(5))
  let before = try service.usage()
  try await Task.sleep(for: .seconds(60))
  let after = try service.usage()
  report(Figure("\(name).cpu", (after.processor - before.processor) / 60 * 100, "% of a core", .atMost(1)))
  report(Figure("\(name).memory", after.memory / 1_048_576, "MiB"))
}

/// The histogram `tidemark_end_to_end_seconds` of pushed changes.
private struct EndToEnd {
  private var counts: [(bound: Double, count: Double)] = []

  init(_ address: String) async throws {
    let response = try await HTTPClient().send(HTTPRequest("GET", "\(address)metrics"))
    for line in String(decoding: response.body, as: UTF8.self).split(separator: "\n") {
      guard line.hasPrefix("tidemark_end_to_end_seconds_bucket"), line.contains("direction=\"push\""),
        let bound = line.firstMatch(of: /le="([^"]+)"/), let count = line.split(separator: " ").last
      else { continue }
      counts.append((Double(String(bound.1)) ?? .infinity, Double(String(count)) ?? 0))
    }
  }

  /// As Prometheus does it: evenly spread inside a bucket.
  func quantile(_ share: Double, since earlier: EndToEnd) -> Double {
    let before = Dictionary(earlier.counts.map { ($0.bound, $0.count) }) { first, _ in first }
    let buckets = counts.map { (bound: $0.bound, count: $0.count - (before[$0.bound] ?? 0)) }
    let wanted = (buckets.last?.count ?? 0) * share
    var below = (bound: 0.0, count: 0.0)
    for bucket in buckets {
      if bucket.count >= wanted, bucket.bound.isFinite {
        return below.bound + (bucket.bound - below.bound) * (wanted - below.count) / max(1, bucket.count - below.count)
      }
      below = bucket
    }
    return below.bound
  }
}
