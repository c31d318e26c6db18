import Changes
import JSON
import Log

/// Carries out what a person says about a conflict. What is said is put down with the conflict; changes that carry both
/// sides' present state make the deliveries that follow it, or find that there is something new to decide.
struct ConflictDesk {
  let link: Link
  let directions: [Direction]
  let log: ChangeLog

  /// - Throws: `Failure` where there is nothing to decide any more; a conflict whose sides moved on is met again first.
  func decide(_ id: Int64, _ decision: Decision, for request: ControlRequest) async throws {
    let conflict = try await conflict(id)
    guard conflict.decision == nil else {
      throw Failure(code: "conflict.decided", message: "conflict \(id) is decided already: undo that first")
    }
    if conflict.field == nil, case .value = decision {
      throw Failure(
        code: "usage.conflict", message: "conflict \(id) is about the whole record: choose database or application")
    }
    let held = try await held(conflict)
    for side in Side.allCases where held[side] != conflict.held(at: side) {
      _ = try await append(conflict, for: request, .requested)
      throw Failure(
        code: "conflict.moved",
        message: "\(link[side].name) holds something else by now: the conflict is met again; look at it once more")
    }
    guard try await log.rule(.decide(decision), on: conflict) else { throw Self.moved(id) }
    _ = try await append(conflict, for: request, .done)
  }

  func undo(_ id: Int64, for request: ControlRequest) async throws {
    let conflict = try await conflict(id)
    guard conflict.isByPerson, let decision = conflict.decision else {
      throw Failure(
        code: "conflict.undecided", message: "conflict \(id) was not decided by a person: there is nothing to undo")
    }
    guard let field = conflict.field else {
      throw Failure(
        code: "conflict.record",
        message: "conflict \(id) was about a record that one side had deleted: that cannot be undone here; make the"
          + " record again, or delete it")
    }
    let value =
      switch decision {
      case .side(let side): conflict.held(at: side) ?? .null
      case .value(let value): value
      }
    let held = try await held(conflict)
    for side in Side.allCases where held[side] != value {
      throw Failure(
        code: "conflict.moved",
        message: "\(link[side].name) does not hold any more what was decided for \(field): nothing is taken back")
    }
    guard try await log.rule(.restore(from: value), on: conflict) else { throw Self.moved(id) }
    _ = try await append(conflict, for: request, .done)
  }

  private func conflict(_ id: Int64) async throws -> ConflictRecord {
    guard let conflict = try await log.conflict(id), conflict.link == link.name else {
      throw Failure(code: "usage.conflict", message: "there is no conflict \(id) of link \(link.name)")
    }
    return conflict
  }

  private static func moved(_ id: Int64) -> Failure {
    Failure(code: "conflict.moved", message: "conflict \(id) was met again meanwhile; look at it once more")
  }

  /// What both sides hold now of the conflict's field, or of the record.
  private func held(_ conflict: ConflictRecord) async throws -> [Side: JSONValue] {
    var held: [Side: JSONValue] = [:]
    let translation = Translation(link: link.name, mapping: link.mapping, log: log)
    for side in Side.allCases {
      guard let key = conflict.pair[side] else { continue }
      let record = try await link[side].target.records([key])[key]
      do throws(Unmappable) {
        guard let fields = try await translation.fields(record?.fields, at: side) else { continue }
        held[side] = conflict.field.map { fields[$0] ?? .null } ?? .object(fields)
      } catch .waits(let reference) {
        throw Delivery.waits(reference)
      } catch .refused(let failure) {
        throw failure
      } catch .unreadable(let error) {
        throw error
      }
    }
    return held
  }

  private func append(
    _ conflict: ConflictRecord, for request: ControlRequest, _ state: ControlRequest.State
  ) async throws -> ControlRequest {
    let repair = RecordRepair(link, directions: directions)
    let changes = try await repair.changes([conflict.pair], winner: nil, origin: .decision)
    return try await log.append(changes, for: request, place: .start, state: state)
  }
}

extension ConflictRecord {
  /// The policy's name where a person decided; see `FieldConflict.byPerson`.
  package var isByPerson: Bool { policy == "decided" }

  var pair: RecordPair {
    RecordPair(local: try? RecordKey(encoded: localKey), remote: try? RecordKey(encoded: remoteKey))
  }

  /// Nil: no record.
  func held(at side: Side) -> JSONValue? { side == .local ? local : remote }
}
