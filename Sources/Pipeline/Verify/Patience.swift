import Changes

/// Asks an end again that cannot be read for a moment: it is locked, limited, or out of reach.
struct Patience: Sendable {
  private static let pause = Duration.milliseconds(250)

  /// How long an end may give no answer at all. What it asks for itself (`Retry-After`) is waited for besides.
  let longest: Duration

  /// - Throws: what `read` throws last, once patience is over; at once a `Failure`, which another try would not change.
  func reading<Result: Sendable>(_ read: () async throws -> Result) async throws -> Result {
    var deadline = ContinuousClock.now + longest
    while true {
      do {
        return try await read()
      } catch let error as CancellationError {
        throw error
      } catch let failure as Failure {
        throw failure
      } catch {
        let asked = (error as? EndUnavailable)?.after
        deadline += asked ?? .zero
        guard ContinuousClock.now + (asked ?? Self.pause) < deadline else { throw error }
        try await Task.sleep(for: asked ?? Self.pause)
      }
    }
  }
}
