package import Changes
package import JSON
import Synchronization

/// A target that loses one answer in ten and refuses one write in ten for the moment, by a seed.
package final class FlakyTarget: ChangeTarget {
  private let target: any ChangeTarget
  private let generator: Mutex<SeededNumbers>

  package init(_ target: any ChangeTarget, seed: UInt64) {
    self.target = target
    generator = Mutex(SeededNumbers(state: seed))
  }

  package func apply(_ writes: [Write]) async -> [Outcome] {
    switch generator.withLock({ Int.random(in: 0..<10, using: &$0) }) {
    case 0: return writes.map { _ in .retry(Self.failure, after: nil) }
    case 1:
      _ = await target.apply(writes)
      return writes.map { _ in .unknown(Self.failure) }
    default: return await target.apply(writes)
    }
  }

  package func records(_ keys: [RecordKey]) async throws -> [RecordKey: Record] { try await target.records(keys) }
  package func find(_ match: JSONObject) async throws -> [Record] { try await target.find(match) }
  package func chunk(from position: Position?, limit: Int) async throws -> Chunk {
    try await target.chunk(from: position, limit: limit)
  }

  private static let failure = Failure(code: "test.fault", message: "a fault made by the test")
}
