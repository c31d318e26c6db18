import Changes

/// Rows told so far, as far as they can complete one that is not restricted yet: without what was masked.
struct RestrictedImages: RowImages {
  private let images: any RowImages
  private let cuts: [String: RowCut]

  init(_ images: any RowImages, _ restrictions: [String: RowRestriction]) {
    self.images = images
    cuts = restrictions.filter { !$0.value.masks.isEmpty }.mapValues { RowCut(dropping: $0.masks.keys.sorted()) }
  }

  func latestRows(
    of endpoint: EndpointName, told source: SourceName, _ keys: Set<RecordKey>
  ) async throws -> [RecordKey: [UInt8]] {
    let rows = try await images.latestRows(of: endpoint, told: source, keys)
    guard let cut = cuts[endpoint.name] else { return rows }
    return try rows.mapValues { try cut.told(of: $0).row }
  }
}
