/// How much a link may delete or overwrite at one side within a while before somebody is asked.
package struct GuardSettings: Hashable, Sendable {
  package enum Limit: Hashable, Sendable {
    /// Of the link's records; a hundred are always few.
    case share(Double)
    case count(Int)
  }

  /// Nil: as many as there are.
  package var deletes: Limit?
  package var overwrites: Limit?
  package var within: Duration

  package init(deletes: Limit? = usualDeletes, overwrites: Limit? = nil, within: Duration = usualWindow) {
    self.deletes = deletes
    self.overwrites = overwrites
    self.within = within
  }

  /// A fifth of the records gone within an hour is rarely meant: the wrong database, a script without its condition.
  package static let usualDeletes = Limit.share(0.2)
  package static let usualWindow = Duration.seconds(3600)
  private static let few = 100

  /// How many writes of a kind may pass, of a link with so many records; nil: all.
  package func most(_ action: Write.Action, of known: Int64) -> Int? {
    switch action {
    case .create: nil
    case .delete: deletes.map { Self.most($0, known) }
    case .update: overwrites.map { Self.most($0, known) }
    }
  }

  private static func most(_ limit: Limit, _ known: Int64) -> Int {
    switch limit {
    case .count(let count): count
    case .share(let share): share >= 1 ? .max : max(few, Int(share * Double(known)))
    }
  }
}
