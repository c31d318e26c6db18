import Changes
import Log
import Logging

/// Reading an end in several parts side by side: for the first load of a large table.
///
/// Chunks are read side by side and enter the log one after the other, each with its own low watermark and with what is left of
/// all parts then. Whatever is killed, at most one chunk of each part is read again.
extension BackfillRun {
  /// Reads everything, or until the backfill rests.
  /// - Returns: false where nothing was read so: parts were not asked for, or the end has none.
  mutating func readParts() async throws -> Bool {
    guard backfill.options.parts > 1, backfill.place == nil || PartPlace(backfill.place) != nil else { return false }
    while backfill.state.isActive {
      guard let reader = try await end.reader.parts(backfill.options.parts) else {
        guard PartPlace(backfill.place) != nil else { return false }
        throw Failure(
          code: "backfill.parts",
          message: "\(end.endpoint) cannot be read in parts any more: ask for a backfill without")
      }
      let known = PartPlace(backfill.place)
      if let known, known.life != reader.life {
        logger.notice("backfill \(backfill.id) of \(end.endpoint) begins anew: the table was rewritten")
      }
      let isToGoOn = try await read(reader, known.flatMap { $0.life == reader.life ? $0 : nil } ?? PartPlace(reader))
      if !isToGoOn, backfill.state.isActive {
        publish(secondsLeft: 0, remaining: 0)
        break
      }
    }
    return true
  }

  private struct PartReading: Sendable {
    let number: Int
    let low: LogSequence
    let time: Duration
    /// Nil: the end has begun another life.
    let found: (rows: [ReadRow], rest: Range<Int64>)?
  }

  /// - Returns: whether there is more to do: the end was rewritten meanwhile.
  private mutating func read(_ reader: any PartReader, _ start: PartPlace) async throws -> Bool {
    try await withThrowingTaskGroup(of: PartReading.self) { group in
      var place = start
      var idle = place.rest.indices.filter { !place.rest[$0].isEmpty }
      var isRewritten = false
      while true {
        while !isRewritten, let number = idle.popLast() {
          guard try await waitForRoom() else {
            group.cancelAll()
            return false
          }
          let (log, part, limit) = (log, place.rest[number], limit)
          group.addTask {
            let low = try await log.end()
            let started = ContinuousClock.now
            let found = try await reader.rows(in: part, number: number, limit: limit)
            return PartReading(number: number, low: low, time: ContinuousClock.now - started, found: found)
          }
        }
        guard let reading = try await group.next() else { return isRewritten }
        guard let found = reading.found, !isRewritten else {
          isRewritten = true
          continue
        }
        place.rest[reading.number] = found.rest
        pace.took(reading.time, rows: found.rows.count, at: .now)
        let chunk = BackfillChunk(found.rows, next: place.position, low: reading.low)
        guard let appended = try await log.append(chunk, of: backfill, endpoint: end.endpoint, rate: pace.rate ?? 0)
        else {
          // Somebody paused or cancelled it.
          group.cancelAll()
          return false
        }
        took(appended, rows: found.rows.count)
        if !found.rest.isEmpty { idle.append(reading.number) }
      }
    }
  }
}
