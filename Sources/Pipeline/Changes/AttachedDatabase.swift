/// A database whose tables are endpoints and whose capture is one source: its changes are in one commit order. Tables that
/// are polled are not part of it.
package protocol AttachedDatabase: ChangeSource {
  /// Looks at the tables and at what the role may do, and changes nothing.
  /// - Returns: everything that stands in the way of capturing and applying, each with its remedy. Empty: all is well.
  /// - Throws: only if the database cannot be reached.
  func check(_ tables: [String]) async throws -> [Finding]

  /// The statements that `attach` would run now, in order. Empty when everything is in place.
  func attachPlan(_ tables: [String]) async throws -> [String]

  /// The tables whose changes are found by polling, and how. Each is a source of its own, made of its `PolledTable`;
  /// nothing is installed for it.
  var polling: [String: PollSettings] { get }

  /// A table of `polling` as polling reads it.
  func polledTable(_ name: String) -> any PolledTable

  /// Installs capture on `tables` and takes it off every other table, in one transaction. Doing it twice changes nothing.
  func attach(_ tables: [String]) async throws

  /// Since when each captured table is captured without a break, as a word by its name in the configuration: another
  /// word after the table was left out for a while. Tables that are polled are not among them.
  func captureLives() async throws -> [String: String]

  /// The statements that `detach` would run now, in order. Empty when nothing is installed.
  func detachPlan() async throws -> [String]

  /// Removes every trace. Doing it twice changes nothing.
  func detach() async throws

  /// The tables that could be linked, as configurations write them: those that are not Tidemark's or the database's own.
  func tables() async throws -> [String]

  /// The table as an endpoint. `name` is as the configuration writes it, with or without a schema.
  /// - Throws: `Failure` if there is no such table, or it has no key to tell its records by.
  func table(_ name: String) async throws -> any ChangeTarget

  /// The table's columns as it has them now, in its order.
  /// - Throws: `Failure` if there is no such table.
  func columns(of table: String) async throws -> [String]

  /// The columns that tell the table's records apart, in key order.
  /// - Throws: `Failure` if there is no such table, or it has no key.
  func keyColumns(of table: String) async throws -> [String]

  /// The index without which a row is found by the values of these columns only by reading all of a large table, as SQL;
  /// nil where there is one, or the table is small.
  /// - Throws: `Failure` if there is no such table.
  func indexAdvice(for columns: [String], of table: String) async throws -> String?

  /// Why the condition of the table's restriction cannot tell its rows, in the database's words; nil if it can, or the
  /// table has none.
  func conditionFault(of table: String) async throws -> String?

  /// Lets the database forget changes that capture has not read, where it keeps more of them than its budget. What goes
  /// unseen by that shows as a gap.
  /// - Parameter standstill: how long capture has stood still.
  /// - Returns: how many bytes it kept; nil where it may keep them.
  func letGo(after standstill: Duration) async throws -> Int64?

  /// What capture has waiting inside the database and what holds it back.
  func vitals() async throws -> DatabaseVitals
}

/// How changes are captured at a database.
package enum CaptureMode: String, Sendable, CaseIterable {
  /// The best that the database and the role allow.
  case auto
  /// From the write-ahead log (PostgreSQL).
  case wal
  /// By triggers that write to an outbox.
  case trigger
  /// By asking for what changed, now and then.
  case poll
}

/// Something `check` found.
package struct Finding: Sendable, Hashable {
  package enum Severity: String, Sendable { case error, warning }
  package var severity: Severity
  /// The table, role or setting it is about.
  package var subject: String
  package var message: String
  /// What to do: exact SQL where there is some.
  package var remedy: String?

  package init(_ severity: Severity, _ subject: String, _ message: String, remedy: String? = nil) {
    self.severity = severity
    self.subject = subject
    self.message = message
    self.remedy = remedy
  }
}

/// How capture stands inside an attached database.
package struct DatabaseVitals: Sendable, Hashable {
  /// Changes in the outbox that were not released yet.
  package var outboxChanges: Int64
  /// Bytes the database keeps for changes that are not in the log yet: the outbox, or write-ahead log.
  package var retainedBytes: Int64
  /// How many more bytes the database will keep before changes are let go: by its budget, or by the limit the server has
  /// for the slot. Nil: no limit.
  package var safeBytes: Int64?
  /// When changes will be let go if it goes on as it does; nil where that is not in sight.
  package var fullIn: Duration?
  /// The oldest open transaction that writes; nil where there is none or the database cannot tell.
  package var oldestTransaction: OpenTransaction?

  package init(
    outboxChanges: Int64 = 0, retainedBytes: Int64 = 0, safeBytes: Int64? = nil,
    oldestTransaction: OpenTransaction? = nil
  ) {
    self.outboxChanges = outboxChanges
    self.retainedBytes = retainedBytes
    self.safeBytes = safeBytes
    self.oldestTransaction = oldestTransaction
  }
}

/// A transaction that has not ended: space behind it cannot be reclaimed.
package struct OpenTransaction: Sendable, Hashable {
  package var age: Duration
  /// Whose it is, for a person: `pid 4711 (psql)`, or a prepared transaction's name.
  package var holder: String

  package init(age: Duration, holder: String) {
    self.age = age
    self.holder = holder
  }
}
