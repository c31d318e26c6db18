import Capture
import Changes
import Connectors
import Replay
import Verify

/// Tells when everything that was committed at the ends of a link is in the log, in the process that captures.
struct CaptureWatch: Sendable {
  private static let look = Duration.milliseconds(20)

  let assembly: Assembly
  let progress: CaptureProgress

  /// Objects are listed at once for it, instead of at their next turn.
  /// - Returns: false if it could not be told before the deadline.
  func isCaptured(_ link: Link, before deadline: ContinuousClock.Instant) async throws -> Bool {
    let asked = ContinuousClock.now
    let directions = assembly.directions(of: link.name)
    if directions.contains(.pull) { assembly.objects[link.remote.name]?.wake() }
    let sources = directions.map { source(of: $0, link) }
    while !progress.isComplete(sources, asOf: asked) {
      guard ContinuousClock.now < deadline else { return false }
      try await Task.sleep(for: Self.look)
    }
    return true
  }

  func witness(of link: Link) -> CaptureWitness {
    { deadline in try await isCaptured(link, before: deadline) }
  }

  private func source(of direction: Direction, _ link: Link) -> SourceName {
    let end = link[direction.source].name
    let isOwn = direction == .pull || assembly.polledTables.contains(end)
    return isOwn ? SourceName(of: end) : SourceName(end.system)
  }
}
