import Changes
import YAML

extension ConfigurationReader {
  func database(_ name: YAMLValue, _ value: YAMLValue) -> DatabaseSettings? {
    value.mapping { reader in
      let url = reader.required("url", hint: "\"postgres://…\" or \"sqlite:path\"")
      let capture = capture(reader["capture"])
      let key = RestrictionReader.Key(reader["mask_key"], references)
      let tables = tables(reader["tables"], of: capture, hashing: key)
      let location = url.flatMap { self.location($0) }
      if case .sqlite? = location, capture?.mode == .wal {
        reader["capture"]?.report(
          "config.capture", "SQLite has no write-ahead log that others can decode", hint: "trigger or poll")
      }
      let onFailure = reader["on_capture_failure"].map { $0.choice(CaptureFailure.self) } ?? .strict
      if case .sqlite? = location, onFailure == .lenient {
        reader["on_capture_failure"]?.report(
          "config.capture", "SQLite keeps the change and the row in one file: neither fails without the other",
          hint: "leave it out")
      }
      let budget = reader["budget"].map { self.budget($0) } ?? .some(nil)
      let notify = notify(reader["notify"], at: location, capture)
      guard let location, let capture, let onFailure, let budget, let notify, let written = name.string() else {
        return nil
      }
      return DatabaseSettings(
        name: written, location: location, capture: capture.mode, onCaptureFailure: onFailure, budget: budget,
        notify: notify, poll: capture.poll, tables: tables, place: name.place)
    }
  }

  /// A size, or a mapping of a size and an age.
  private func budget(_ value: YAMLValue) -> Budget? {
    guard case .mapping = value.node.content else { return value.bytes(in: Self.sizes).map { Budget(bytes: $0) } }
    return value.mapping { reader in
      let bytes = reader["size"].map { $0.bytes(in: Self.sizes) } ?? .some(nil)
      let age = reader["age"].map { $0.duration(in: .seconds(60) ... .days(3650)) } ?? .some(nil)
      guard let bytes, let age else { return nil }
      guard bytes != nil || age != nil else {
        value.report("config.budget", "a budget without a limit", hint: "budget: { size: 10GB, age: 3d }")
        return nil
      }
      return Budget(bytes: bytes, age: age)
    }
  }

  private static let sizes: ClosedRange<Int64> = 1_000_000 ... .max

  /// Nil after a problem.
  private func notify(_ value: YAMLValue?, at location: DatabaseSettings.Location?, _ capture: Capture?) -> Bool? {
    guard let value else { return false }
    guard let notify = value.bool() else { return nil }
    if case .sqlite? = location, notify {
      value.report("config.capture", "SQLite notifies nobody: commits are noticed by the file", hint: "leave it out")
    } else if notify, let mode = capture?.mode, mode == .wal || mode == .poll {
      value.report("config.capture", "only triggers notify", hint: "capture: trigger, or leave it out")
    }
    return notify
  }

  /// A URL is never repeated in a message: it may hold a password.
  private func location(_ value: YAMLValue) -> DatabaseSettings.Location? {
    guard let written = value.string(), !hasLiteralPassword(written, value), let text = references.expanded(value)
    else {
      return nil
    }
    if let url = PostgresURL(text) { return .postgres(url) }
    guard text.hasPrefix("sqlite:") else {
      value.report("config.database-url", "expected a URL such as \"postgres://…\" or \"sqlite:path\"")
      return nil
    }
    let path = String(text.dropFirst("sqlite:".count))
    guard !path.isEmpty, !path.hasPrefix("//"), !path.hasPrefix(":memory:"), !path.hasPrefix("file:") else {
      value.report(
        "config.database-url", "expected a file path after sqlite:", hint: "sqlite:shop.db or sqlite:/var/lib/shop.db")
      return nil
    }
    return .sqlite(path: paths.resolved(path))
  }

