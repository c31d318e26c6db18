/// What can be wrong with a log as a whole.
package enum LogError: Error, Sendable, CustomStringConvertible {
  /// Another process writes this log.
  case inUse(path: String, holder: String)
  /// There is no log at the path.
  case missing(path: String)
  /// A newer Tidemark made it.
  case tooNew(path: String, migration: Int, known: Int)
  /// A commit did not become durable. Everything since is undone; whoever writes starts again from the watermarks.
  case commitFailed(String)

  package var description: String {
    switch self {
    case .inUse(let path, let holder):
      """
      the log \(path) is already being written by \(holder); one service at a time writes a log. \
      Stop that one first, or give this one a log of its own.
      """
    case .missing(let path):
      "there is no log at \(path); `tidemark run` makes it."
    case .tooNew(let path, let migration, let known):
      "the log \(path) has migration \(migration), this Tidemark knows \(known); use the version that made it or a newer one."
    case .commitFailed(let reason):
      "the log could not make a transaction durable, nothing of it counts: \(reason)"
    }
  }
}
