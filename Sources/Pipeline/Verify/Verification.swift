package import Changes
import JSON
package import Log
import Mapping
package import Replay

/// A record whose two sides are not equal.
package struct Difference: Hashable, Sendable {
  package enum Kind: String, Sendable {
    case missingLocally = "missing locally"
    case missingRemotely = "missing remotely"
    case differing
  }

  package let kind: Kind
  /// Nil where the record is missing at that side.
  package let local: RecordKey?
  package let remote: RecordKey?
  /// The linked fields that differ.
  package let fields: [String]
}

/// Compares both sides of a link, record by record, after mapping.
package struct Verification: Sendable {
  private static let chunkRows = 500

  private let link: Link
  private let log: ChangeLog
  private let translation: Translation

  package init(_ link: Link, log: ChangeLog) {
    self.link = link
    self.log = log
    translation = Translation(link: link.name, mapping: link.mapping, log: log)
  }

  /// Reads everything at both sides. What differs is read again after `patience` and counts only if it still does, so
  /// that changes on their way are not reported.
  /// - Returns: the differences in local key order, and how many records were compared.
  package func run(patience: Duration) async throws -> (differences: [Difference], compared: Int) {
    var (differences, compared) = try await compare()
    if !differences.isEmpty, patience > .zero {
      try await Task.sleep(for: patience)
      let again = try await compare()
      differences = differences.filter(again.differences.contains)
      compared = again.compared
    }
    return (differences, compared)
  }

  private func compare() async throws -> (differences: [Difference], compared: Int) {
    let remote = try await records(at: .remote)
    let local = try await records(at: .local)
    let states = try await log.states(of: link.name).filter { $0.base != nil }
    var partners = Dictionary(uniqueKeysWithValues: states.map { ($0.local.key, $0.remote.key) })
    var differences: [Difference] = []
    var unmatched = remote
    for (key, fields) in local.sorted(by: { $0.key.encoded < $1.key.encoded }) {
      guard let partner = partners.removeValue(forKey: key), let other = remote[partner] else {
        differences.append(Difference(kind: .missingRemotely, local: key, remote: nil, fields: []))
        continue
      }
      unmatched[partner] = nil
      let names = link.mapping.names.filter { fields?[$0] != other?[$0] || fields == nil }
      if !names.isEmpty { differences.append(Difference(kind: .differing, local: key, remote: partner, fields: names)) }
    }
    differences += unmatched.keys.sorted { $0.encoded < $1.encoded }.map {
      Difference(kind: .missingLocally, local: nil, remote: $0, fields: [])
    }
    return (differences, local.count + unmatched.count)
  }

  /// Nil fields: the record cannot be told in canonical form, for example because it refers to an unknown record.
  private func records(at side: Side) async throws -> [RecordKey: JSONObject?] {
    var records: [RecordKey: JSONObject?] = [:]
    var place: Position?
    repeat {
      let chunk = try await link[side].target.chunk(from: place, limit: Self.chunkRows)
      for record in chunk.records {
        records.updateValue(try await fields(of: record, at: side), forKey: record.key)
      }
      place = chunk.next
    } while place != nil
    return records
  }

  private func fields(of record: Record, at side: Side) async throws -> JSONObject? {
    do throws(Unmappable) {
      return try await translation.fields(record.fields, at: side)
    } catch .unreadable(let error) {
      throw error
    } catch {
      return nil
    }
  }
}
