import Changes
import Foundation
import JSON
import Support
import Synchronization
import Testing
import YAML

@testable import Connectors

/// What an application allows is never exceeded, whoever asks.
@Suite struct QuotaTests {
  /// A server that counts what it was sent, at the moment it read it.
  private struct Meter {
    let limit: Int
    let per: Duration
    private var seen: [ContinuousClock.Instant] = []
    private(set) var most = 0

    init(limit: Int, per: Duration) {
      self.limit = limit
      self.per = per
    }

    /// - Parameter moments: when requests came, in any order.
    mutating func count(_ moments: [ContinuousClock.Instant]) {
      seen = moments.sorted()
      var first = 0
      for (index, moment) in seen.enumerated() {
        while seen[first] + per <= moment { first += 1 }
        most = max(most, index - first + 1)
      }
    }
  }

  @Test(arguments: [1, 2, 3, 4, 5])
  func `Two days of live, retried and backfilled requests stay below 50 a second and 1,000 a day`(
    _ seed: UInt64
  ) {
    var numbers = SeededNumbers(state: seed)
    var quota = Quota([.init(limit: 50, per: .seconds(1)), .init(limit: 1000, per: .days(1))], reserve: 0)
    let start = ContinuousClock.now
    var now = start
    var answers: [(at: ContinuousClock.Instant, isOpen: Bool)] = []
    var arrivals: [ContinuousClock.Instant] = []
    var sent: [Urgency: Int] = [:]
    while now < start + .days(2) {
      for index in answers.indices where answers[index].isOpen && answers[index].at <= now {
        answers[index].isOpen = false
        quota.answered(at: answers[index].at)
      }
      answers.removeAll { !$0.isOpen }
      let urgency = Urgency.allCases.randomElement(using: &numbers) ?? .live
      if let wait = quota.wait(urgency, at: now) {
        // Everybody waits for as long as it takes until somebody may go, or for less.
        now += wait > .seconds(60) ? .seconds(Int.random(in: 1...600, using: &numbers)) : min(wait, .milliseconds(20))
        continue
      }
      quota.send()
      sent[urgency, default: 0] += 1
      // Somewhere on the way it is read; somewhat later it is answered.
      let read = now + .milliseconds(Int.random(in: 0...400, using: &numbers))
      arrivals.append(read)
      answers.append((read + .milliseconds(Int.random(in: 0...400, using: &numbers)), true))
      now += .milliseconds(Int.random(in: 0...5, using: &numbers))
    }
    var second = Meter(limit: 50, per: .seconds(1))
    var day = Meter(limit: 1000, per: .days(1))
    second.count(arrivals)
    day.count(arrivals)
    #expect(second.most <= 50, "seed \(seed)")
    #expect(day.most <= 1000, "seed \(seed)")
    // It is used, too: of two days nearly two allowances.
    #expect(arrivals.count > 1900, "seed \(seed): \(arrivals.count)")
    #expect(sent.values.allSatisfy { $0 > 0 })
  }

  @Test func `A backfill leaves room for what is live, and a retry does`() {
    var quota = Quota([.init(limit: 100, per: .seconds(60))], reserve: 10)
    let now = ContinuousClock.now
    func sendAll(_ urgency: Urgency) -> Int {
      var count = 0
      while quota.wait(urgency, at: now) == nil {
        quota.send()
        quota.answered(at: now)
        count += 1
      }
      return count
    }
    // Ten are others'; of the ninety a backfill has four fifths, a retry nine tenths.
    #expect(sendAll(.backfill) == 72)
    #expect(sendAll(.retry) == 9)
    #expect(sendAll(.live) == 9)
  }

  @Test func `A bucket gives what is in it at once, and then as fast as it fills`() {
    var quota = Quota([.init(limit: 2, per: .seconds(1), burst: 40)], reserve: 0)
    let start = ContinuousClock.now
    var now = start
    var moments: [ContinuousClock.Instant] = []
    while now < start + .seconds(60) {
      if let wait = quota.wait(.live, at: now) {
        now += wait
      } else {
        quota.send()
        quota.answered(at: now)
        moments.append(now)
      }
    }
    #expect(moments.count { $0 == start } == 40)
    #expect(moments.count <= 40 + 2 * 60)
    #expect(moments.count > 40 + 2 * 60 - 5)
  }

  @Test func `What an answer tells about the use by others counts`() {
    var quota = Quota([.init(limit: 60, per: .seconds(60))], reserve: 0)
    let now = ContinuousClock.now
    quota.send()
    quota.answered(at: now)
    quota.learn(per: .seconds(60), used: { $0 - 2 }, at: now)
    quota.send()
    quota.send()
    #expect(quota.wait(.live, at: now) != nil)
    #expect(quota.wait(.live, at: now + .seconds(62)) == nil)
  }

  @Test func `Over loopback, no second sees more than it may, and what exceeds the day is told to wait for it`()
    async throws
  {
    let arrivals = Mutex<[ContinuousClock.Instant]>([])
    let connector = try ScriptedConnector(
      rest: "limits: { concurrency: 16, rates: [40/s, 70/1d] }",
      { _ in
        arrivals.withLock { $0.append(.now) }
        return .json(200, #"{"id":"1","items":[]}"#)
      })
    let waits = await withTaskGroup(of: Duration?.self) { group in
      for number in 0..<70 {
        group.addTask {
          let write = Write(
            .update, key: RecordKey(.string("\(number)")), fields: ["n": 1], expected: nil, idempotencyKey: "\(number)")
          if case .unavailable(_, let after) = await connector.apply(write) { return after }
          return nil
        }
        group.addTask {
          do {
            _ = try await connector.object.chunk(from: nil, limit: 1)
            return nil
          } catch {
            return (error as? EndUnavailable)?.after
          }
        }
      }
      return await group.reduce(into: [Duration]()) { if let wait = $1 { $0.append(wait) } }
    }
    let seen = arrivals.withLock { $0 }
    var second = Meter(limit: 40, per: .seconds(1))
    second.count(seen)
    #expect(second.most <= 40)
    #expect(seen.count == 70)
    #expect(waits.count == 70)
    #expect(waits.allSatisfy { $0 > .seconds(3600) })
  }

  @Test func `Refusals that name no time are met with growing patience`() async throws {
    let connector = try ScriptedConnector { _ in .json(429, "{}") }
    let write = Write(.update, key: RecordKey("1"), fields: ["n": 1], expected: nil, idempotencyKey: "k")
    guard case .unavailable(let failure, _)? = await connector.apply(write),
      case .unavailable(_, let after?)? = await connector.apply(write)
    else {
      Issue.record("expected an outage")
      return
    }
    #expect(failure.code == "http.429")
    #expect(after <= .seconds(2))
    #expect(connector.server.requests.count == 1)
  }

  @Test(arguments: ["7200", "7200.0", "DATE"]) func `Retry-After is kept in full in all its forms`(_ form: String)
    async throws
  {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: "UTC")
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    let value = form == "DATE" ? formatter.string(from: Date(timeIntervalSinceNow: 7200)) : form
    let connector = try ScriptedConnector { _ in .json(429, "{}", headers: [("Retry-After", value)]) }
    await #expect { try await connector.object.records([RecordKey("1")]) } throws: {
      ($0 as? EndUnavailable)?.after.map { $0 > .seconds(7100) && $0 <= .seconds(7201) } ?? false
    }
  }
}
