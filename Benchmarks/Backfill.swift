import Foundation

/// A PostgreSQL table → log, against the server writing out the same table with COPY. Both are timed from the start of
/// their process to its end.
func measureBackfill(_ place: Workplace, _ report: (Figure) -> Void) async throws {
  let shop = Shop(place)
  try await shop.make(rows: place.changes)
  let rows = Double(place.changes)
  var copied: [Double] = []
  var own: [(rate: Double, usage: Usage)] = []
  for _ in 0..<place.runs {
    let copy = try await timed {
      try Program(
        "\(place.programs)/psql", ["-X", "-q", "-d", place.postgres, "-c", "COPY \(Site.table) TO STDOUT"],
        scratch: place.folder
      ).end()
    }
    copied.append(rows / copy.seconds)
    // A log of its own each time: the table is read whole.
    let site = try Site(place, database: place.postgres, capture: "trigger")
    let backfill = try await timed { try site.command("backfill", "items", "--log-only") }
    own.append((rows / backfill.seconds, backfill.result))
    site.remove()
  }
  report(Figure("backfill.copy.rate", median: copied, "rows/s"))
  report(Figure("backfill.rate", median: own.map(\.rate), "rows/s"))
  report(Figure("backfill.rate_ratio", median: zip(own, copied).map { $0.rate / $1 }, "", .atLeast(0.4)))
  report(Figure("backfill.cpu", median: own.map { $0.usage.processor / rows * 1e6 }, "µs/row"))
  report(Figure("backfill.peak_memory", median: own.map { $0.usage.peakMemory / 1_048_576 }, "MiB", .atMost(64)))
}
