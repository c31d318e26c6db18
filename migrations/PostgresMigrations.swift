extension Migrations {
  /// What capture installs in an attached PostgreSQL database.
  package static let postgres = [Migration(1, PackageResources._001_capture_sql)]
}
