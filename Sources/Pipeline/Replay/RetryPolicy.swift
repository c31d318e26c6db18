import Changes

/// When a change that failed is tried again, and when it is given up.
package struct RetryPolicy: Sendable {
  /// Attempts made at once, holding the lane, before the change is set aside so that other records go on.
  package var attemptsInLane = 3
  /// Attempts in all before a change becomes a dead letter: with the pauses below that is about half a day.
  package var attempts = 20
  package var firstPause = Duration.milliseconds(100)
  package var longestPause = Duration.seconds(3600)
  /// An end that is down is asked again at least this often, so that recovery is noticed soon.
  package var longestOutagePause = Duration.seconds(15)

  package init() {}

  /// The pause before the attempt that follows `attempt` (from 1): doubling, with full jitter so that many records
  /// that failed together do not come back together (Amazon Builders' Library, "Timeouts, retries and backoff with
  /// jitter"). What the other side asked for is never undercut.
  func pause(after attempt: Int, longest: Duration, asked: Duration?) -> Duration {
    let doubled = attempt < 32 ? min(firstPause * (1 << (attempt - 1)), longest) : longest
    let jittered = doubled * Double.random(in: 0.5...1)
    return max(jittered, asked ?? .zero)
  }

  func due(after attempt: Int, asked: Duration?) -> Timestamp {
    Timestamp.now.advanced(by: pause(after: attempt, longest: longestPause, asked: asked))
  }
}
