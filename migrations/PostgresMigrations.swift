extension Migration {
  /// What is installed in an attached PostgreSQL database, in order.
  package static let postgres = [
    Migration(
      number: 1, name: "capture", sql: String(decoding: PackageResources._001_capture_sql, as: UTF8.self))
  ]
}
