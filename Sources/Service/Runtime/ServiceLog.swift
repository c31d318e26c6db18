package import Changes
import JSON
package import Logging
import Server
import Synchronization

/// Log lines as the service writes them: text or JSON, one line an event whatever is in it, and no flood of the same.
///
/// Control characters of what came from outside are shown as `␦`, so that nobody can forge a line or move a terminal's cursor.
package struct ServiceLog: LogHandler {
  package enum Format: String, Sendable, CaseIterable { case text, json }

  package var metadata: Logger.Metadata = [:]
  package var metadataProvider: Logger.MetadataProvider?
  package var logLevel = Logger.Level.info

  private let label: String
  private let format: Format
  private let sink: Sink

  /// Where lines go, and which went of late. Shared by all loggers of a process.
  package final class Sink: Sendable {
    private let write: @Sendable (String) -> Void
    private let repeats = Mutex(Repeats())
    private let now: @Sendable () -> Timestamp

    /// - Parameter write: writes a line, which ends with a line break.
    package init(now: @escaping @Sendable () -> Timestamp = { .now }, write: @escaping @Sendable (String) -> Void) {
      self.now = now
      self.write = write
    }

    fileprivate func write(_ key: String, _ line: (Timestamp, _ repeated: Int) -> String) {
      let now = now()
      let text = repeats.withLock { $0.admit(key, at: now).map { line(now, $0) } }
      if let text { write(text) }
    }
  }

  package init(_ label: String, format: Format, sink: Sink) {
    self.label = label
    self.format = format
    self.sink = sink
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    let message = event.message.description
    let details = metadata.merging(metadataProvider?.get() ?? [:]) { $1 }.merging(event.metadata ?? [:]) { $1 }
      .map { (name: $0.key, value: "\($0.value)") }.sorted { $0.name < $1.name }
    sink.write("\(event.level) \(message) \(details)") { now, repeated in
      format == .json
        ? json(event.level, message, details, now, repeated) : text(event.level, message, details, now, repeated)
    }
  }

  private func text(
    _ level: Logger.Level, _ message: String, _ details: [(name: String, value: String)], _ now: Timestamp,
    _ repeated: Int
  ) -> String {
    let tail = details.map { " \($0.name)=\($0.value)" }.joined()
    let again = repeated > 0 ? " (\(repeated) more like it since)" : ""
    return ShownText.plain("\(now.text) \(level) \(label): \(message)\(tail)\(again)") + "\n"
  }

  private func json(
    _ level: Logger.Level, _ message: String, _ details: [(name: String, value: String)], _ now: Timestamp,
    _ repeated: Int
  ) -> String {
    var members: JSONObject = [
      "time": .string(now.text), "level": .string(level.rawValue), "logger": .string(label),
      "message": .string(ShownText.plain(message)),
    ]
    for detail in details where members[detail.name] == nil {
      members[detail.name] = .string(ShownText.plain(detail.value))
    }
    if repeated > 0 { members["repeated"] = .integer(repeated) }
    return JSONValue.object(members).text + "\n"
  }
}

/// Which lines were written of late. The same one again within a minute is counted instead of written, beyond a few.
private struct Repeats {
  private static let span = 60.0
  private static let few = 5
  /// Bounds memory: beyond this the oldest are forgotten, which only means that they may be written again.
  private static let mostKeys = 1_000

  private struct Seen {
    var since: Timestamp
    var written = 0
    var held = 0
  }

  private var seen: [String: Seen] = [:]

  /// - Returns: nil if the line is held back, else how many like it were since the last that was written.
  mutating func admit(_ key: String, at now: Timestamp) -> Int? {
    if seen.count > Self.mostKeys { seen = seen.filter { now.seconds(since: $0.value.since) < Self.span } }
    if seen.count > Self.mostKeys { seen = [:] }
    var known = seen[key] ?? Seen(since: now)
    defer { seen[key] = known }
    if now.seconds(since: known.since) >= Self.span {
      let held = known.held
      known = Seen(since: now, written: 1)
      return held
    }
    guard known.written < Self.few else {
      known.held += 1
      return nil
    }
    known.written += 1
    return 0
  }
}
