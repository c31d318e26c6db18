import Changes
import JSON
import Synchronization

/// When an object is listed whose changes only a list tells, how far a listing has come, and what of it is news. What is
/// asked and what an answer means is its engine's.
final class ListingTurns: Sendable {
  private let source: SourceName
  /// Which life of the source positions are meant in: the same cursor at another address is another place.
  let epoch: String
  private let pull: Schedule
  private let bell = Bell()
  private let memory = Mutex(PollMemory())

  init(_ source: SourceName, epoch: String, pull: Schedule) {
    self.source = source
    self.epoch = epoch
    self.pull = pull
  }

  /// The next turn comes at once.
  func wake() { bell.ring() }

  /// Whether no listing was complete yet, in this process.
  var isFirst: Bool { memory.withLock { $0.complete == nil } }

  func position(_ place: ListingPlace) -> Position { Position(epoch: epoch, place: place.text) }

  /// Where a watermark stands; nil: another address's or object's.
  func place(of position: Position) -> ListingPlace? {
    position.epoch == epoch ? ListingPlace(position.place) : nil
  }

  /// Where a watermark stands, with what is remembered of the listing it belongs to.
  /// - Throws: `CaptureGap` if it belongs to another address or object.
  func resume(_ position: Position?) throws(CaptureGap) -> ListingPlace {
    var place = ListingPlace()
    if let position {
      guard let known = self.place(of: position) else {
        throw gap("the watermark was taken at another address or object")
      }
      place = known
    }
    memory.withLock { $0.resume(position, due: firstTurn(place)) }
    return place
  }

  /// Deletes may have been missed; everything that lives is listed again from the beginning.
  func gap(_ reason: String) -> CaptureGap {
    CaptureGap(source: source, reason: "\(reason); everything is listed again", resume: position(ListingPlace()))
  }

  /// When to list after a start; nil: at once. What goes by the calendar is not done again because of a restart.
  private func firstTurn(_ place: ListingPlace) -> ContinuousClock.Instant? {
    guard pull.isByCalendar, let last = place.listedAt else { return nil }
    return .now + pull.wait(since: last)
  }

  /// Waits for the next turn, at most a second. Nil: it is time to list.
  func pause(_ position: Position?, _ place: ListingPlace) async throws -> ChangeBatch? {
    let (due, complete) = memory.withLock { ($0.due, $0.complete) }
    guard place.page == nil, let due, due > .now, let position else { return nil }
    if bell.take() { return nil }
    let isRung = await bell.wait(atMost: min(.seconds(1), due - .now))
    try Task.checkCancellation()
    if isRung || due <= .now { return nil }
    return ChangeBatch([], through: position, completeAsOf: complete)
  }

  /// A listing begins, unless one is under way.
  func begin(_ place: inout ListingPlace) {
    guard place.page == nil else { return }
    let (clock, now) = (ContinuousClock.now, Timestamp.now)
    memory.withLock { $0.begin(at: clock, due: clock + pull.wait(since: now, at: now)) }
    if pull.isByCalendar { place.listedAt = now }
  }

  /// The first page did not come: the listing begins anew as soon as somebody asks.
  func abandon(_ place: ListingPlace) {
    if place.page == nil { memory.withLock { $0.abandon() } }
  }

  /// Those records that are other than they were when last listed.
  func news(_ records: [(id: String, item: JSONValue)]) -> [(id: String, item: JSONValue)] {
    memory.withLock { memory in records.filter { memory.isNews($0.id, $0.item) } }
  }

  /// A page's changes, and where the listing stands behind it: with another page, or complete.
  func batch(_ changes: [Change], following: ListingPlace) -> ChangeBatch {
    var following = following
    if !changes.isEmpty { following.batch += 1 }
    let through = position(following)
    let complete = memory.withLock { $0.end(at: through, isComplete: following.page == nil) }
    return ChangeBatch(changes, through: through, completeAsOf: complete)
  }

  /// The mark of the page was not accepted any more. The listing starts again from its cursor.
  func restart(_ place: ListingPlace) -> ChangeBatch {
    var again = place
    again.page = nil
    again.listedAt = nil
    let through = position(again)
    memory.withLock { memory in
      memory.abandon()
      _ = memory.end(at: through, isComplete: false)
    }
    return ChangeBatch([], through: through)
  }
}