  /// A password may only be referred to, in the part before `@` as in the query.
  private func hasLiteralPassword(_ text: String, _ value: YAMLValue) -> Bool {
    guard PostgresURL(text) != nil, let start = text.firstRange(of: "://")?.upperBound else {
      return false
    }
    var passwords: [Substring] = []
    if let at = text.lastIndex(of: "@"), at >= start, let colon = text[start..<at].firstIndex(of: ":") {
      passwords.append(text[text.index(after: colon)..<at])
    }
    if let mark = text.firstRange(of: "password=") { passwords.append(text[mark.upperBound...].prefix { $0 != "&" }) }
    guard passwords.contains(where: { !$0.isEmpty && !$0.hasPrefix("${") }) else { return false }
    value.report(
      "config.secret", "a password cannot be written here itself",
      hint: "write ${env:NAME} in its place, or use a password file (~/.pgpass)")
    return true
  }

  func connector(_ name: YAMLValue, _ value: YAMLValue) -> ConnectorSettings? {
    value.mapping { reader in
      let use = reader.required("use", hint: "the name of a built-in manifest, or the path of one ending in .yaml")
      let url = reader["url"].map { self.url($0) } ?? .some(nil)
      let auth = reader["auth"].map { $0.named { _, secret in references.secret(secret) } } ?? []
      let webhook = reader["webhook"]?.mapping { webhook in
        webhook.required("secret").flatMap { references.secret($0) }
      }
      let settings = resolved(reader.rest(), reader)
      guard let use, let source = use.string(), let url, let auth, let written = name.string(), let settings else {
        return nil
      }
      return ConnectorSettings(
        name: written, manifest: manifest(source), url: url,
        auth: Dictionary(auth.map { ($0.name, $0.value) }) { _, last in last }, webhookSecret: webhook,
        settings: settings, folder: paths.resolved("."), place: name.place, usePlace: use.place)
    }
  }

  /// The node with every reference in it replaced, wherever it is; nil after a problem.
  private func resolved(_ node: YAMLNode, _ reader: YAMLReader) -> YAMLNode? {
    switch node.content {
    case .null: return node
    case .scalar(let text, let isPlain):
      guard text.contains("${") else { return node }
      return references.expanded(reader.value(node)).map { YAMLNode(.scalar($0, isPlain: isPlain), at: node.place) }
    case .sequence(let elements):
      let read = elements.compactMap { resolved($0, reader) }
      return read.count == elements.count ? YAMLNode(.sequence(read), at: node.place) : nil
    case .mapping(let entries):
      let read = entries.compactMap { entry in
        resolved(entry.value, reader).map { YAMLNode.Entry(name: entry.name, place: entry.place, value: $0) }
      }
      return read.count == entries.count ? YAMLNode(.mapping(read), at: node.place) : nil
    }
  }

  private func manifest(_ written: String) -> ConnectorSettings.ManifestSource {
    let isPath = written.contains("/") || written.hasSuffix(".yaml") || written.hasSuffix(".yml")
    return isPath ? .file(paths.resolved(written)) : .embedded(written)
  }

  /// Nil inside nil: there was a problem.
  private func url(_ value: YAMLValue) -> String?? {
    guard let text = references.expanded(value) else { return nil }
    // A driver's connection string: its engine knows what may be in it.
    if text.hasPrefix("odbc:") { return .some(text) }
    let scheme = ["https://", "http://"].first { text.hasPrefix($0) }
    guard let scheme, text.count > scheme.count, !text.contains(where: \.isWhitespace) else {
      value.report("config.connector-url", "expected a URL that starts with https://, http:// or odbc:")
      return nil
    }
    guard !text.contains("@"), !text.contains("?"), !text.contains("#") else {
      value.report(
        "config.connector-url", "expected a URL without user, query or fragment", hint: "credentials belong under auth")
      return nil
    }
    return .some(text.hasSuffix("/") ? String(text.dropLast()) : text)
  }
}
