import Changes
import Synchronization

/// How the databases were when they were last looked at: written by `Upkeep`, shown in the status.
final class VitalsBoard: Sendable {
  private let latest = Mutex<[String: DatabaseVitals]>([:])

  subscript(database: String) -> DatabaseVitals? {
    get { latest.withLock { $0[database] } }
    set { latest.withLock { $0[database] = newValue } }
  }
}
