import Changes
import JSON
import ODBC
import YAML

/// What a manifest, or a connector's own `objects`, says about the tables of a database.
struct SQLRules: Sendable {
  /// How the driver takes text; nil: as is known of it.
  var text: ODBCText?
  /// `*` stands for every table without rules of its own.
  var tables: [String: SQLTableRules]
}

/// How one table is read and written.
struct SQLTableRules: Hashable, Sendable {
  /// How it is found out what changed.
  enum Changes: Hashable, Sendable {
    /// Everything is read and compared with what was told.
    case compare
    /// A column that grows with each change of a row: a time or a number.
    case cursor(column: String)
    /// SQL Server's rowversion.
    case rowversion(column: String)
  }

  /// In which zone times without one are meant.
  enum Zone: String, Hashable, Sendable, CaseIterable {
    case utc
    /// Nobody knows: they order rows and say nothing else.
    case unknown
  }

  /// The table's name in the database, with its schema; empty: the object's name.
  var table = ""
  /// The columns that tell the rows apart; empty: those of the primary key.
  var key: [String] = []
  var changes = Changes.compare
  var overlap = PollSettings.usualOverlap
  var sweep = PollSettings.usualSweep
  var deletes = PollSettings.usualDeletes
  var zone = Zone.unknown
  /// A column, and what is written to it by every write of Tidemark: for the application's triggers and people.
  var mark: SQLColumnValue?
  /// A row is deleted when the column holds the value, and deleting a row sets it.
  var deleted: SQLColumnValue?
  var isReadOnly = false
}

struct SQLColumnValue: Hashable, Sendable {
  var column: String
  var value: JSONValue
}

extension SQLTableRules {
  var cursor: String? {
    switch changes {
    case .compare: nil
    case .cursor(let column), .rowversion(let column): column
    }
  }

  /// - Parameter pull: when rounds begin.
  func polling(_ pull: Schedule) -> PollSettings {
    // What a rowversion may still hide the database itself tells exactly.
    var overlap = overlap
    if case .rowversion = changes { overlap = .zero }
    var settings = PollSettings(cursor: cursor, key: key, overlap: overlap, sweep: sweep, deletes: deletes)
    settings.every = pull
    return settings
  }
}

extension SQLRules {
  init(_ reader: YAMLReader) {
    text = reader["text"]?.choice(ODBCText.self)
    tables = Self.tables(reader)
  }

  /// The rules under `objects`.
  static func tables(_ reader: YAMLReader) -> [String: SQLTableRules] {
    let read = reader["objects"]?.named { _, value in value.mapping { SQLTableRules($0) } } ?? []
    return Dictionary(read.map { ($0.name, $0.value) }) { first, _ in first }
  }

  func rules(for object: String) -> SQLTableRules? { tables[object] ?? tables["*"] }
}

extension SQLTableRules {
  init(_ reader: YAMLReader) {
    table = reader["table"]?.string() ?? ""
    key = reader["key"]?.list { $0.string() } ?? []
    changes = reader["changes"].flatMap { $0.mapping { Changes($0) } } ?? .compare
    overlap = reader["overlap"]?.duration() ?? PollSettings.usualOverlap
    sweep = reader["sweep"]?.duration(in: .seconds(1) ... .days(3_650)) ?? PollSettings.usualSweep
    if let percent = reader["deletes"]?.integer(in: 0...100) { deletes = Double(percent) / 100 }
    zone = reader["zone"]?.choice(Zone.self) ?? .unknown
    mark = reader["mark"].flatMap { $0.mapping { SQLColumnValue($0) } }
    deleted = reader["deleted"].flatMap { $0.mapping { SQLColumnValue($0) } }
    isReadOnly = reader["read_only"]?.bool() ?? false
  }
}

extension SQLTableRules.Changes {
  fileprivate init?(_ reader: YAMLReader) {
    let timestamp = reader["timestamp"]?.string().map { Self.cursor(column: $0) }
    let counter = reader["counter"]?.string().map { Self.cursor(column: $0) }
    let rowversion = reader["rowversion"]?.string().map { Self.rowversion(column: $0) }
    let compare = reader["compare"]?.bool() == true ? Self.compare : nil
    let given = [timestamp, counter, rowversion, compare].compactMap { $0 }
    guard given.count == 1, let only = given.first else {
      reader.report("manifest.changes", "expected one of timestamp, counter, rowversion, compare: true")
      return nil
    }
    self = only
  }
}

extension SQLColumnValue {
  fileprivate init?(_ reader: YAMLReader) {
    let column = reader.required("column")?.string()
    let value = reader.required("value")?.json()
    guard let column, let value else { return nil }
    self.init(column: column, value: value)
  }
}
