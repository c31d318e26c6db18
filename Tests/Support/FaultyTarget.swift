package import Changes
package import JSON
import Synchronization

/// A target whose n-th apply fails: before its work (nothing happened) or after it (the answer is lost).
package final class FaultyTarget: ChangeTarget {
  private let target: any ChangeTarget
  private let steps: Mutex<(left: Int, hasFailed: Bool)>

  /// - Parameter failingAtStep: from 1; odd steps fail before the work of an apply, even ones after it.
  package init(_ target: any ChangeTarget, failingAtStep step: Int) {
    self.target = target
    steps = Mutex((step, false))
  }

  package var hasFailed: Bool { steps.withLock { $0.hasFailed } }

  package func apply(_ writes: [Write]) async -> [Outcome] {
    if failsNow() { return writes.map { _ in .retry(Self.failure, after: nil) } }
    let outcomes = await target.apply(writes)
    return failsNow() ? writes.map { _ in .unknown(Self.failure) } : outcomes
  }

  package func records(_ keys: [RecordKey]) async throws -> [RecordKey: Record] { try await target.records(keys) }
  package func find(_ match: JSONObject) async throws -> [Record] { try await target.find(match) }
  package func chunk(from position: Position?, limit: Int) async throws -> Chunk {
    try await target.chunk(from: position, limit: limit)
  }

  private func failsNow() -> Bool {
    steps.withLock { state in
      state.left -= 1
      if state.left == 0 { state.hasFailed = true }
      return state.left == 0
    }
  }

  private static let failure = Failure(code: "test.fault", message: "a fault made by the test")
}
