/// One numbered step of a schema, embedded from the `.sql` file beside this one.
package struct Migration: Sendable {
  package let number: Int
  package let sql: String

  init(_ number: Int, _ bytes: [UInt8]) {
    self.number = number
    self.sql = String(decoding: bytes, as: UTF8.self)
  }
}

/// Every schema Tidemark installs, each forward only: a step is never changed once it has been released.
package enum Migrations {
  /// The log (SQLite).
  package static let log = [
    Migration(1, PackageResources._001_log_sql), Migration(2, PackageResources._002_capture_gaps_sql),
    Migration(3, PackageResources._003_seen_rows_sql), Migration(4, PackageResources._004_intents_sql),
    Migration(5, PackageResources._005_backfill_requests_sql), Migration(6, PackageResources._006_requests_sql),
    Migration(7, PackageResources._007_links_and_sweeps_sql),
    Migration(8, PackageResources._008_first_contact_sql), Migration(9, PackageResources._009_decisions_sql),
    Migration(10, PackageResources._010_operating_sql),
  ]

  /// The outbox in an attached SQLite database. Its statements are divided by a semicolon at the end of a line.
  package static let sqlite = [Migration(1, PackageResources._001_outbox_sql)]

  /// What is installed in an attached PostgreSQL database.
  package static let postgres = [Migration(1, PackageResources._001_capture_sql)]
}
