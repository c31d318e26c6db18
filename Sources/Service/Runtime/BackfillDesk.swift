package import Changes
package import Config
package import Log
import Logging
import Replay

/// What `tidemark backfill` asks for: looked at first, then written down, then carried out or watched.
package struct BackfillDesk: Sendable {
  /// What a request would read.
  package struct Plan: Sendable {
    package let link: LinkName
    package let side: Side
    package let endpoint: EndpointName
    package let options: BackfillOptions
    package let keys: [RecordKey]?
    /// Nil: only reading everything would tell.
    package let total: RowCount?
  }

  let configuration: Configuration
  let assembly: Assembly

  /// Opens every database and connector of the configuration.
  package init(_ configuration: Configuration) async throws {
    self.configuration = configuration
    assembly = try await Assembly(configuration)
  }

  /// Looks at the ends and changes nothing.
  /// - Throws: `Failure` where a link does not carry rows from that side, or the selection cannot be read.
  package func plans(
    _ names: [String], _ side: Side, _ options: BackfillOptions, keys: [RecordKey]?
  ) async throws -> [Plan] {
    let direction: Direction = side == .local ? .push : .pull
    var plans: [Plan] = []
    for link in try assembly.links(named: names) {
      guard assembly.directions(of: link.name).contains(direction) else {
        // Where all links are meant, those that go the other way are none of them.
        if names.isEmpty { continue }
        throw Failure(
          code: "link.direction",
          message: "link \(link.name) has direction: \(direction.opposite): nothing goes from its \(side.origin)"
            + " to the other side")
      }
      let total =
        if let keys {
          RowCount(Int64(keys.count), isExact: true)
        } else {
          try await link[side].target.rowCount(options.selection)
        }
      plans.append(
        Plan(
          link: link.name, side: side, endpoint: link[side].name, options: options, keys: keys, total: total))
    }
    guard !plans.isEmpty else {
      throw Failure(code: "link.direction", message: "no link carries anything from its \(side.origin)")
    }
    return plans
  }

  /// Writes requests down. A running service begins with them within a second.
  package func request(_ plans: [Plan], _ log: ChangeLog) async throws -> [Int64] {
    var ids: [Int64] = []
    for plan in plans {
      let backfill = try await log.requestBackfill(
        of: plan.link, plan.side, reason: Backfill.requested, options: plan.options, keys: plan.keys,
        total: plan.total)
      ids.append(backfill.id)
    }
    return ids
  }
}

extension ChangeLog {
  /// The log as a command takes it that may have to do the work itself: to write where no service does.
  package static func forCommand(_ configuration: Configuration) async throws -> (log: ChangeLog, isOurs: Bool) {
    do {
      return (try await ChangeLog(path: configuration.log, access: .writer), true)
    } catch LogError.inUse {
      return (try await ChangeLog(path: configuration.log, access: .reader), false)
    }
  }
}
