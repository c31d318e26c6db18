import Changes
import JSON
import Synchronization

extension RESTObject {
  /// The next page of the listing under way, or the first of a new one when it is time or `wake` was called.
  ///
  /// A position moves only past what was returned. Where the API does not list in ascending order, it moves when a
  /// listing is complete, and then only past what its first page held, so that a record that changed meanwhile and
  /// slipped past is listed again.
  /// - Throws: `CaptureGap` if the position belongs to another address or the application forgot it, `EndUnavailable`
  ///   if the application does not answer, `Failure` if it refuses the request itself.
  func next(after position: Position?) async throws -> ChangeBatch {
    var place = try place(position)
    poll.withLock { $0.resume(position, due: firstTurn(place)) }
    if let pause = try await pause(position, place) { return pause }
    if place.page == nil { begin(&place) }
    let stamp = stamps.now()
    do {
      let page = try await listing.page(since: place.cursor, at: place.page?.next)
      return try batch(page, place, stamp)
    } catch let refusal as Refused {
      return try recover(from: refusal, place)
    } catch {
      if place.page == nil { poll.withLock { $0.abandon() } }
      throw error
    }
  }

  private func begin(_ place: inout ListingPlace) {
    let (clock, now) = (ContinuousClock.now, Timestamp.now)
    poll.withLock { $0.begin(at: clock, due: clock + pull.wait(since: now, at: now)) }
    if pull.isByCalendar { place.listedAt = now }
  }

  /// When to list after a start; nil: at once. What goes by the calendar is not done again because of a restart.
  private func firstTurn(_ place: ListingPlace) -> ContinuousClock.Instant? {
    guard pull.isByCalendar, let last = place.listedAt else { return nil }
    return .now + pull.wait(since: last)
  }

  /// What a refused page means: the listing starts again, cannot go on, or is asked for later.
  private func recover(from refusal: Refused, _ place: ListingPlace) throws -> ChangeBatch {
    if place.page != nil, [400, 404, 410].contains(refusal.status) { return restart(place) }
    if place.page == nil { poll.withLock { $0.abandon() } }
    if refusal.meaning == .gone, refusal.status != 404, place.cursor != nil {
      throw gap("the application does not know the cursor any more (status \(refusal.status))")
    }
    throw meaning(of: refusal)
  }

  /// Nothing to release: the application keeps its records.
  func release(through position: Position) async throws {}

  private func place(_ position: Position?) throws -> ListingPlace {
    guard let position else { return ListingPlace() }
    guard position.epoch == epoch, let place = ListingPlace(position.place) else {
      throw gap("the watermark was taken at another address or object")
    }
    return place
  }

  /// Deletes may have been missed; everything that lives is listed again from the beginning.
  private func gap(_ reason: String) -> CaptureGap {
    CaptureGap(
      source: name, reason: "\(reason); everything is listed again",
      resume: Position(epoch: epoch, place: ListingPlace().text))
  }

  /// Waits for the next turn, at most a second. Nil: it is time to list.
  private func pause(_ position: Position?, _ place: ListingPlace) async throws -> ChangeBatch? {
    let (due, complete) = poll.withLock { ($0.due, $0.complete) }
    guard place.page == nil, let due, due > .now, let position else { return nil }
    if bell.take() { return nil }
    if try await idle(until: due) || due <= .now { return nil }
    return ChangeBatch([], through: position, completeAsOf: complete)
  }

  private func idle(until instant: ContinuousClock.Instant) async throws -> Bool {
    let isRung = await bell.wait(atMost: min(.seconds(1), instant - .now))
    try Task.checkCancellation()
    return isRung
  }

  private func batch(_ page: Listing.Page, _ place: ListingPlace, _ stamp: Stamp) throws -> ChangeBatch {
    let named = try page.items.map { (try identity(of: $0), $0) }
    let (news, isFirst) = poll.withLock { memory in
      (named.filter { memory.isNews($0.0, $0.1) }, place.cursor == nil && memory.complete == nil)
    }
    var following = place.following(page, rules.list)
    if !news.isEmpty { following.batch += 1 }
    let through = Position(epoch: epoch, place: following.text)
    let complete = poll.withLock { $0.end(at: through, isComplete: page.next == nil) }
    let changes = news.map { change($0.0, $0.1, stamp, isFirst: isFirst) }
    return ChangeBatch(changes, through: through, completeAsOf: complete)
  }

  /// The mark of the page was not accepted any more. The listing starts again from its cursor.
  private func restart(_ place: ListingPlace) -> ChangeBatch {
    var again = place
    again.page = nil
    again.listedAt = nil
    let through = Position(epoch: epoch, place: again.text)
    poll.withLock { memory in
      memory.abandon()
      _ = memory.end(at: through, isComplete: false)
    }
    return ChangeBatch([], through: through)
  }

  /// - Parameter isFirst: nothing was listed before: the record may have been so for years.
  private func change(_ id: String, _ item: JSONValue, _ stamp: Stamp, isFirst: Bool) -> Change {
    let listedAt = isFirst ? Timestamp.unknown : Timestamp(microseconds: stamp.number)
    return Change(
      isTombstone(item) ? .delete : .update, of: endpoint, key: RecordKey(.string(id)), row: item.bytes,
      origin: .application, stamp: stamp, version: version(in: item),
      committedAt: modifiedAt(item) ?? listedAt)
  }
}

extension ListingPlace {
  /// Where the listing stands after `answer`.
  fileprivate func following(_ answer: Listing.Page, _ rules: ListRules) -> ListingPlace {
    let isStable = rules.order == .ascending && !rules.turnsByCount
    var high = page?.high
    // The address of what comes next is told once.
    let isTold = if case .link? = rules.cursor?.source { true } else { false }
    if page == nil || isStable || isTold, let cursor = answer.cursor {
      high = high.map { later($0, cursor, rules) } ?? cursor
    }
    var result = self
    if let next = answer.next {
      result.page = PageMark(next: next, high: high)
    } else {
      result.page = nil
      if let high { result.cursor = cursor.map { later($0, high, rules) } ?? high }
    }
    return result
  }

  /// Values of records are compared; what the application hands out as a cursor is opaque, and the newest counts.
  private func later(_ a: JSONValue, _ b: JSONValue, _ rules: ListRules) -> JSONValue {
    if let cursor = rules.cursor, case .item = cursor.source { return cursor.isEarlier(a, b) ? b : a }
    return b
  }
}

extension ListRules {
  /// Pages by number or offset shift when a record leaves an earlier page, so one may slip through between two.
  fileprivate var turnsByCount: Bool {
    switch paging {
    case .page, .offset: true
    default: false
    }
  }
}
