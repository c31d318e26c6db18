import ArgumentParser
import Changes
import Foundation
import JSON
import Log
import Logging
import Runtime
import Server
import Synchronization

/// Shows how backfills go on: bars on a terminal, a plain line every ten seconds in a pipe, a line of JSON a second.
struct BackfillProgress {
  let isJSON: Bool

  /// - Throws: the exit status of what did not end well.
  func follow(_ ids: [Int64], _ desk: BackfillDesk, _ log: ChangeLog, isOurs: Bool) async throws {
    LoggingSystem.bootstrap(StreamLogHandler.standardError)
    var logger = Logger(label: "tidemark")
    logger.logLevel = .critical
    let display = ProgressDisplay(isJSON: isJSON)
    let ending = try await desk.finish(ids, log, isOurs: isOurs, logger: logger) { display.show($0) }
    guard let ending else {
      let numbers = ids.map { "\($0)" }.joined(separator: ", ")
      printError(
        isOurs
          ? "tidemark: interrupted; nothing is lost: `tidemark backfill resume ID` or `tidemark run` goes on (\(numbers))"
          : "tidemark: the service goes on with backfill \(numbers); `tidemark backfill pause ID` or `cancel ID` stops it"
      )
      throw ExitCode(130)
    }
    for line in remarks(ending) { printError("tidemark: \(line)") }
    if ending.backfills.contains(where: { $0.state == "failed" }) { throw ExitCode.failure }
  }

  private func remarks(_ news: BackfillNews) -> [String] {
    var remarks: [String] = []
    if news.undelivered > 0 {
      remarks.append("\(news.undelivered) changes are in the log and go out with `tidemark run`")
    }
    if news.waiting > 0 { remarks.append("\(news.waiting) changes wait for another attempt; see `tidemark status`") }
    if news.deadLetters > 0 {
      remarks.append("\(news.deadLetters) changes were given up; see `tidemark dead-letters`")
    }
    return remarks
  }
}

/// What was shown last, and when.
private final class ProgressDisplay: Sendable {
  private struct State {
    var drawn = 0
    var shownAt: ContinuousClock.Instant?
    var states: [String] = []
  }

  private let isJSON: Bool
  private let isTerminal = isatty(STDOUT_FILENO) == 1
  private let state = Mutex(State())

  init(isJSON: Bool) { self.isJSON = isJSON }

  func show(_ news: BackfillNews) {
    state.withLock { state in
      if isTerminal, !isJSON { return draw(news, &state) }
      let states = news.backfills.map(\.state)
      let every: Duration = isJSON ? .seconds(1) : .seconds(10)
      let isDue = state.shownAt.map { ContinuousClock.now - $0 >= every } ?? true
      guard isDue || states != state.states || news.isEnded else { return }
      state.shownAt = .now
      state.states = states
      for line in lines(news) { print(line) }
      fflush(nil)
    }
  }

  private func lines(_ news: BackfillNews) -> [String] {
    guard isJSON else { return news.backfills.map(\.line) + tail(news) }
    return news.backfills.map { backfill in
      var object = backfill.json.objectValue ?? [:]
      object["undelivered"] = .integer(news.undelivered)
      return object.text
    }
  }

  private func tail(_ news: BackfillNews) -> [String] {
    let isRead = news.backfills.allSatisfy { !["requested", "running"].contains($0.state) }
    let delivery = isRead && !news.isEnded ? ["\(news.undelivered) changes are still to be delivered"] : []
    return delivery + news.standstills
  }

  /// Draws over what was drawn last.
  private func draw(_ news: BackfillNews, _ state: inout State) {
    var size = winsize()
    let width = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    let lines = news.backfills.map { $0.bar(width: width) } + tail(news).map { String($0.prefix(width)) }
    let up = state.drawn > 0 ? "\u{1B}[\(state.drawn)A" : ""
    let cleared = lines.map { "\u{1B}[2K\($0)\n" }.joined()
    print("\r" + up + "\u{1B}[J" + cleared, terminator: "")
    fflush(nil)
    state.drawn = lines.count
  }
}
