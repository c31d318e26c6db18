import Changes
import JSON

extension RESTObject {
  /// The next page of the listing under way, or the first of a new one when it is time or `wake` was called.
  ///
  /// A position moves only past what was returned. Where the API does not list in ascending order, it moves when a
  /// listing is complete, and then only past what its first page held, so that a record that changed meanwhile and
  /// slipped past is listed again.
  /// - Throws: `CaptureGap` if the position belongs to another address or the application forgot it, `EndUnavailable`
  ///   if the application does not answer, `Failure` if it refuses the request itself.
  func next(after position: Position?) async throws -> ChangeBatch {
    var place = try turns.resume(position)
    if let pause = try await turns.pause(position, place) { return pause }
    turns.begin(&place)
    let stamp = stamps.now()
    do {
      let page = try await listing.page(since: place.cursor, at: place.page?.next)
      return try batch(page, place, stamp)
    } catch let refusal as Refused {
      return try recover(from: refusal, place)
    } catch {
      turns.abandon(place)
      throw error
    }
  }

  /// What a refused page means: the listing starts again, cannot go on, or is asked for later.
  private func recover(from refusal: Refused, _ place: ListingPlace) throws -> ChangeBatch {
    if place.page != nil, [400, 404, 410].contains(refusal.status) { return turns.restart(place) }
    turns.abandon(place)
    if refusal.meaning == .gone, refusal.status != 404, place.cursor != nil {
      throw turns.gap("the application does not know the cursor any more (status \(refusal.status))")
    }
    throw meaning(of: refusal)
  }

  /// Nothing to release: the application keeps its records.
  func release(through position: Position) async throws {}

  private func batch(_ page: Listing.Page, _ place: ListingPlace, _ stamp: Stamp) throws -> ChangeBatch {
    let isFirst = place.cursor == nil && turns.isFirst
    let news = turns.news(try page.items.map { (try identity(of: $0), $0) })
    return turns.batch(
      news.map { change($0.id, $0.item, stamp, isFirst: isFirst) }, following: place.following(page, rules.list))
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
