import Foundation

/// A full outbox → log, against the server writing out the same outbox with COPY.
func measureOutbox(_ place: Workplace, _ report: (Figure) -> Void) async throws {
  let shop = Shop(place)
  try await shop.make()
  let site = try Site(place, database: place.postgres, capture: "trigger")
  try site.command("attach")
  try await site.begin()
  try await shop.fill(place.changes, transactionsOf: 1000)
  // Capture empties the outbox: each run begins with a copy of what the triggers wrote.
  try await shop.execute("CREATE TABLE bench_outbox AS TABLE tidemark.outbox")
  var copied: [Double] = []
  var own: [(rate: Double, usage: Usage)] = []
  for _ in 0..<place.runs {
    try await shop.execute("TRUNCATE tidemark.outbox")
    try await shop.execute("INSERT INTO tidemark.outbox TABLE bench_outbox ORDER BY id")
    try await shop.execute("VACUUM ANALYZE tidemark.outbox")
    copied.append(Double(place.changes) / (try await copy(place)))
    own.append(try await drain(place, site))
  }
  try await shop.execute("DROP TABLE bench_outbox")
  try site.command("detach")
  site.remove()
  report(Figure("capture.trigger.copy.rate", median: copied, "changes/s"))
  report(Figure("capture.trigger.rate", median: own.map(\.rate), "changes/s"))
  report(Figure("capture.trigger.rate_ratio", median: zip(own, copied).map { $0.rate / $1 }, "", .atLeast(0.33)))
  report(
    Figure(
      "capture.trigger.cpu", median: own.map { $0.usage.processor / Double(place.changes) * 1e6 }, "µs/change"))
  report(Figure("capture.trigger.peak_memory", median: own.map { $0.usage.peakMemory / 1_048_576 }, "MiB"))
}

private func copy(_ place: Workplace) async throws -> Double {
  try await timed {
    try Program(
      "\(place.programs)/psql",
      ["-X", "-q", "-d", place.postgres, "-c", "COPY (SELECT * FROM tidemark.outbox) TO STDOUT"],
      scratch: place.folder
    ).end()
  }.seconds
}

private func drain(_ place: Workplace, _ site: Site) async throws -> (rate: Double, usage: Usage) {
  try site.rewind()
  let reader = try await site.reader()
  let (seconds, usage) = try await timed {
    let service = try site.start()
    try await reader.wait(for: Int64(place.changes))
    let usage = try service.usage()
    service.stop(SIGKILL)
    return usage
  }
  return (Double(place.changes) / seconds, usage)
}

/// What the triggers cost the application: the same statements on a table without them and on one with them, in turn.
func measureTriggerCost(_ place: Workplace, _ report: (Figure) -> Void) async throws {
  let shop = Shop(place)
  let rows = 10_000
  try await shop.make("bench_plain", rows: rows)
  try await shop.make(rows: rows)
  try await shop.execute("DROP SEQUENCE IF EXISTS bench_ids")
  try await shop.execute("CREATE SEQUENCE bench_ids START \(rows + 1) CACHE 1000")
  let site = try Site(place, database: place.postgres, capture: "trigger")
  try site.command("attach")
  try await site.begin()
  let shapes: [(name: String, bar: Double, clients: Int, script: (String) -> String)] = [
    ("update", 0.75, 4, { Shop.update($0, rows: rows) }),
    ("insert1000", 0.5, 1, { Shop.insert($0, sequence: "bench_ids") }),
  ]
  for shape in shapes {
    var plain: [Double] = []
    var captured: [Double] = []
    var served: [Double] = []
    for _ in 0..<place.runs {
      plain.append(try shop.transactions(shape.script("bench_plain"), clients: shape.clients))
      captured.append(try shop.transactions(shape.script(Site.table), clients: shape.clients))
      let service = try await site.run().service
      served.append(try shop.transactions(shape.script(Site.table), clients: shape.clients))
      service.stop()
      try await shop.execute("TRUNCATE tidemark.outbox")
    }
    let name = "capture.cost.\(shape.name)"
    report(Figure("\(name).plain", median: plain, "transactions/s"))
    report(Figure("\(name).triggers", median: captured, "transactions/s"))
    report(Figure("\(name).ratio", median: zip(captured, plain).map { $0 / $1 }, "", .atLeast(shape.bar)))
    report(Figure("\(name).ratio_while_draining", median: zip(served, plain).map { $0 / $1 }, ""))
  }
  try site.command("detach")
  try await shop.execute("DROP TABLE bench_plain")
  try await shop.execute("DROP SEQUENCE bench_ids")
  site.remove()
}
