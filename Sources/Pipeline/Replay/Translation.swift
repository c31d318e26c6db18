package import Changes
package import JSON
package import Log
package import Mapping

/// Why a record could not be brought into the other side's shape.
package enum Unmappable: Error {
  /// It refers to a record that is not known at both sides yet.
  case waits(RecordReference)
  case refused(Failure)
  /// Reading an end or the log failed on the way.
  case unreadable(any Error)
}

/// Brings records of a link into canonical form and into the shape of a side. References are looked up in the log.
package struct Translation: Sendable {
  private let link: LinkName
  private let mapping: FieldMapping
  private let log: ChangeLog

  package init(link: LinkName, mapping: FieldMapping, log: ChangeLog) {
    self.link = link
    self.mapping = mapping
    self.log = log
  }

  /// The linked fields of a record in canonical form. References are told by the local side's key values.
  package func fields(_ object: JSONObject?, at side: Side) async throws(Unmappable) -> JSONObject? {
    guard let object else { return nil }
    switch side {
    case .local: return try mapped { () throws(MappingFailure) in try mapping.fields(fromLocal: object) }
    case .remote:
      let known = try await resolve(mapping.references(inRemote: object), at: .remote)
      return try mapped { () throws(MappingFailure) in
        try mapping.fields(fromRemote: object) { known[MappedReference(link: $0, value: $1)] }
      }
    }
  }

  /// All linked fields of a record that is to be made, in the shape of one side.
  func created(_ fields: JSONObject, at side: Side) async throws(Unmappable) -> JSONObject {
    let shape = try await shape(fields, for: side)
    return side == .remote ? mapping.created(shape) : shape
  }

  /// Some linked fields in the shape of one side.
  func shape(_ fields: JSONObject, for side: Side) async throws(Unmappable) -> JSONObject {
    switch side {
    case .local: return mapping.local(fields)
    case .remote:
      let known = try await resolve(mapping.references(inFields: fields), at: .local)
      return try mapped { () throws(MappingFailure) in
        try mapping.remote(fields) { known[MappedReference(link: $0, value: $1)] }
      }
    }
  }

  /// What the other side calls the records that are referred to here; those not known yet are left out.
  private func resolve(
    _ references: [MappedReference], at side: Side
  ) async throws(Unmappable) -> [MappedReference: JSONValue] {
    var known: [MappedReference: JSONValue] = [:]
    for reference in references {
      let key = Self.key(reference, side)
      let state = try await reading { try await log.state(of: reference.link, side, key: key) }
      if let state, state.base != nil { known[reference] = state[side.opposite].key.values.first }
    }
    return known
  }

  private func mapped<Value>(_ body: () throws(MappingFailure) -> Value) throws(Unmappable) -> Value {
    do {
      return try body()
    } catch .unresolved(let reference, let side) {
      throw .waits(RecordReference(link: reference.link, side: side, key: Self.key(reference, side)))
    } catch .missing(let column) {
      // It is about the table, not about the record: no record is given up for it.
      throw .unreadable(EndUnavailable(Self.missing(column, link)))
    } catch {
      throw .refused(Failure(code: "mapping", message: "link \(link): \(error)"))
    }
  }

  private static func missing(_ column: String, _ link: LinkName) -> Failure {
    Failure(
      code: "link.column",
      message: "the table of link \(link) has no column \(column) any more: put it back; or take it out of the link's"
        + " fields, or give its new name there, and restart")
  }

  /// An object's id is text whatever the API writes it as; a local key keeps its type.
  private static func key(_ reference: MappedReference, _ side: Side) -> RecordKey {
    RecordKey(side == .remote ? .string(reference.value.plainText) : reference.value)
  }
}

/// Runs a read whose failure says that an end (or the log) cannot be read.
func reading<Value: Sendable>(_ body: () async throws -> Value) async throws(Unmappable) -> Value {
  do {
    return try await body()
  } catch {
    throw .unreadable(error)
  }
}
