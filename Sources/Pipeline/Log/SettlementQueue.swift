import Synchronization

/// Gathers settlements and intents that arrive while a commit is under way, so that they share the next one (a group commit).
///
/// One of those who wait leads: it commits for all that gathered, then the one that has waited longest leads next.
/// Joining happens without a suspension, so the order of calls is the order of commits.
final class SettlementQueue: Sendable {
  enum Turn { case lead, committed }

  enum Entry: Sendable {
    case settlement(Settlement)
    case intent(Intent)
  }

  struct Member {
    let entry: Entry
    let continuation: CheckedContinuation<Turn, any Error>
  }

  private struct State {
    var members: [Member] = []
    var isCommitting = false
    var term = 0
  }

  private let state = Mutex(State())

  var term: Int { state.withLock { $0.term } }

  /// Waits until the entry is committed, or it is the caller's turn to commit for the group.
  nonisolated(nonsending) func join(_ entry: Entry, term: Int) async throws -> Turn {
    try await withCheckedThrowingContinuation { continuation in
      let isCurrent = state.withLock { state in
        guard state.term == term else { return false }
        state.members.append(Member(entry: entry, continuation: continuation))
        if !state.isCommitting { Self.handOver(&state) }
        return true
      }
      if !isCurrent { continuation.resume(throwing: LogError.commitFailed("an earlier transaction failed")) }
    }
  }

  func takeGroup() -> [Member] {
    state.withLock { state in
      defer { state.members = [] }
      return state.members
    }
  }

  func succeed(_ group: [Member]) {
    for member in group { member.continuation.resume(returning: .committed) }
    state.withLock { Self.handOver(&$0) }
  }

  /// A later settlement must not move a watermark past one that failed: all of this term fail with it.
  func fail(_ group: [Member], with failure: LogError) {
    let late = state.withLock { state in
      defer { state.members = [] }
      state.term += 1
      state.isCommitting = false
      return state.members
    }
    for member in group + late { member.continuation.resume(throwing: failure) }
  }

  private static func handOver(_ state: inout State) {
    state.isCommitting = !state.members.isEmpty
    if state.isCommitting { state.members.removeFirst().continuation.resume(returning: .lead) }
  }
}
