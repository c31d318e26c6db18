import Foundation
import Glibc

/// From the moment a commit has returned to the writer until its change is durable in the log, at 2,000 changes/s.
func measureCommitToLog(_ place: Workplace, _ report: (Figure) -> Void) async throws {
  let shop = Shop(place)
  report(Figure("capture.commit.fdatasync", median: try syncs(place), "calls/s"))
  for mode in ["wal", "trigger"] {
    try await shop.make(rows: 500)
    let site = try Site(place, database: place.postgres, capture: mode)
    try site.command("attach")
    let service = try await site.run().service
    let delays = try await delays(site, count: 2000 * place.seconds) { count in
      try await shop.commits(count, every: .microseconds(500))
    }
    service.stop()
    try site.command("detach")
    site.remove()
    report(Figure("capture.commit.\(mode).rate", delays.rate, "changes/s"))
    report(Figure("capture.commit.\(mode).p50", delays.milliseconds.quantile(0.5), "ms", .atMost(5)))
    report(Figure("capture.commit.\(mode).p99", delays.milliseconds.quantile(0.99), "ms", .atMost(25)))
  }
}

/// Commits, and how long after its commit each change was seen in the log. One writer: the n-th commit is the n-th
/// change. A change that was seen before its writer knew of the commit counts as zero.
func delays(
  _ site: Site, count: Int, _ commit: @escaping @Sendable (Int) async throws -> [Commit]
) async throws -> (milliseconds: [Double], rate: Double) {
  let reader = try await site.reader()
  try await reader.waitForBeginning()
  try await Task.sleep(for: .seconds(1))
  async let seen = reader.arrivals(of: count)
  try await Task.sleep(for: .milliseconds(100))
  let commits = try await commit(count)
  let arrivals = try await seen
  guard arrivals.count >= count, let first = commits.first, let last = commits.last else {
    throw Failed(description: "\(arrivals.count) of \(count) changes were captured")
  }
  return (
    zip(commits, arrivals).map { max(0, ($1 - $0.instant).milliseconds) },
    Double(count) / (last.instant - first.instant).seconds
  )
}

/// What the disk can do at most: a page is appended and synced, over and over, for a second a run.
func syncs(_ place: Workplace) throws -> [Double] {
  let path = "\(place.folder)/\(UUID().uuidString)"
  let file = open(path, O_CREAT | O_WRONLY, 0o600)
  guard file >= 0 else { throw Failed(description: "\(path) cannot be written") }
  defer {
    close(file)
    unlink(path)
  }
  let page = [UInt8](repeating: 1, count: 4096)
  return (0..<place.runs).map { _ in
    let started = ContinuousClock.now
    var calls = 0.0
    while ContinuousClock.now - started < .seconds(1) {
      write(file, page, page.count)
      fdatasync(file)
      calls += 1
    }
    return calls / (ContinuousClock.now - started).seconds
  }
}
