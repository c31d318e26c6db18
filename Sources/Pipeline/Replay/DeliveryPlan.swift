package import Changes
package import Log

/// What a link would do in one direction if it were the turn of what waits for it. Reads both ends, and writes nothing.
package struct DeliveryPlan: Sendable {
  package struct Changes: Sendable {
    /// The newest of each record, in the order of the log.
    package let changes: [LoggedChange]
    /// There are more records than were asked for.
    package let isCut: Bool
  }

  package let link: Link
  package let direction: Direction
  private let log: ChangeLog

  package init(_ link: Link, _ direction: Direction, log: ChangeLog) {
    self.link = link
    self.direction = direction
    self.log = log
  }

  /// What was captured and is not settled, what waits included.
  package func pending(limit: Int) async throws -> Changes {
    var newest: [RecordKey: LoggedChange] = [:]
    let waiting = try await log.waiting(of: link.name, direction, limit: .max)
    for logged in try await log.changes(at: waiting.map(\.sequence)).values { take(logged, &newest) }
    var place = try await log.replayWatermark(of: link.name, direction)
    while newest.count <= limit {
      let page = try await log.page(of: link[direction.source].name, after: place, limit: 500)
      guard page.through > place else { break }
      for logged in page.changes { take(logged, &newest) }
      place = page.through
    }
    return Changes(newest, limit)
  }

  /// The last changes that the log holds of the link's source, as if they came now.
  package func latest(_ count: Int) async throws -> Changes {
    var newest: [RecordKey: LoggedChange] = [:]
    for entry in try await log.newest(count, matching: LogFilter(endpoints: [link[direction.source].name])) {
      take(LoggedChange(sequence: entry.logged.sequence, change: ReplayOrder.again(entry.logged.change)), &newest)
    }
    return Changes(newest, count)
  }

  private func take(_ logged: LoggedChange, _ newest: inout [RecordKey: LoggedChange]) {
    if let known = newest[logged.change.key], known.sequence > logged.sequence { return }
    newest[logged.change.key] = logged
  }

  /// What delivering the change would do.
  package func preview(_ logged: LoggedChange) async throws -> DeliveryPreview {
    if logged.change.operation == .truncate { return .held(Delivery.truncated(logged.change.endpoint)) }
    return try await link.preview(logged.change, direction, log: log)
  }

  /// The requests or the SQL that would be sent; empty where nothing would.
  package func statements(_ preview: DeliveryPreview) async throws -> [String] {
    switch preview {
    case .nothing: []
    case .held(let failure): ["waits: \(failure)"]
    case .write(let write): try await link[direction.target].target.statements(for: write)
    }
  }
}

extension DeliveryPlan.Changes {
  fileprivate init(_ newest: [RecordKey: LoggedChange], _ limit: Int) {
    let sorted = newest.values.sorted { $0.sequence < $1.sequence }
    self.init(changes: Array(sorted.prefix(limit)), isCut: sorted.count > limit)
  }
}
