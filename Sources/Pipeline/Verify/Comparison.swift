import Changes
import JSON
import Log
import Mapping
import Replay

/// Reads records at both sides of a link by key, and tells which are not equal after mapping. It knows nothing of time.
struct Comparison: Sendable {
  let link: Link
  let log: ChangeLog
  private let translation: Translation

  init(_ link: Link, log: ChangeLog) {
    self.link = link
    self.log = log
    translation = Translation(link: link.name, mapping: link.mapping, log: log)
  }

  /// Completes pairs by what the link knows now.
  func linked(_ records: [RecordPair]) async throws -> [RecordPair] {
    let byLocal = try await log.states(of: link.name, .local, keys: records.compactMap(\.local))
    let byRemote = try await log.states(
      of: link.name, .remote, keys: records.filter { $0.local == nil }.compactMap(\.remote))
    var known: Set<RecordPair> = []
    return records.map { record -> RecordPair in
      let state = record.local.flatMap { byLocal[$0] } ?? record.remote.flatMap { byRemote[$0] }
      guard let state, state.base != nil else { return record }
      return RecordPair(local: state.local.key, remote: state.remote.key)
    }.filter { known.insert($0).inserted }
  }

  /// Reads the pairs at both sides, those in `read` excepted, and compares them.
  /// - Parameter read: what was read already, by the key of its side.
  func differences(
    _ records: [RecordPair], read: [Side: [RecordKey: Record]] = [:]
  ) async throws -> [Difference] {
    let local = try await self.read(records, .local, read[.local])
    let remote = try await self.read(records, .remote, read[.remote])
    var differences: [Difference] = []
    for record in records {
      let here = record.local.flatMap { local[$0] }
      let there = record.remote.flatMap { remote[$0] }
      if let difference = try await difference(record, here, there) { differences.append(difference) }
    }
    return differences
  }

  private func read(
    _ records: [RecordPair], _ side: Side, _ read: [RecordKey: Record]?
  ) async throws -> [RecordKey: Record] {
    if let read { return read }
    return try await link[side].target.records(records.compactMap { $0[side] })
  }

  private func difference(_ record: RecordPair, _ local: Record?, _ remote: Record?) async throws -> Difference? {
    switch (local, remote) {
    case (nil, nil): return nil
    case (nil, _): return Difference(kind: .missingLocally, record: record, fields: [], reason: nil)
    case (_, nil): return Difference(kind: .missingRemotely, record: record, fields: [], reason: nil)
    case (let local?, let remote?):
      do throws(Unmappable) {
        let here = try await translation.fields(local.fields, at: .local) ?? [:]
        let there = try await translation.fields(remote.fields, at: .remote) ?? [:]
        let fields = link.mapping.names.map {
          Difference.Field(name: $0, local: here[$0] ?? .null, remote: there[$0] ?? .null)
        }.filter { $0.local != $0.remote }
        return fields.isEmpty ? nil : Difference(kind: .differing, record: record, fields: fields, reason: nil)
      } catch .unreadable(let error) {
        throw error
      } catch .refused(let failure) {
        return Difference(kind: .incomparable, record: record, fields: [], reason: failure.message)
      } catch .waits(let reference) {
        let reason = "it refers to \(reference.link) \(reference.key), which is not linked"
        return Difference(kind: .incomparable, record: record, fields: [], reason: reason)
      }
    }
  }
}
