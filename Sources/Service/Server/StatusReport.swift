package import Changes

/// How everything stands at one moment: what `/api/v1/status`, the status page and `tidemark status` show.
/// Holds no row values beyond keys and field names, and no secrets.
package struct StatusReport: Sendable, Hashable {
  package enum State: String, Sendable, Hashable, CaseIterable {
    case running, starting, paused, stalled, stopped
  }

  /// The worst of everything below: stalled before starting before paused before running.
  package var state: State
  package var generatedAt: Timestamp
  package var service: Service
  package var log: Log
  package var sources: [Source] = []
  package var links: [Link] = []
  /// Those that are not ended, and those that ended a short while ago, oldest first.
  package var backfills: [Backfill] = []
  /// The most recent first.
  package var conflicts: [Conflict] = []
  /// The most recent first.
  package var deadLetters: [DeadLetter] = []

  package init(state: State, generatedAt: Timestamp, service: Service, log: Log) {
    self.state = state
    self.generatedAt = generatedAt
    self.service = service
    self.log = log
  }

  /// The process that answers, or that was found not to run.
  package struct Service: Sendable, Hashable {
    package var isRunning: Bool
    package var processID: Int64?
    package var version: String
    package var uptime: Duration?

    package init(isRunning: Bool, processID: Int64? = nil, version: String, uptime: Duration? = nil) {
      self.isRunning = isRunning
      self.processID = processID
      self.version = version
      self.uptime = uptime
    }
  }

  package struct Log: Sendable, Hashable {
    /// Without credentials.
    package var path: String
    package var bytes: Int64
    package var first: LogSequence
    package var last: LogSequence
    /// Why it is older or larger than it is configured to be.
    package var hold: String?

    package init(path: String, bytes: Int64, first: LogSequence, last: LogSequence) {
      self.path = path
      self.bytes = bytes
      self.first = first
      self.last = last
    }
  }

  /// Why a stage stands still. `reason` and `advice` are those of the telemetry's stall reasons.
  package struct Standstill: Sendable, Hashable {
    package var stage: String
    package var reason: String
    package var advice: String
    package var detail: String?
    package var since: Timestamp?

    package init(stage: String, reason: String, advice: String, detail: String? = nil, since: Timestamp? = nil) {
      self.stage = stage
      self.reason = reason
      self.advice = advice
      self.detail = detail
      self.since = since
    }
  }

  /// A database, or one object of a connector.
  package struct Source: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable { case database, connector }

    package var name: String
    package var kind: Kind
    package var state: State
    package var captureLagSeconds: Double?
    package var watermark: String?
    /// Changes that entered the log from here, ever.
    package var capturedTotal: Int64 = 0
    package var outboxChanges: Int64?
    /// What the database keeps for changes that are not in the log yet, and how much more it will keep.
    package var retainedBytes: Int64?
    package var safeBytes: Int64?
    /// When it lets changes go if it goes on as it does; nil while that is not in sight.
    package var fullInSeconds: Double?
    package var oldestTransactionSeconds: Double?
    package var oldestTransactionHolder: String?
    package var stalled: Standstill?

    package init(name: String, kind: Kind, state: State) {
      self.name = name
      self.kind = kind
      self.state = state
    }
  }

  package struct Link: Sendable, Hashable {
    package var name: String
    package var local: String
    package var remote: String
    /// As configured: `push`, `pull` or `both`.
    package var direction: String
    package var state: State
    package var push: Way?
    package var pull: Way?
    package var conflictsOpen: Int64 = 0
    package var conflictsTotal: Int64 = 0
    package var deadLetters: Int64 = 0
    /// Nil: its sides were never compared.
    package var verified: Verified?
    /// Set while its changes rest in the log since somebody wants it so.
    package var paused: Pause?

    package init(name: String, local: String, remote: String, direction: String, state: State) {
      self.name = name
      self.local = local
      self.remote = remote
      self.direction = direction
      self.state = state
    }
  }

  package struct Pause: Sendable, Hashable {
    package var at: Timestamp
    package var reason: String?

    package init(at: Timestamp, reason: String?) {
      self.at = at
      self.reason = reason
    }
  }

  /// How the last comparison of a link's sides ended.
  package struct Verified: Sendable, Hashable {
    package var at: Timestamp
    package var compared: Int64
    package var differences: Int64
    package var inFlight: Int64

    package init(at: Timestamp, compared: Int64, differences: Int64, inFlight: Int64) {
      self.at = at
      self.compared = compared
      self.differences = differences
      self.inFlight = inFlight
    }
  }

  /// One direction of a link.
  package struct Way: Sendable, Hashable {
    package var pendingChanges: Int64
    package var replayLagSeconds: Double
    /// Writes to the target, those after a merge included.
    package var deliveredTotal: Int64
    /// Writes for which both sides had changed the record.
    package var mergedTotal: Int64
    package var watermark: LogSequence
    /// Changes held back by an earlier one.
    package var waiting: Int64
    package var stalled: Standstill?
    /// Nil where no service runs that has looked for a while.
    package var trend: Trend?

    package init(
      pendingChanges: Int64, replayLagSeconds: Double, deliveredTotal: Int64, mergedTotal: Int64 = 0,
      watermark: LogSequence,
      waiting: Int64 = 0, stalled: Standstill? = nil
    ) {
      self.pendingChanges = pendingChanges
      self.replayLagSeconds = replayLagSeconds
      self.deliveredTotal = deliveredTotal
      self.mergedTotal = mergedTotal
      self.watermark = watermark
      self.waiting = waiting
      self.stalled = stalled
    }
  }

  package struct Conflict: Sendable, Hashable {
    package var id: Int64
    package var link: String
    package var key: String
    package var fields: [String]
    /// `open`, or how it was settled.
    package var resolution: String
    package var at: Timestamp

    package init(id: Int64, link: String, key: String, fields: [String], resolution: String, at: Timestamp) {
      self.id = id
      self.link = link
      self.key = key
      self.fields = fields
      self.resolution = resolution
      self.at = at
    }
  }

  package struct DeadLetter: Sendable, Hashable {
    package var id: Int64
    package var link: String
    package var direction: String
    package var key: String
    package var reason: String
    package var at: Timestamp

    package init(id: Int64, link: String, direction: String, key: String, reason: String, at: Timestamp) {
      self.id = id
      self.link = link
      self.direction = direction
      self.key = key
      self.reason = reason
      self.at = at
    }
  }
}

extension StatusReport {
  /// Everything that stands still, with what it is about, sources before links.
  package var standstills: [(name: String, standstill: Standstill)] {
    sources.compactMap { source in source.stalled.map { (source.name, $0) } }
      + links.flatMap { link in
        [("push", link.push), ("pull", link.pull)].compactMap { direction, way in
          way?.stalled.map { ("\(link.name) \(direction)", $0) }
        }
      }
  }
}
