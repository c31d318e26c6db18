package import Changes
import JSON
package import Log
import Mapping
package import Reconcile
package import Replay

/// The first meeting of two sides that both hold records already: which belong together, and in what they differ.
///
/// Both sides are read once, in their own pages, into a file; put in the order of the link's key there, pairs stand beside each
/// other. Memory is that of a page, whatever the sides hold. Nothing is written at either side.
package struct Meeting: Sendable {
  /// What was found, and what bringing it together needs to know.
  package struct Findings: Sendable {
    package let figures: MeetingFigures
    let records: MetRecords
    /// The end of the log before the first record was read.
    let low: LogSequence
  }

  let link: Link
  let directions: [Direction]
  let log: ChangeLog
  private let translation: Translation
  private let policy: ConflictPolicy
  private let pageRows: Int

  /// - Parameters:
  ///   - directions: those in which the link carries changes.
  ///   - firstContact: who is to win; nil: as the link says.
  package init(
    _ link: Link, directions: [Direction], log: ChangeLog, firstContact: FirstContact?, pageRows: Int = 1_000
  ) {
    self.link = link
    self.directions = directions
    self.log = log
    self.pageRows = pageRows
    translation = Translation(link: link.name, mapping: link.mapping, log: log)
    var policy = link.policy
    if let firstContact { policy.firstContact = firstContact }
    self.policy = policy
  }

  /// - Parameters:
  ///   - patience: how long an end may give no answer.
  ///   - report: sees how many records of each side were read so far.
  package func look(
    patience: Duration, report: (_ local: Int64, _ remote: Int64) -> Void = { _, _ in }
  ) async throws -> Findings {
    let low = try await log.end()
    let records = try await MetRecords()
    let patience = Patience(longest: patience)
    var counts: (local: Int64, remote: Int64) = (0, 0)
    for side in Side.allCases {
      var place: Position?
      repeat {
        let from = place
        let chunk = try await patience.reading { try await link[side].target.chunk(from: from, limit: pageRows) }
        try await records.insert(try await met(chunk.records, side))
        if side == .local {
          counts.local += Int64(chunk.records.count)
        } else {
          counts.remote += Int64(chunk.records.count)
        }
        report(counts.local, counts.remote)
        place = chunk.next
      } while place != nil
    }
    var figures = MeetingFigures()
    try await records.groups { group in count(group, &figures) }
    return Findings(figures: figures, records: records, low: low)
  }

  private func met(_ records: [Record], _ side: Side) async throws -> [MetRecord] {
    let states = try await log.states(of: link.name, side, keys: records.map(\.key))
    var met: [MetRecord] = []
    for record in records {
      let fields = try await fields(of: record, side)
      let values = link.match.map { fields?[$0] ?? .null }
      let column = side == .local ? link.idColumn : nil
      met.append(
        MetRecord(
          side: side, key: record.key,
          match: values.isEmpty || values.contains(.null) ? "" : JSONValue.array(values).text, fields: fields,
          version: record.version, stamp: record.stamp, changedAt: record.modifiedAt,
          isLinked: states[record.key]?.base != nil,
          remoteID: column.flatMap { record.fields[$0] }.flatMap { $0.isNull ? nil : $0.plainText }))
    }
    return met
  }

  /// Nil where they cannot be told in the link's terms. A reference to a record that has not met its counterpart yet is left
  /// out: what it means there is not known before.
  private func fields(of record: Record, _ side: Side) async throws -> JSONObject? {
    do throws(Unmappable) {
      return try await translation.fields(record.fields, at: side)
    } catch .waits {
      return link.mapping.values(of: link.mapping.names, in: record.fields, at: side)
    } catch .refused {
      return nil
    } catch .unreadable(let error) {
      throw error
    }
  }

  // MARK: - What belongs together

  /// Two records that only each other can be.
  struct Pairing {
    let local: MetRecord
    let remote: MetRecord
    /// What both hold; nil: one of them cannot be told.
    let shared: JSONObject?
    /// Fields in which they differ.
    let differing: [String]
    /// Fields whose meaning is not known yet.
    let isUnresolved: Bool
    let verdict: Verdict
  }

  enum Kinship {
    case pair(Pairing)
    /// Records of one side that the other has nothing for.
    case alone(MetRecord)
    case linked
    case ambiguous
  }

  func kinship(_ group: MetGroup) -> Kinship {
    let (local, remote) = (group.local, group.remote)
    switch (local.strangers, remote.strangers) {
    case (0, 0): return .linked
    case (1, 0) where remote.linked == 0 && local.linked == 0: return local.first.map { .alone($0) } ?? .linked
    case (0, 1) where local.linked == 0 && remote.linked == 0: return remote.first.map { .alone($0) } ?? .linked
    case (1, 1) where local.linked == 0 && remote.linked == 0:
      guard let here = local.first, let there = remote.first else { return .linked }
      return .pair(pairing(here, there))
    default: return .ambiguous
    }
  }

  private func pairing(_ local: MetRecord, _ remote: MetRecord) -> Pairing {
    guard let here = local.fields, let there = remote.fields else {
      return Pairing(
        local: local, remote: remote, shared: nil, differing: [], isUnresolved: false, verdict: Verdict())
    }
    let told = link.mapping.names.filter { here[$0] != nil && there[$0] != nil }
    let (mine, theirs) = (here.filter(told.contains), there.filter(told.contains))
    let shared = agreed(base: nil, local: mine, remote: theirs)
    // One way, the source is right: as if both had agreed on what the target holds.
    let ancestor = directions.count > 1 ? shared : directions.first?.target == .local ? mine : theirs
    return Pairing(
      local: local, remote: remote, shared: shared, differing: told.filter { mine[$0] != theirs[$0] },
      isUnresolved: told.count < link.mapping.names.count,
      verdict: reconcile(
        base: ancestor, local: SideState(fields: mine, changedAt: local.changedAt),
        remote: SideState(fields: theirs, changedAt: remote.changedAt), policy: policy))
  }

  private func count(_ group: MetGroup, _ figures: inout MeetingFigures) {
    for side in Side.allCases {
      figures[side].records += Int64(group[side].linked + group[side].strangers)
      figures[side].linked += Int64(group[side].linked)
    }
    switch kinship(group) {
    case .linked: break
    case .alone(let record):
      figures[record.side].alone += 1
      if record.match.isEmpty { figures[record.side].withoutKey += 1 }
      if isTold(record.side) { figures[record.side.opposite].toBeMade += 1 }
    case .ambiguous:
      for side in Side.allCases { figures[side].ambiguous += Int64(group[side].strangers) }
      guard figures.ambiguities.count < MeetingFigures.mostNamed else { break }
      figures.ambiguities.append(.init(local: group.local.names, remote: group.remote.names))
    case .pair(let pair):
      figures.pairs += 1
      if pair.shared == nil { figures.incomparable += 1 }
      if pair.isUnresolved { figures.unresolved += 1 }
      if pair.verdict.local != .nothing { figures.local.toBeChanged += 1 }
      if pair.verdict.remote != .nothing { figures.remote.toBeChanged += 1 }
      if pair.verdict.conflicts.contains(where: { $0.decision == nil }) { figures.undecided += 1 }
      guard !pair.differing.isEmpty else { break }
      figures.differing += 1
      for field in pair.differing { figures.fields[field, default: 0] += 1 }
      if figures.differences.count < MeetingFigures.mostNamed {
        figures.differences.append(RecordPair(local: pair.local.key, remote: pair.remote.key))
      }
    }
  }

  /// Whether the link carries what a side holds to the other one.
  func isTold(_ side: Side) -> Bool { directions.contains { $0.source == side } }
}
