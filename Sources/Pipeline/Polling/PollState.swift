import Changes

/// How far polling of one table is, and what comes next. A value: no I/O and no clock of its own.
///
/// Two walks take turns. A *round* reads what lies after the mark in the order of the cursor. A *sweep* reads every row in
/// key order, then asks for every known key whether its row is still there: it finds deletes, and whatever rounds miss.
///
/// The mark is what makes rounds safe. Rows before a place that was read may still appear: their transactions took the
/// cursor's value earlier and commit later. So a place becomes the mark only after a `Wait`; until then rounds start from
/// the mark before it, and what they read again is told by its hash.
struct PollState: Hashable, Sendable {
  /// Until nothing can appear any more that took its cursor's value before a moment: `overlap` goes by, so that whoever
  /// took a value has begun to write or has committed, and then those who are writing end, however long they take.
  ///
  /// A transaction that begins to write later than that is for the sweep.
  struct Wait: Hashable, Sendable {
    /// The moment.
    var at: Timestamp
    /// Who was writing when `overlap` had gone by; nil before.
    var writers: Set<String>?

    /// - Parameter present: who is writing at `now`.
    mutating func isOver(_ present: Set<String>, overlap: Duration, at now: Timestamp) -> Bool {
      // A clock that was set back must not make us wait for its old time.
      if at > now { at = now }
      guard PollState.left(of: overlap, since: at, at: now) == .zero else { return false }
      guard let writers else {
        writers = present
        return present.isEmpty
      }
      return writers.isDisjoint(with: present)
    }
  }

  /// A place that was read and may become the mark.
  struct Candidate: Hashable, Sendable {
    var mark: CursorMark?
    var wait: Wait
  }

  struct Round: Hashable, Sendable {
    /// Where the next page starts.
    var place: CursorMark?
    /// The last mark that was read.
    var last: CursorMark?
    /// It began when nothing before the candidate could appear any more: at its end all of that was read.
    var isDecisive: Bool
    var at: Timestamp
  }

  struct Sweep: Hashable, Sendable {
    enum Phase: Hashable, Sendable {
      /// Rows after a key.
      case rows(RecordKey?)
      /// Known keys after a key are counted: many rows seem to be gone.
      case count(RecordKey?)
      /// Too many are gone: somebody has to say that this is meant.
      case held
      /// Known keys after a key.
      case keys(RecordKey?)
    }
    var phase = Phase.rows(nil)
    var at: Timestamp
    /// How many rows were read.
    var rows = 0
    /// How many rows were known when all had been read.
    var known = 0
    /// How many were found gone, in this phase.
    var gone = 0
    /// When it was held, or was told that it may go on.
    var heldAt: Timestamp?
    /// So many may be gone.
    var confirmed = 0
    /// The word for what the table held when it began, where there is one.
    var version: String?
  }

  enum Step: Hashable, Sendable {
    /// Ask for the highest mark: `begin`.
    case begin
    /// Ask for the writers: `beginRound`.
    case beginRound
    /// Read a page of the round: `read(round:)`.
    case page(after: CursorMark?)
    /// Read a chunk of rows: `read(sweep:)`.
    case rows(after: RecordKey?)
    /// Ask for known keys and count those that are gone: `counted`.
    case count(after: RecordKey?)
    /// Ask whether so many may be gone: `confirm`.
    case held
    /// Ask for known keys: `checked`.
    case keys(after: RecordKey?)
    case rest(Duration)
  }

  /// Whether marks and walks are of the table as it is configured.
  var hasBegun = false
  /// The cursor column that `mark` is about.
  var cursor: String?
  /// Rounds start after it; nil: at the beginning.
  var mark: CursorMark?
  var candidate: Candidate?
  var round: Round?
  /// When the last round began.
  var roundAt: Timestamp?
  var sweep: Sweep?
  /// When the last sweep that came to its end began; nil: there was none, so what it finds is no news but the beginning.
  var sweptAt: Timestamp?
  /// The word for what the last sweep that came to its end found.
  var version: String?
  /// The first mark was taken without waiting: a sweep that begins when this is over finds what came late.
  var late: Wait?
  /// A sweep is due whatever the time.
  var owesSweep = false
  /// After a round it is the sweep's turn.
  var isSweepNext = false
}

extension PollState {
  /// What to do now.
  func step(at now: Timestamp, _ settings: PollSettings) -> Step {
    guard hasBegun, cursor == settings.cursor else { return .begin }
    if let round { return .page(after: round.place) }
    let (untilRound, untilSweep) = (untilRound(now, settings), untilSweep(now, settings))
    if untilRound == .zero, !isSweepNext || untilSweep > .zero { return .beginRound }
    switch sweep?.phase {
    case .rows(let key): return .rows(after: key)
    case .count(let key): return .count(after: key)
    case .held: return .held
    case .keys(let key): return .keys(after: key)
    case nil: return untilSweep == .zero ? .rows(after: nil) : .rest(min(untilRound ?? untilSweep, untilSweep))
    }
  }

