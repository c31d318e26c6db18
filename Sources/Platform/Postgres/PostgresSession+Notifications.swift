import CPostgres
import Glibc

extension PostgresSession {
  /// Waits until a channel that the session listens to (`LISTEN`) is notified.
  /// - Returns: whether it was since the last call; all notifications that have arrived count as one.
  /// - Throws: `PostgresError` where the connection is lost.
  package func waitForNotification(atMost patience: Duration) throws(PostgresError) -> Bool {
    // One may have come along with the answer to a statement.
    if takeNotifications() { return true }
    var wanted = pollfd(fd: unsafe PQsocket(handle.pointer), events: Int16(POLLIN), revents: 0)
    guard unsafe poll(&wanted, 1, Int32(clamping: Int64((patience / .milliseconds(1)).rounded(.up)))) > 0 else {
      return false
    }
    guard unsafe PQconsumeInput(handle.pointer) == 1 else {
      throw PostgresError(sqlState: PostgresError.lost, message: handle.message)
    }
    return takeNotifications()
  }

  private func takeNotifications() -> Bool {
    var isNotified = false
    while let notification = unsafe PQnotifies(handle.pointer) {
      isNotified = true
      unsafe PQfreemem(notification)
    }
    return isNotified
  }
}
