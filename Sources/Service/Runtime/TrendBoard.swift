import Changes
import Server
import Synchronization

/// How the ways of links went of late, for the status page: written by `Upkeep`, shown in the status.
final class TrendBoard: Sendable {
  /// Three minutes, as wide as a sparkline is.
  private static let samples = 90
  private static let every = Duration.seconds(2)
  private static let rateSpan = 30

  private struct Sample {
    let lag: Double
    let delivered: Int64
    let at: ContinuousClock.Instant
  }

  private let latest = Mutex<[String: [Sample]]>([:])

  /// Takes a sample of one direction of a link; more often than every two seconds it is not noted.
  func note(_ link: LinkName, _ direction: Direction, lag: Double, delivered: Int64) {
    let now = ContinuousClock.now
    latest.withLock { latest in
      var samples = latest["\(link) \(direction)"] ?? []
      if let last = samples.last, now - last.at < Self.every { return }
      samples.append(Sample(lag: lag, delivered: delivered, at: now))
      latest["\(link) \(direction)"] = Array(samples.suffix(Self.samples))
    }
  }

  func trend(_ link: LinkName, _ direction: Direction) -> StatusReport.Trend? {
    let samples = latest.withLock { $0["\(link) \(direction)"] ?? [] }
    guard let last = samples.last else { return nil }
    let from = samples.suffix(Self.rateSpan).first ?? last
    let seconds = (last.at - from.at) / .seconds(1)
    return StatusReport.Trend(
      every: Self.every / .seconds(1), lagSeconds: samples.map { ($0.lag * 10).rounded() / 10 },
      deliveredPerSecond: seconds > 0 ? Double(last.delivered - from.delivered) / seconds : nil)
  }
}
