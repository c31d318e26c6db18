import Postgres

/// What a configuration says about the triggers of a database.
struct TriggerSettings: Sendable {
  /// Triggers that fail let the application's statement pass.
  var isLenient: Bool
  /// Commits notify the reader.
  var isNotified: Bool
}

/// The trigger of the outbox that notifies whoever listens, where that was asked for.
extension CaptureTriggers {
  /// What makes it: always on, as the triggers that write to the outbox.
  static let notifying = [
    "CREATE TRIGGER tidemark_notify AFTER INSERT ON tidemark.outbox"
      + " FOR EACH STATEMENT EXECUTE FUNCTION tidemark.notify()",
    "ALTER TABLE tidemark.outbox ENABLE ALWAYS TRIGGER tidemark_notify",
  ]

  /// What takes it away.
  static let silencing = ["DROP TRIGGER tidemark_notify ON tidemark.outbox"]

  static func isNotified(_ session: PostgresSession) throws -> Bool {
    try session.first(
      """
      SELECT EXISTS (
        SELECT FROM pg_trigger WHERE tgrelid = to_regclass('tidemark.outbox') AND tgname = 'tidemark_notify')
      """
    ) { $0.bool(0) } ?? false
  }
}
