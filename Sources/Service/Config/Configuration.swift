package import Changes
package import Mapping
package import Reconcile
package import YAML

/// What `tidemark.yaml` says, checked: every name leads somewhere and every secret was found.
package struct Configuration: Sendable {
  /// The path the configuration was read from.
  package let file: String
  /// The path of the log. Relative paths in the file are relative to its folder; here they are resolved.
  package let log: String
  package let retention: RetentionSettings
  package let http: HTTPSettings
  /// In the order written, as the connectors and links are.
  package let databases: [DatabaseSettings]
  package let connectors: [ConnectorSettings]
  package let links: [LinkSettings]

  package static let usualLog = ".tidemark/log.db"
}

/// How much of what is settled the log keeps, for `explain`, `log` and `replay`. What is not settled always stays.
package struct RetentionSettings: Sendable, Hashable {
  package var keep: Duration
  /// Bytes of the log in use; nil: no limit but time.
  package var maxBytes: Int64?

  package init(keep: Duration = .days(7), maxBytes: Int64? = nil) {
    self.keep = keep
    self.maxBytes = maxBytes
  }
}

/// How often a link's sides are compared by the service itself.
package struct VerificationSettings: Sendable, Hashable {
  package var schedule: Schedule
  /// So many records, chosen at random; nil: all.
  package var sample: Int?
}

/// Where the status page, metrics and webhooks are served.
package struct HTTPSettings: Sendable {
  /// A host name, an IPv4 address, or an IPv6 address without brackets.
  package var host: String
  /// 0: any free port.
  package var port: Int
  /// What a client has to show; nil only on a loopback address.
  package var token: Secret?

  /// Loopback, so that nothing is open to a network before somebody says so.
  package static let usual = HTTPSettings(host: "127.0.0.1", port: 8642, token: nil)
}

/// An attached database.
package struct DatabaseSettings: Sendable {
  package enum Location: Sendable {
    case postgres(PostgresURL)
    /// A file path.
    case sqlite(path: String)
  }

  package let name: String
  package let location: Location
  package let capture: CaptureMode
  package let onCaptureFailure: CaptureFailure
  /// How many bytes the database may keep for changes that nobody has read; nil: no limit.
  package let budget: Int64?
  /// Whether commits wake the reader of what triggers captured.
  package let notify: Bool
  /// How its tables are polled, unless they say otherwise; nil unless `capture` is `poll`.
  package let poll: PollSettings?
  /// The tables that have settings of their own.
  package let tables: [TableSettings]
  /// Where its name is written.
  package let place: Place
}

/// A table that is captured in another way than the rest of its database, or of whose rows not everything is told.
package struct TableSettings: Sendable {
  /// As links name it.
  package let name: String
  /// Nil where the table has none of its own.
  package let poll: PollSettings?
  /// Nil where everything is told.
  package let restriction: TableRestriction?
  /// Where its name is written.
  package let place: Place
}

/// What of a table's rows may leave the database, and where that is written.
package struct TableRestriction: Sendable {
  package let rows: RowRestriction
  /// Where `columns`, `except` and `mask` name a column.
  package let columnPlaces: [String: Place]
  package let conditionPlace: Place?
}

/// What becomes of the application's statement where a trigger of ours cannot capture it.
package enum CaptureFailure: String, Sendable, CaseIterable {
  /// It fails too: nothing goes unseen.
  case strict
  /// It passes; the tables are read again.
  case lenient
}

/// A connector: a manifest, and what it takes to use it.
package struct ConnectorSettings: Sendable {
  package enum ManifestSource: Hashable, Sendable {
    /// One of those built in.
    case embedded(String)
    /// A file path.
    case file(String)
  }

  package let name: String
  package let manifest: ManifestSource
  /// Instead of the manifest's own address; without a slash at the end.
  package let url: String?
  /// What the manifest's authentication asks for, by its names.
  package let auth: [String: Secret]
  package let webhookSecret: Secret?
  /// The keys that belong to the manifest's engine, with every reference in them resolved.
  package let settings: YAMLNode
  /// The configuration's folder, which relative paths in `settings` are relative to.
  package let folder: String
  /// Where its name is written, and where its `use` is.
  package let place: Place
  package let usePlace: Place
}

/// Which ways changes travel over a link.
package enum LinkDirection: String, Sendable, CaseIterable {
  case both, push, pull

  package var directions: [Direction] {
    switch self {
    case .both: [.push, .pull]
    case .push: [.push]
    case .pull: [.pull]
    }
  }
}

/// A link: the table is its local side, the object its remote side.
package struct LinkSettings: Sendable {
  package let name: LinkName
  package let table: EndpointName
  package let object: EndpointName
  package let direction: LinkDirection
  /// The linked columns by which the sides find each other before ids are known; empty only for a link that pulls.
  package let key: [String]
  /// The linked fields, those of the key included.
  package let mapping: FieldMapping
  /// The column that receives the id of the object's record; no linked field.
  package let idColumn: String?
  package let conflict: ConflictPolicy
  /// When the object is pulled.
  package let pull: Schedule
  /// Nil: only when somebody asks.
  package let verification: VerificationSettings?
  /// Where its name, its table and its object are written.
  package let place: Place
  package let tablePlace: Place
  package let objectPlace: Place

  /// Twelve requests an hour leave nearly all of a daily quota to people; webhooks or `pull.every` make it faster.
  package static let usualPull = Schedule.every(.seconds(300))
}
