package import Changes
package import Log
package import Reconcile
package import Replay
package import Verify

/// `tidemark backfill --match`: the first meeting of the sides of a link, looked at and then carried out.
package struct BackfillMeeting: Sendable {
  /// How long an end may give no answer while it is read.
  private static let patience = Duration.seconds(60)

  private let link: Link
  private let meeting: Meeting
  private let allowsCreates: Bool

  fileprivate init(link: Link, meeting: Meeting, allowsCreates: Bool) {
    self.link = link
    self.meeting = meeting
    self.allowsCreates = allowsCreates
  }

  /// Reads both sides and writes nothing.
  package func look(report: (_ local: Int64, _ remote: Int64) -> Void) async throws -> Meeting.Findings {
    try await meeting.look(patience: Self.patience, report: report)
  }

  /// Links the pairs, and says which backfills carry the rest over.
  /// - Throws: `Failure` with the figures where it looks like a mistake that nobody has said is meant.
  package func bringTogether(
    _ findings: Meeting.Findings, _ options: BackfillOptions
  ) async throws -> (linked: Int64, plans: [BackfillDesk.Plan]) {
    let doubt = findings.figures.doubt(local: link.local.name, remote: link.remote.name)
    if !allowsCreates, let doubt {
      throw Failure(
        code: "meeting.creates",
        message:
          "\(link.name): \(doubt); nothing was written. Look at the address and the key first; if it is meant, say"
          + " --allow-creates")
    }
    let (linked, rest) = try await meeting.link(findings)
    let plans = rest.sorted { $0.key.rawValue < $1.key.rawValue }.compactMap { side, rest -> BackfillDesk.Plan? in
      let keys: [RecordKey]? =
        switch rest {
        case .records(let keys): keys
        case .everything: nil
        }
      guard keys?.isEmpty != true else { return nil }
      let total = Int64(keys?.count ?? Int(findings.figures[side].records))
      return BackfillDesk.Plan(
        link: link.name, side: side, endpoint: link[side].name, options: options, keys: keys,
        total: RowCount(total, isExact: keys != nil))
    }
    return (linked, plans)
  }
}

extension BackfillDesk {
  /// The links with these names; all of them where none is named.
  package func links(named names: [String]) throws -> [Link] { try assembly.links(named: names) }

  /// - Parameter policy: who wins in what the sides never agreed on; nil: as the link says.
  /// - Throws: `Failure` for a policy where the link's source is always right.
  package func meeting(
    of link: Link, _ log: ChangeLog, _ policy: FirstContact?, allowsCreates: Bool
  ) throws(Failure) -> BackfillMeeting {
    guard policy == nil || link.isTwoWay else {
      throw Failure(
        code: "usage.policy",
        message:
          "link \(link.name) goes one way: its source is right, and there is nothing to decide; leave out --policy")
    }
    let meeting = Meeting(link, directions: assembly.directions(of: link.name), log: log, firstContact: policy)
    return BackfillMeeting(link: link, meeting: meeting, allowsCreates: allowsCreates)
  }
}
