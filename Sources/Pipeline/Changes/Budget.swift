/// What an attached database may keep for changes that nobody has read. Beyond it they are let go and read again later.
package struct Budget: Sendable, Hashable {
  /// Nil: no limit.
  package var bytes: Int64?
  /// How long nobody may have read; nil: no limit.
  package var age: Duration?

  package init(bytes: Int64? = nil, age: Duration? = nil) {
    self.bytes = bytes
    self.age = age
  }

  /// A trigger cannot ask how many bytes an outbox of SQLite takes, so there changes are counted as if each took so many.
  package static let bytesOfChange: Int64 = 1024
}
