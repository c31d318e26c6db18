package import Changes
import SQLite

extension ChangeLog {
  /// The last sequence that entered the log before `time` by this machine's clock.
  /// - Returns: nil if the log does not reach back so far any more: what entered it since `time` is not all there.
  package func sequence(before time: Timestamp) async throws -> LogSequence? {
    try await reader.transaction(.deferred) { session in
      let before = try session.first(
        "SELECT last_sequence FROM blocks WHERE appended_at < ? ORDER BY appended_at DESC, first_sequence DESC LIMIT 1",
        [.integer(time.microseconds)]
      ) { LogSequence($0.integer(0)) }
      if let before { return before }
      let first = try session.first("SELECT min(first_sequence) FROM blocks") { $0.isNull(0) ? nil : $0.integer(0) }
      let end = try session.first("SELECT last_sequence FROM log_end") { $0.integer(0) } ?? 0
      return (first ?? nil) == 1 || end == 0 ? .start : nil
    }
  }

  /// The first sequence the log still holds; the next one it will hand out where it holds none.
  package func beginning() async throws -> LogSequence {
    try await reader.run { session in
      let first = try session.first(
        "SELECT ifnull((SELECT min(first_sequence) FROM blocks), last_sequence + 1) FROM log_end"
      ) { $0.integer(0) }
      return LogSequence(first ?? 1)
    }
  }
}
