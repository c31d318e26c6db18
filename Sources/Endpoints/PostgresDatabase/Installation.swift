import Changes
import Migrations
import Postgres

/// What `attach` has recorded in the database, and whether it still holds.
struct Installation: Sendable {
  struct Captured: Sendable {
    var relation: Int64
    /// The table's name as the configuration wrote it.
    var name: String
    /// Why its changes may have gone unseen; nil if its triggers are as `attach` made them.
    var fault: String?
  }

  enum Mode: String, Sendable { case trigger, wal }

  /// Which life of the database and of capture in it this is: the cluster, its timeline, the database and the row made
  /// by `attach`. After a failover, a restored dump, a new `attach` or a change that a lenient trigger could not capture it
  /// is another one.
  var epoch: String
  /// How many statements lenient triggers could not capture.
  var shed: Int64
  var captured: [Captured]
  /// How the tables are captured. All of them alike: their changes have one commit order.
  var mode: Mode
  /// Since when, in the write-ahead log: what was written before was captured in the other mode.
  var since: LSN
  /// Of `wal`; nil where there is none.
  var slot: WALSlot?
  /// What the outbox may keep; nil: no limit.
  var budget: Budget?
  /// Whether it was made in another database and came here in a dump or a copy. What it says is about that one.
  var isCopy: Bool
  /// Where a capture that has seen nothing begins.
  var start: Position

  /// The captured tables' names by their oids.
  func endpoints(of system: String) -> [Int64: EndpointName] {
    Dictionary(captured.map { ($0.relation, EndpointName(system: system, name: $0.name)) }) { first, _ in first }
  }

  static func exists(_ session: PostgresSession) throws -> Bool {
    // Looking for a name in a schema that the role may not use is an error.
    try session.first(
      """
      SELECT CASE WHEN has_schema_privilege(to_regnamespace('tidemark'), 'USAGE')
        THEN to_regclass('tidemark.migrations') IS NOT NULL END
      """
    ) { $0.bool(0) } ?? false
  }

  /// Nil where capture is not installed, or not as this version needs it.
  /// - Throws: `PostgresError`; on a standby the state for "recovery is in progress", which writes the same there.
  static func load(_ session: PostgresSession) throws -> Installation? {
    guard try exists(session), try isCurrent(session) else { return nil }
    let life = try session.first(
      """
      SELECT \(epochSQL), i.mode, i.since, CASE WHEN shed.is_called THEN shed.last_value ELSE 0 END, i.budget,
        i.budget_age, \(isCopySQL)
      FROM \(lifeSQL)
      """
    ) {
      (
        epoch: $0.string(0), mode: Mode(rawValue: $0.string(1)), since: LSN($0.string(2)), shed: $0.integer(3),
        bytes: $0.isNull(4) ? nil : $0.integer(4), age: $0.isNull(5) ? nil : $0.integer(5), isCopy: $0.bool(6)
      )
    }
    guard let life, let mode = life.mode else { return nil }
    let slot = mode == .wal ? try WALSlot.load(session) : nil
    let place = mode == .wal ? WALPlace(through: slot?.confirmed ?? .zero).text : OutboxPlace().text
    return Installation(
      epoch: life.epoch, shed: life.shed, captured: try captured(session), mode: mode,
      since: life.since ?? .zero, slot: slot,
      budget: life.bytes == nil && life.age == nil
        ? nil : Budget(bytes: life.bytes, age: life.age.map { .seconds($0) }),
      isCopy: life.isCopy,
      start: Position(epoch: life.epoch, place: place))
  }

  // The timeline from the file name of the WAL: the control file's is that of the last checkpoint.
  private static let epochSQL = """
    s.system_identifier || '-' || ltrim(substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8), '0')
      || '-' || d.oid || '-' || i.id || CASE WHEN shed.is_called THEN '-' || shed.last_value ELSE '' END
    """
  private static let isCopySQL = "i.database <> s.system_identifier || '-' || d.oid"
  private static let lifeSQL = """
    pg_control_system() s JOIN pg_database d ON d.datname = current_database(), tidemark.installation i, tidemark.shed
    """

  /// Whether the row of an outbox that is there belongs to the life `epoch`; a fraction of what `load` costs.
  static func isEpoch(_ epoch: String, _ session: PostgresSession) throws -> Bool {
    try session.first("SELECT \(epochSQL) = $1 FROM \(lifeSQL)", [.text(epoch)]) { $0.bool(0) } ?? false
  }

  /// Whether an installation that exists came here in a dump or a copy of another database.
  static func isCopy(_ session: PostgresSession) throws -> Bool {
    try session.first("SELECT \(isCopySQL) FROM \(lifeSQL)") { $0.bool(0) } ?? false
  }

  private static func isCurrent(_ session: PostgresSession) throws -> Bool {
    let newest = try session.first("SELECT max(number) FROM tidemark.migrations") { $0.integer(0) } ?? 0
    return newest >= Migrations.postgres.map(\.number).max() ?? 0
  }

  private static func captured(_ session: PostgresSession) throws -> [Captured] {
    try session.all(
      """
      SELECT c.relation, c.name, t.oid IS NULL, tidemark.signature(c.relation) <> c.signature,
        tidemark.key_columns(c.relation) IS DISTINCT FROM c.key,
        t.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = t.oid)
          OR EXISTS (SELECT FROM pg_inherits WHERE inhrelid = t.oid) AND EXISTS (
            SELECT FROM pg_trigger WHERE tgrelid = t.oid AND tgname = 'tidemark_insert' AND tgtype & 1 = 0),
        i.mode = 'trigger' AND EXISTS (
          SELECT FROM pg_partition_tree(t.oid) p WHERE p.relid <> t.oid AND 4 <> (
            SELECT count(*) FROM pg_trigger g JOIN pg_trigger own ON own.tgrelid = t.oid AND own.tgname = g.tgname
            WHERE g.tgrelid = p.relid AND g.tgfoid = own.tgfoid AND g.tgenabled = 'A' AND g.tgtype & 1 = 1))
      FROM tidemark.installation i, tidemark.captured c LEFT JOIN pg_class t ON t.oid = c.relation ORDER BY c.name
      """
    ) { row in
      let fault: String? =
        if row.bool(2) {
          "the table was dropped"
        } else if row.bool(3) {
          "what captures it (triggers, or the publication with its replica identity) was dropped, disabled or replaced"
        } else if row.bool(4) {
          "its primary key was changed"
        } else if row.bool(5) {
          "it inherits from another table now, or another one from it"
        } else if row.bool(6) {
          "the triggers of a partition were dropped or disabled"
        } else {
          nil
        }
      return Captured(relation: row.integer(0), name: row.string(1), fault: fault)
    }
  }

  /// Why nothing can be captured at all; nil if all is well.
  var fault: String? {
    if isCopy {
      return "the database is a restored dump, a copy or an upgrade of the one that capture was attached to"
    }
    guard mode == .wal else { return nil }
    guard let slot else {
      return "there is no replication slot: it was dropped, or a standby without it has taken over"
    }
    return slot.fault
  }
}
