package import JSON

/// A record as it was read at an endpoint, in the endpoint's own shape.
package struct Record: Hashable, Sendable {
  package var key: RecordKey
  /// The row, or the object as the API shows it.
  package var fields: JSONObject
  package var version: String?
  /// When the record last changed by the endpoint's own clock, where it tells.
  package var modifiedAt: Timestamp?
  /// Taken before the read: everything with a lower stamp is included.
  package var stamp: Stamp

  package init(key: RecordKey, fields: JSONObject, version: String? = nil, modifiedAt: Timestamp? = nil, stamp: Stamp) {
    self.key = key
    self.fields = fields
    self.version = version
    self.modifiedAt = modifiedAt
    self.stamp = stamp
  }
}

/// Some records of an endpoint in an order that stays the same, and where the next ones start.
package struct Chunk: Sendable {
  package var records: [Record]
  /// Nil after the last chunk.
  package var next: Position?

  package init(_ records: [Record], next: Position?) {
    self.records = records
    self.next = next
  }
}
