import Changes
import YAML

/// How a database and its tables are captured.
extension ConfigurationReader {
  struct Capture {
    let mode: CaptureMode
    let poll: PollSettings?
  }

  /// `capture: trigger`, or `capture: { mode: poll, every: 5s }`; nil after a problem.
  func capture(_ value: YAMLValue?) -> Capture? {
    guard let value else { return Capture(mode: .auto, poll: nil) }
    guard case .mapping = value.node.content else {
      return value.choice(CaptureMode.self).map { Capture(mode: $0, poll: $0 == .poll ? PollSettings() : nil) }
    }
    return value.mapping { reader in
      let mode = reader.required("mode", hint: "mode: poll")
      let poll = polling(reader, usual: nil)
      guard let mode, let wanted = mode.choice(CaptureMode.self) else { return nil }
      guard wanted == .poll else {
        mode.report("config.capture", "only polling has settings", hint: "capture: \(wanted.rawValue)")
        return nil
      }
      return Capture(mode: .poll, poll: poll)
    }
  }

  /// The tables of a database with settings of their own.
  func tables(_ value: YAMLValue?, of database: Capture?, hashing key: RestrictionReader.Key) -> [TableSettings] {
    let tables = value?.named { name, value in
      value.mapping { reader in
        let mode = reader["capture"]
        let isPolled = mode.map { $0.choice(CaptureMode.self) == .poll } ?? (database?.mode == .poll)
        let hasPolling = Self.pollingKeys.contains { reader[$0] != nil }
        let poll = polling(reader, usual: database?.poll)
        let restriction = RestrictionReader(key: key).restriction(reader)
        if let mode, !isPolled, mode.node.text.flatMap(CaptureMode.init(rawValue:)) != nil {
          mode.report(
            "config.capture", "a table of its own can only be polled: the others share one order of changes",
            hint: "capture: poll, or set capture of the database")
        } else if mode == nil, database != nil, !isPolled, hasPolling || restriction == nil {
          reader.report("config.capture", "these settings are for polling", hint: "add capture: poll")
        }
        return name.string().map {
          TableSettings(name: $0, poll: isPolled ? poll : nil, restriction: restriction, place: name.place)
        }
      }
    }
    return tables?.map(\.value) ?? []
  }

  private static let pollingKeys = ["cursor", "key", "every", "overlap", "sweep"]

  private func polling(_ reader: YAMLReader, usual: PollSettings?) -> PollSettings {
    let cursor = reader["cursor"]?.string() ?? usual?.cursor
    let key = reader["key"]?.list { $0.string() }
    let every = reader["every"]?.duration(in: .milliseconds(100) ... .days(7))
    let overlap = cursorOnly(reader["overlap"], cursor, in: .zero ... .days(1))
    let deletes = reader["deletes"].flatMap(share)
    let sweep = cursorOnly(reader["sweep"], cursor, in: .seconds(1) ... .days(30))
    var settings = PollSettings(
      cursor: cursor, key: key ?? usual?.key ?? [],
      overlap: overlap ?? usual?.overlap ?? PollSettings.usualOverlap, every: every,
      sweep: sweep ?? usual?.sweep ?? PollSettings.usualSweep,
      deletes: deletes ?? usual?.deletes ?? PollSettings.usualDeletes)
    if every == nil, let usual, (usual.cursor == nil) == (cursor == nil) { settings.every = usual.every }
    return settings
  }

  /// `20%`
  private func share(_ value: YAMLValue) -> Double? {
    guard let text = value.string() else { return nil }
    guard text.hasSuffix("%"), let percent = Int(text.dropLast()), (0...100).contains(percent) else {
      value.report("config.poll", "expected a share like 20%, got \"\(text)\"", hint: "from 0% to 100%")
      return nil
    }
    return Double(percent) / 100
  }

  private func cursorOnly(_ value: YAMLValue?, _ cursor: String?, in range: ClosedRange<Duration>) -> Duration? {
    guard let value, let duration = value.duration(in: range) else { return nil }
    if cursor == nil {
      value.report(
        "config.poll", "without a cursor every round reads the whole table", hint: "name a cursor, or use every alone")
    }
    return duration
  }

  /// A table that no link names would be polled for nobody: most likely its name is mistyped.
  func refuseUnlinkedTables(_ root: YAMLReader, _ databases: [DatabaseSettings], _ links: [LinkSettings]) {
    for database in databases {
      let linked = links.filter { $0.table.system == database.name }.map(\.table.name)
      for table in database.tables where !linked.contains(table.name) {
        let guess = nearest(to: table.name, among: linked).map { "did you mean \"\($0)\"?" }
        root.report(
          "config.unknown-table", "no link names the table \"\(table.name)\" of \(database.name)", at: table.place,
          hint: guess ?? (linked.isEmpty ? nil : "links name \(Set(linked).sorted().joined(separator: ", "))"))
      }
    }
  }
}
