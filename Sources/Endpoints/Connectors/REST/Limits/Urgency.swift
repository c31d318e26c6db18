/// Who has to wait when there is not room for everybody.
enum Urgency: Int, Sendable, CaseIterable, Comparable {
  case live
  /// What failed before, and could fail again.
  case retry
  /// Backfills and comparisons: there is always more of them.
  case backfill

  static func < (a: Urgency, b: Urgency) -> Bool { a.rawValue < b.rawValue }

  /// How much of a limit it may use up, in hundredths: what is left is always there for those who are more urgent.
  var share: Int {
    switch self {
    case .live: 100
    case .retry: 90
    case .backfill: 80
    }
  }

  /// That of the requests made by this task.
  @TaskLocal static var current = Urgency.live
}
