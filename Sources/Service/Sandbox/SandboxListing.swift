import JSON

/// Where a listing stands: which changes come next, and the cursor its reader shall store.
///
/// A listing of changes walks the order of changes, so its cursor is the last change it passed. A listing of all live
/// records walks the same order, but its cursor is the last change *before it began*: what changes while it is being
/// paged comes again with the first listing of changes.
private struct ListingPlace {
  var after: Int64
  /// Nil in a listing of changes.
  var began: Int64?
  var epoch: String

  init(after: Int64, began: Int64?, epoch: String) {
    self.after = after
    self.began = began
    self.epoch = epoch
  }

  init?(token: String) {
    let parts = token.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, let after = Int64(parts[1]), parts[2] == "c" || Int64(parts[2]) != nil else { return nil }
    self.init(after: after, began: Int64(parts[2]), epoch: String(parts[0]))
  }

  var token: String { "\(epoch)-\(after)-\(began.map { String($0) } ?? "c")" }
}

extension SandboxState {
  static let defaultLimit = 100
  static let highestLimit = 1_000

  /// Records in the order they changed: all live ones, or with `updated_since` every change after that cursor.
  mutating func list(_ call: SandboxCall) -> SandboxAnswer {
    var limit = Self.defaultLimit
    var place = ListingPlace(after: 0, began: latestChange, epoch: epoch)
    var filters: [(name: String, value: String)] = []
    for (name, value) in call.query {
      switch name {
      case "limit":
        guard let number = Int(value), (1...Self.highestLimit).contains(number) else {
          return .problem(400, "Bad Request", "limit is expected to be 1 to \(Self.highestLimit), got: \(value)")
        }
        limit = number
      case "updated_since", "page_token":
        guard let given = ListingPlace(token: value) else {
          return .problem(400, "Bad Request", "\(name) is not one this API gave out.")
        }
        guard given.epoch == epoch, given.after <= latestChange else {
          return .problem(410, "Gone", "\(name) is of an earlier life of this API. List everything again.")
        }
        if name == "page_token" || !call.query.contains(where: { $0.name == "page_token" }) { place = given }
      default: filters.append((name, value))
      }
    }
    for filter in filters { collections[call.object]?.cover(filter.name) }
    let page = collections[call.object]?.page(from: &place, limit: limit, filters) ?? (records: [], hasMore: false)
    return SandboxAnswer(status: 200, body: shown(page.records, hasMore: page.hasMore, place, call))
  }

  private func shown(
    _ records: [SandboxRecord], hasMore: Bool, _ place: ListingPlace, _ call: SandboxCall
  ) -> JSONValue {
    let cursor = ListingPlace(after: place.began ?? place.after, began: nil, epoch: epoch).token
    let query = call.query.filter { $0.name != "page_token" } + [("page_token", place.token)]
    let next =
      "/api/\(call.object)?" + query.map { "\($0.name.urlEncoded)=\($0.value.urlEncoded)" }.joined(separator: "&")
    return [
      "items": .array(records.map { .object($0.shown) }), "next": hasMore ? .string(next) : .null,
      "cursor": .string(cursor),
    ]
  }
}

extension SandboxState.Collection {
  mutating func cover(_ field: String) { index.cover(field, of: records.values) }

  fileprivate func page(
    from place: inout ListingPlace, limit: Int, _ filters: [(name: String, value: String)]
  ) -> (records: [SandboxRecord], hasMore: Bool) {
    let order = entries(place, filters)
    var records: [SandboxRecord] = []
    var index = Self.firstIndex(after: place.after, in: order)
    while index < order.count, records.count < limit {
      let (change, id) = order[index]
      index += 1
      place.after = change
      guard let record = self.records[id], record.change == change else { continue }
      guard let fields = record.fields else {
        if place.began == nil { records.append(record) }
        continue
      }
      if filters.allSatisfy({ Self.equals(fields[$0.name] ?? record.shown[$0.name], $0.value) }) {
        records.append(record)
      }
    }
    let hasMore = order[index...].contains { self.records[$0.id]?.change == $0.change }
    return (records, hasMore)
  }

  /// What the listing walks: all changes, or the few live records that the index knows to match.
  private func entries(
    _ place: ListingPlace, _ filters: [(name: String, value: String)]
  ) -> [(change: Int64, id: String)] {
    guard place.began != nil,
      let ids = filters.lazy.compactMap({ index.ids(where: $0.name, equals: $0.value) }).first
    else { return order }
    return ids.compactMap { id in records[id].map { ($0.change, id) } }.sorted { $0.change < $1.change }
  }

  /// Changes are in order, so half of what is left goes with each look.
  private static func firstIndex(after change: Int64, in order: [(change: Int64, id: String)]) -> Int {
    var (low, high) = (0, order.count)
    while low < high {
      let middle = (low + high) / 2
      if order[middle].change <= change { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Numbers compare by value, so `1.50` finds 1.5; everything else by its text. A missing field equals nothing.
  private static func equals(_ value: JSONValue?, _ text: String) -> Bool {
    guard let value else { return false }
    if case .number(let number) = value, let other = JSONNumber(text: text) { return number == other }
    return value.plainText == text
  }
}

extension String {
  /// RFC 3986: everything but unreserved characters is escaped.
  var urlEncoded: String {
    let hex = Array("0123456789ABCDEF".utf8)
    var encoded: [UInt8] = []
    for byte in utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"):
        encoded.append(byte)
      default: encoded += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
      }
    }
    return String(decoding: encoded, as: UTF8.self)
  }
}
