package import Changes
import Postgres

extension PostgresDatabase {
  package func vitals() async throws -> DatabaseVitals {
    let budget = budget
    return try await reading.run { session in
      var vitals = DatabaseVitals(oldestTransaction: try Self.oldestTransaction(session))
      guard try Installation.exists(session) else { return vitals }
      // Counting a full outbox would cost the database a scan each time: many are told as its statistics have them.
      let outbox = try session.first(
        """
        SELECT CASE WHEN few.number < 100000 THEN few.number ELSE greatest(few.number, c.reltuples::bigint) END,
          pg_total_relation_size(c.oid), pg_relation_size(c.oid)
        FROM (SELECT count(*) AS number FROM (SELECT FROM tidemark.outbox LIMIT 100000) first_rows) few,
          pg_class c WHERE c.oid = 'tidemark.outbox'::regclass
        """
      ) { (changes: $0.integer(0), bytes: $0.integer(1), rows: $0.integer(2)) }
      vitals.outboxChanges = outbox?.changes ?? 0
      vitals.retainedBytes = outbox?.bytes ?? 0
      vitals.safeBytes = budget?.bytes.map { max(0, $0 - (outbox?.rows ?? 0)) }
      if let slot = try WALSlot.load(session) {
        vitals.retainedBytes += slot.retainedBytes
        vitals.safeBytes = [slot.safeBytes, budget?.bytes.map { max(0, $0 - slot.retainedBytes) }].compactMap { $0 }
          .min()
      }
      return vitals
    }
  }

  /// The outbox lets changes go by itself. Of the write-ahead log all is let go that was not read: the slot moves on. What
  /// open transactions need stays until they end.
  package func letGo(after standstill: Duration) async throws -> Int64? {
    guard let budget, let slot = try await reading.run({ try WALSlot.load($0) }), slot.fault == nil,
      slot.unreadBytes > budget.bytes ?? .max
        || (slot.unreadBytes > 0 && budget.age.map { standstill > $0 } ?? false)
    else { return nil }
    try await wal.letGo()
    return slot.unreadBytes
  }

  /// The query of a session is not told: it may hold values.
  private static func oldestTransaction(_ session: PostgresSession) throws -> OpenTransaction? {
    try session.first(
      """
      SELECT (extract(epoch FROM clock_timestamp() - since) * 1000)::bigint, holder
      FROM (
        SELECT xact_start AS since, format('pid %s (%s)', pid, coalesce(nullif(application_name, ''), usename)) AS holder
        FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND datname = current_database()
        UNION ALL
        SELECT prepared, format('prepared transaction %s', quote_literal(gid))
        FROM pg_prepared_xacts WHERE database = current_database()
      ) open ORDER BY since LIMIT 1
      """
    ) { OpenTransaction(age: .milliseconds($0.integer(0)), holder: $0.string(1)) }
  }
}
