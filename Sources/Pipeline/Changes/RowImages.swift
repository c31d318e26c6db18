/// Remembers the rows a source has told: a source that is told only a part of a row completes it from them.
package protocol RowImages: Sendable {
  /// The last row told of each of these records by `source`, without those that were deleted since, are not near at hand
  /// any more, or lie before a gap of capture.
  func latestRows(
    of endpoint: EndpointName, told source: SourceName, _ keys: Set<RecordKey>
  ) async throws -> [RecordKey: [UInt8]]
}
