import Synchronization

/// Wakes one waiter early. A ring with nobody waiting is kept for the next.
final class Bell: Sendable {
  private struct State {
    var isRung = false
    var waiter: CheckedContinuation<Bool, Never>?
  }
  private let state = Mutex(State())

  func ring() {
    let waiter = state.withLock { state in
      defer { state.waiter = nil }
      if state.waiter == nil { state.isRung = true }
      return state.waiter
    }
    waiter?.resume(returning: true)
  }

  /// Takes a ring that nobody waited for.
  func take() -> Bool {
    state.withLock { state in
      defer { state.isRung = false }
      return state.isRung
    }
  }

  /// - Returns: whether it rang before `duration` was over. Also returns when the task is cancelled.
  func wait(atMost duration: Duration) async -> Bool {
    let timer = Task {
      guard (try? await Task.sleep(for: duration)) != nil else { return }
      giveUp()
    }
    defer { timer.cancel() }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isOver = state.withLock { state in
          if state.isRung || Task.isCancelled { return true }
          state.waiter = continuation
          return false
        }
        if isOver { continuation.resume(returning: take()) }
      }
    } onCancel: {
      giveUp()
    }
  }

  private func giveUp() {
    let waiter = state.withLock { state in
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume(returning: false)
  }
}
