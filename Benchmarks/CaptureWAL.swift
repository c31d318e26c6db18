import Foundation

/// A slot's content → log, against pg_recvlogical on a copy of the same slot. Both are timed from the start of their
/// process to the last change, and get the same messages of the same plugin.
func measureWAL(_ place: Workplace, _ report: (Figure) -> Void) async throws {
  for size in [1, 10, 1000] {
    let shop = Shop(place)
    try await shop.make()
    let site = try Site(place, database: place.postgres, capture: "wal")
    try site.command("attach")
    let template = "bench_template"
    do {
      try await site.begin()
      let slot = try await shop.text("SELECT slot_name FROM pg_replication_slots WHERE plugin = 'pgoutput'")
      try await shop.copySlot(slot, to: template)
      try await shop.fill(place.changes, transactionsOf: size)
      let reading = WALReading(place: place, shop: shop, site: site, slot: slot, template: template)
      try await reading.measure("capture.wal.tx\(size)", report)
    } catch {
      try? await shop.dropSlot(template)
      throw error
    }
    try await shop.dropSlot(template)
    try site.command("detach")
    site.remove()
  }
}

private struct WALReading {
  let place: Workplace
  let shop: Shop
  let site: Site
  let slot: String
  let template: String

  func measure(_ name: String, _ report: (Figure) -> Void) async throws {
    let end = try await shop.text("SELECT pg_current_wal_insert_lsn()")
    var own: [(rate: Double, usage: Usage)] = []
    var limit: [(rate: Double, usage: Usage)] = []
    for _ in 0..<place.runs {
      limit.append(try await receive(until: end))
      own.append(try await capture())
    }
    let changes = Double(place.changes)
    report(Figure("\(name).pg_recvlogical.rate", median: limit.map(\.rate), "changes/s"))
    report(Figure("\(name).rate", median: own.map(\.rate), "changes/s"))
    report(Figure("\(name).rate_ratio", median: zip(own, limit).map { $0.rate / $1.rate }, "", .atLeast(1.2)))
    report(
      Figure("\(name).pg_recvlogical.cpu", median: limit.map { $0.usage.processor / changes * 1e6 }, "µs/change"))
    report(Figure("\(name).cpu", median: own.map { $0.usage.processor / changes * 1e6 }, "µs/change"))
    report(
      Figure(
        "\(name).cpu_ratio", median: zip(own, limit).map { $0.usage.processor / $1.usage.processor }, "", .atMost(1)))
    report(Figure("\(name).peak_memory", median: own.map { $0.usage.peakMemory / 1_048_576 }, "MiB", .atMost(64)))
  }

  private func receive(until end: String) async throws -> (rate: Double, usage: Usage) {
    let name = "bench_limit"
    try await shop.copySlot(template, to: name)
    let (seconds, usage) = try await timed {
      try Program(
        "\(place.programs)/pg_recvlogical",
        [
          "-d", place.postgres, "--slot", name, "--start", "-o", "proto_version=1", "-o", "publication_names=tidemark",
          "-o", "messages=true", "--endpos", end, "--no-loop", "-f", "/dev/null",
        ], scratch: place.folder
      ).end()
    }
    try await shop.dropSlot(name)
    return (Double(place.changes) / seconds, usage)
  }

  private func capture() async throws -> (rate: Double, usage: Usage) {
    try await shop.dropSlot(slot)
    try await shop.copySlot(template, to: slot)
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
}

/// What reading the WAL leaves a busy writer, against what pg_recvlogical leaves it.
func measureWALWriter(_ place: Workplace, _ report: (Figure) -> Void) async throws {
  let shop = Shop(place)
  let rows = 10_000
  try await shop.make(rows: rows)
  let site = try Site(place, database: place.postgres, capture: "wal")
  try site.command("attach")
  try await site.begin()
  let update = Shop.update(Site.table, rows: rows)
  var alone: [Double] = []
  var received: [Double] = []
  var captured: [Double] = []
  for _ in 0..<place.runs {
    alone.append(try shop.transactions(update, clients: 4))
    let service = try await site.run().service
    captured.append(try shop.transactions(update, clients: 4))
    service.stop()
    // A slot of its own that begins here; the product's slot waits meanwhile.
    try await shop.execute("SELECT pg_create_logical_replication_slot('bench_limit', 'pgoutput')")
    let receiver = try Program(
      "\(place.programs)/pg_recvlogical",
      [
        "-d", place.postgres, "--slot", "bench_limit", "--start", "-o", "proto_version=1", "-o",
        "publication_names=tidemark", "-f", "/dev/null",
      ], scratch: place.folder)
    received.append(try shop.transactions(update, clients: 4))
    receiver.stop()
    try await shop.dropSlot("bench_limit")
  }
  try site.command("detach")
  site.remove()
  report(Figure("capture.writer.alone", median: alone, "transactions/s"))
  report(Figure("capture.writer.pg_recvlogical", median: received, "transactions/s"))
  report(Figure("capture.writer.wal", median: captured, "transactions/s"))
  report(
    Figure("capture.writer.wal_ratio", median: zip(captured, received).map { $0 / $1 }, "", .atLeast(0.97)))
}
