import Changes
package import JSON
package import Log
import Mapping
package import Replay

/// Both sides of a link, record by record, as they are now: for a report that holds data of both systems.
///
/// As a verification does, it reads the remote side in pages and the partners by key; memory is that of a page.
package struct SideBySide: Sendable {
  package struct Row: Sendable {
    package let record: RecordPair
    /// The linked fields in canonical form, references as the local side's keys; nil: no such record there.
    package var local: JSONObject?
    package var remote: JSONObject?
    /// Of the records that this one refers to, by the field that does: what tells them apart for people.
    package var parents: [String: JSONObject] = [:]
    /// Why a side could not be told in the other's terms.
    package var remark: String?

    /// The fields that differ, of those given.
    package func differing(of names: [String]) -> [String] {
      guard let local, let remote else { return names }
      return names.filter { local[$0] ?? .null != remote[$0] ?? .null }
    }
  }

  private let link: Link
  /// The links that this one refers to, by the field that does.
  private let parents: [(field: String, link: Link)]
  private let log: ChangeLog
  private let comparison: Comparison
  private let pageRows: Int

  /// - Parameter links: all there are; those that the link refers to are looked up among them.
  package init(_ link: Link, among links: [Link], log: ChangeLog, pageRows: Int = Verification.usualPageRows) {
    self.link = link
    self.log = log
    self.pageRows = pageRows
    comparison = Comparison(link, log: log)
    parents = link.mapping.fields.compactMap { field in
      guard let name = field.reference, let parent = links.first(where: { $0.name == name }) else { return nil }
      return (field.local, parent)
    }
  }

  /// The names of the linked fields, in the link's order.
  package var fields: [String] { link.mapping.names }

  /// What is told of the records that are referred to: the field, and the fields that tell its record apart.
  package var parentFields: [(field: String, names: [String])] { parents.map { ($0.field, $0.link.match) } }

  /// Tells every record once.
  package func run(_ tell: (Row) async throws -> Void) async throws {
    let seen = try await SeenKeys()
    var place: Position?
    repeat {
      let chunk = try await link.remote.target.chunk(from: place, limit: pageRows)
      let read = Dictionary(chunk.records.map { ($0.key, $0) }) { _, last in last }
      let new = try await seen.insert(chunk.records.map(\.key)) { $0.encoded }
      let pairs = try await comparison.linked(new.map { RecordPair(.remote, $0) })
      let local = try await link.local.target.records(pairs.compactMap(\.local))
      try await tellRows(pairs, local, read, tell)
      place = chunk.next
    } while place != nil
    repeat {
      let chunk = try await link.local.target.chunk(from: place, limit: pageRows)
      let read = Dictionary(chunk.records.map { ($0.key, $0) }) { _, last in last }
      let pairs = try await comparison.linked(chunk.records.map { RecordPair(.local, $0.key) })
      let met = try await seen.contains(pairs.compactMap(\.remote))
      let unmet = try await seen.insert(pairs.filter { pair in pair.remote.map { !met.contains($0) } ?? true }) {
        "local \($0.local?.encoded ?? "")"
      }
      try await tellRows(unmet, read, [:], tell)
      place = chunk.next
    } while place != nil
  }

  private func tellRows(
    _ pairs: [RecordPair], _ local: [RecordKey: Record], _ remote: [RecordKey: Record],
    _ tell: (Row) async throws -> Void
  ) async throws {
    var rows: [Row] = []
    for pair in pairs {
      var row = Row(record: pair)
      let translation = Translation(link: link.name, mapping: link.mapping, log: log)
      row.local = try await fields(pair.local.flatMap { local[$0] }, .local, translation, &row)
      row.remote = try await fields(pair.remote.flatMap { remote[$0] }, .remote, translation, &row)
      rows.append(row)
    }
    for (field, parent) in parents { try await join(field, parent, &rows) }
    for row in rows { try await tell(row) }
  }

  private func fields(
    _ record: Record?, _ side: Side, _ translation: Translation, _ row: inout Row
  ) async throws -> JSONObject? {
    guard let record else { return nil }
    do throws(Unmappable) {
      return try await translation.fields(record.fields, at: side)
    } catch .unreadable(let error) {
      throw error
    } catch .refused(let failure) {
      row.remark = failure.message
    } catch .waits(let reference) {
      row.remark = "it refers to \(reference.link) \(reference.key), which is not linked"
    }
    return nil
  }

  /// The parents of a page are read together, at the side whose keys the references are.
  private func join(_ field: String, _ parent: Link, _ rows: inout [Row]) async throws {
    func key(_ row: Row) -> RecordKey? {
      let value = (row.local ?? row.remote)?[field] ?? .null
      return value.isNull ? nil : RecordKey(value)
    }
    let keys = Set(rows.compactMap(key))
    guard !keys.isEmpty else { return }
    let records = try await parent.local.target.records(Array(keys))
    for index in rows.indices {
      guard let key = key(rows[index]), let record = records[key] else { continue }
      rows[index].parents[field] = record.fields.filter { parent.match.contains($0) }
    }
  }
}