  private func untilRound(_ now: Timestamp, _ settings: PollSettings) -> Duration? {
    cursor == nil ? nil : roundAt.map { settings.every.wait(since: $0, at: now) } ?? .zero
  }

  private func untilSweep(_ now: Timestamp, _ settings: PollSettings) -> Duration {
    if sweep != nil || owesSweep { return .zero }
    guard let sweptAt else { return .zero }
    return (cursor == nil ? settings.every : .every(settings.sweep)).wait(since: sweptAt, at: now)
  }

  /// Zero where the time has come, and where the clock was set back behind the last time.
  private static func left(of interval: Duration, since last: Timestamp?, at now: Timestamp) -> Duration {
    guard let last, last <= now else { return .zero }
    return max(.zero, interval - .microseconds(now.microseconds - last.microseconds))
  }

  /// Starts anew, with a sweep: changes after `highest` are for the rounds, everything else is for the sweep.
  mutating func begin(_ settings: PollSettings, highest: CursorMark?, at now: Timestamp) {
    self = PollState(
      hasBegun: true, cursor: settings.cursor, mark: highest, sweep: Sweep(at: now), sweptAt: sweptAt,
      late: settings.cursor == nil ? nil : Wait(at: now))
  }

  /// - Parameter writers: those at work now.
  mutating func beginRound(_ writers: Set<String>, _ settings: PollSettings, at now: Timestamp) {
    if late?.isOver(writers, overlap: settings.overlap, at: now) == true {
      late = nil
      owesSweep = true
    }
    let isDecisive = candidate?.wait.isOver(writers, overlap: settings.overlap, at: now) ?? false
    round = Round(place: mark, last: mark, isDecisive: isDecisive, at: now)
    roundAt = now
  }

  /// A page of the round was read.
  mutating func read(round page: PolledPage) {
    guard var round else { return }
    if let last = page.rows.last { round.place = CursorMark(cursor: last.cursor, key: last.key) }
    // Rows that are no marks come last.
    if let last = page.rows.last(where: \.isMark) { round.last = CursorMark(cursor: last.cursor, key: last.key) }
    self.round = round
    if page.isLast { end(round) }
  }

  private mutating func end(_ round: Round) {
    self.round = nil
    isSweepNext = true
    if round.isDecisive, let candidate {
      mark = candidate.mark
      self.candidate = nil
    }
    if candidate == nil, round.last != mark { candidate = Candidate(mark: round.last, wait: Wait(at: round.at)) }
  }

  /// The table holds what the last sweep found: one that would begin now is over.
  mutating func skipSweep(at now: Timestamp) {
    isSweepNext = false
    owesSweep = false
    sweep = nil
    sweptAt = now
  }

  /// A chunk of the sweep was read; the first one begins it.
  /// - Parameter known: how many rows are known; asked for with the last chunk only.
  mutating func read(sweep page: PolledPage, known: Int = 0, _ settings: PollSettings, at now: Timestamp) {
    isSweepNext = false
    if sweep == nil {
      sweep = Sweep(at: now)
      owesSweep = false
    }
    sweep?.rows += page.rows.count
    guard page.isLast else {
      sweep?.phase = .rows(page.rows.last?.key)
      return
    }
    sweep?.known = known
    // Rows that came while it read may be among the known ones, so this is no more than a suspicion.
    let isSuspicious = known - (sweep?.rows ?? 0) > settings.mayBeGone(of: known)
    sweep?.phase = isSuspicious ? .count(nil) : .keys(nil)
  }

  /// Known keys up to `last` were looked up and some found gone, of which nothing was told yet; nil: there are no more.
  mutating func counted(_ gone: Int, through last: RecordKey?, _ settings: PollSettings, at now: Timestamp) {
    isSweepNext = false
    sweep?.gone += gone
    if let last {
      sweep?.phase = .count(last)
    } else if mayTell(0, settings) {
      tellDeletes()
    } else {
      hold(at: now)
    }
  }

  /// Whether `more` rows may be told as deleted on top of those that were found gone already.
  func mayTell(_ more: Int, _ settings: PollSettings) -> Bool {
    guard let sweep else { return false }
    return sweep.gone + more <= max(settings.mayBeGone(of: sweep.known), sweep.confirmed)
  }

  mutating func hold(at now: Timestamp) {
    sweep?.phase = .held
    sweep?.heldAt = now
  }

  /// Somebody has said that as many may be gone as were found.
  mutating func confirm() {
    let gone = sweep?.gone ?? 0
    sweep?.confirmed = gone
    tellDeletes()
  }

  private mutating func tellDeletes() {
    sweep?.phase = .keys(nil)
    sweep?.gone = 0
  }

  /// The sweep begins anew: what was found gone may have come back.
  mutating func sweepAgain(at now: Timestamp) { sweep = Sweep(at: now) }

  /// Known keys up to `last` were looked up, and those found gone were told; nil: there are no more.
  mutating func checked(_ gone: Int = 0, through last: RecordKey?) {
    isSweepNext = false
    sweep?.gone += gone
    if let last {
      sweep?.phase = .keys(last)
    } else {
      sweptAt = sweep?.at
      version = sweep?.version
      sweep = nil
    }
  }
}
