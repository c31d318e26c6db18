import Changes

/// A `pg_snapshot`: which transactions were over at a moment.
struct Snapshot: Hashable, Sendable {
  let text: String
  /// Every transaction from here on had not begun.
  let end: UInt64
  /// Transactions before `end` that were not over.
  let inProgress: Set<UInt64>

  /// - Parameter text: `xmin:xmax:xid,xid,…` as PostgreSQL writes it; nil if it is not that.
  init?(_ text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 3, UInt64(parts[0]) != nil, let end = UInt64(parts[1]) else { return nil }
    let open = parts[2].split(separator: ",").map { UInt64($0) }
    guard open.allSatisfy({ $0 != nil }) else { return nil }
    self.text = text
    self.end = end
    inProgress = Set(open.compactMap(\.self))
  }

  private init() {
    text = "3:3:"
    end = 3
    inProgress = []
  }

  /// Before every transaction: ordinary transactions are numbered from 3 on.
  static let beginning = Snapshot()
}

/// A place in the outbox (DESIGN, invariant 2): everything visible in snapshot `seen` was read and, inside a window,
/// everything of the next snapshot up to an id.
///
/// Ids bound where a window has to look. A transaction draws its ids after it begins, so one that had not begun at
/// `seen` draws above `floor`, the last id drawn before `seen` was taken. Those that were open at `seen` keep the floor
/// they had when they were first noticed; it counts only when they are over, however long that takes.
struct OutboxPlace: Hashable, Sendable {
  struct Window: Hashable, Sendable {
    var snapshot: Snapshot
    /// The last id drawn before `snapshot` was taken.
    var floor: Int64
    /// The last id read.
    var lastId: Int64
  }

  var seen = Snapshot.beginning
  var floor: Int64 = 0
  /// The floors of the transactions in `seen.inProgress`.
  var openFloors: [UInt64: Int64] = [:]
  var window: Window?

  /// The same place with a window up to `snapshot` opened.
  func opening(_ snapshot: Snapshot, floor: Int64) -> OutboxPlace {
    var place = self
    place.window = Window(snapshot: snapshot, floor: floor, lastId: 0)
    return place
  }

  /// The place behind the window.
  func closing(_ window: Window) -> OutboxPlace {
    var floors: [UInt64: Int64] = [:]
    for xid in window.snapshot.inProgress { floors[xid] = xid >= seen.end ? floor : openFloors[xid] ?? 0 }
    return OutboxPlace(seen: window.snapshot, floor: window.floor, openFloors: floors)
  }

  /// Every row of the window that was not read yet has an id above this.
  func lowerBound(_ window: Window) -> Int64 {
    let over = openFloors.filter { !window.snapshot.inProgress.contains($0.key) }.values
    return max(window.lastId, min(floor, over.min() ?? floor))
  }
}

extension OutboxPlace {
  /// The inverse of `text`; nil for anything else.
  init?(_ text: String) {
    let parts = text.split(separator: ";", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 3 || parts.count == 6, let seen = Snapshot(parts[0]), let floor = Int64(parts[1]) else {
      return nil
    }
    self.init(seen: seen, floor: floor)
    for pair in parts[2].split(separator: ",") {
      let sides = pair.split(separator: "=")
      guard sides.count == 2, let xid = UInt64(sides[0]), let floor = Int64(sides[1]) else { return nil }
      openFloors[xid] = floor
    }
    guard parts.count == 6 else { return }
    guard let snapshot = Snapshot(parts[3]), let floor = Int64(parts[4]), let lastId = Int64(parts[5]) else {
      return nil
    }
    window = Window(snapshot: snapshot, floor: floor, lastId: lastId)
  }

  var text: String {
    let floors = openFloors.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
    let closed = "\(seen.text);\(floor);\(floors)"
    return window.map { "\(closed);\($0.snapshot.text);\($0.floor);\($0.lastId)" } ?? closed
  }
}
