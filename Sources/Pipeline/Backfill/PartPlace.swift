import Changes

/// Where a reading in parts stands: what is left of each.
struct PartPlace: Hashable {
  private static let prefix = "parts "

  let life: String
  var rest: [Range<Int64>]

  init(_ reader: any PartReader) {
    life = reader.life
    rest = reader.parts
  }

  /// Nil for a place that a reading in one part made.
  init?(_ position: Position?) {
    guard let position, position.epoch.hasPrefix(Self.prefix) else { return nil }
    let parts = position.place.split(separator: " ").map { part in part.split(separator: "-").compactMap { Int64($0) } }
    guard parts.allSatisfy({ $0.count == 2 && $0[0] <= $0[1] }) else { return nil }
    life = String(position.epoch.dropFirst(Self.prefix.count))
    rest = parts.map { $0[0]..<$0[1] }
  }

  /// Nil once nothing is left.
  var position: Position? {
    guard rest.contains(where: { !$0.isEmpty }) else { return nil }
    return Position(
      epoch: Self.prefix + life, place: rest.map { "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: " "))
  }
}
