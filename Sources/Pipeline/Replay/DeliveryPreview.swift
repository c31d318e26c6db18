package import Changes
import JSON
package import Log

/// What a delivery would do now.
package enum DeliveryPreview: Sendable {
  /// The target would be sent this.
  case write(Write)
  /// The target has it already, or keeps what it has.
  case nothing
  /// It could not be delivered yet, or at all.
  case held(Failure)
}

extension Link {
  /// What delivering a change in one direction would do if it were its turn. Reads both ends, and writes nothing.
  package func preview(_ change: Change, _ direction: Direction, log: ChangeLog) async throws -> DeliveryPreview {
    let delivery = Delivery(link: self, direction: direction, log: log, objection: { _ in nil }, intend: { _ in })
    let standing = try await log.standing(of: name, direction.source, key: change.key)
    do throws(Unmappable) {
      return try await delivery.preview(LoggedChange(sequence: .start, change: change), standing)
    } catch .waits(let reference) {
      return .held(Delivery.waits(reference))
    } catch .refused(let failure) {
      return .held(failure)
    } catch .unreadable(let error) {
      throw error
    }
  }
}

extension Delivery {
  fileprivate func preview(
    _ logged: LoggedChange, _ standing: Standing
  ) async throws(Unmappable) -> DeliveryPreview {
    let seen = try await reading { try await sourceRecord(logged.change, standing.state) }
    let fields = try await translation.fields(seen.object, at: direction.source)
    let assumed = try await assumption(fields, standing, trusting: .nothing)
    switch assumed {
    case .ambiguous(let failure), .undecided(let failure): return .held(failure)
    case .target(let target):
      let recovery = Recovery(
        standing.state?.base, standing.intents, direction, fields: fields, target: target?.fields)
      let round = Round(
        link: link, direction: direction, logged: logged, seen: seen, fields: fields, assumed: target,
        state: standing.state, recovery: recovery, policy: link.policy, rulings: standing.rulings)
      return try await request(round).map { .write($0) } ?? .nothing
    }
  }
}
