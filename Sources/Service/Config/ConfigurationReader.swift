package import YAML

extension Configuration {
  /// Reads and checks the file at `path`, and looks up the secrets it refers to. Connects to nothing.
  /// - Throws: everything that is wrong with it at once, each with its place.
  package static func load(path: String, environment: [String: String]) throws(Problems) -> Configuration {
    try read(try YAMLDocument(contentsOf: path), path, environment)
  }

  /// The same of a text that is not in its file yet.
  /// - Parameter file: the path it is to have.
  package static func read(
    _ text: String, file: String, environment: [String: String]
  ) throws(Problems) -> Configuration {
    try read(try YAMLDocument(text: text, file: file), file, environment)
  }

  private static func read(
    _ document: YAMLDocument, _ path: String, _ environment: [String: String]
  ) throws(Problems) -> Configuration {
    let paths = Paths(of: path)
    let references = References(environment: environment, paths: paths)
    let reader = ConfigurationReader(file: path, paths: paths, references: references)
    return try document.read { reader.configuration($0) }
  }
}

/// Makes values of the parts of a configuration. What is wrong is reported to the YAML values it is wrong with.
struct ConfigurationReader {
  let file: String
  let paths: Paths
  let references: References

  /// What was read under names of the writer's choice. A name whose value is wrong is still a known name, so that one
  /// mistake is told once.
  struct Named<Settings> {
    var names: [String] = []
    var values: [Settings] = []
  }

  func configuration(_ root: YAMLReader) -> Configuration? {
    let (log, retention) = root["log"].map { self.log($0) } ?? (paths.resolved(Configuration.usualLog), .init())
    let http = root["http"].map { $0.mapping { self.http($0) } } ?? .usual
    let databases = named(
      root.required("databases", hint: "for example databases: { shop: { url: \"sqlite:shop.db\" } }"),
      "a database", database)
    let connectors = named(
      root.required("connectors", hint: "for example connectors: { crm: { use: sandbox } }"), "a connector", connector)
    let links = root.required("links", hint: "a link pairs one table with one object")
    let ends = LinkReader.Ends(databases: databases.names, connectors: connectors.names)
    refuseSharedNames(root, databases.names)
    let read = named(links, "a link") { name, value in LinkReader(ends: ends).link(name, value) }
    checkTogether(read)
    refuseUnlinkedTables(root, databases.values, read.values.map(\.settings))
    checkRestrictions(root, databases.values, read.values.map(\.settings))
    guard let log, let http else { return nil }
    return Configuration(
      file: file, log: log, retention: retention, http: http, databases: databases.values,
      connectors: connectors.values,
      links: read.values.map(\.settings))
  }

  /// A path, or a mapping with more to say.
  private func log(_ value: YAMLValue) -> (path: String?, retention: RetentionSettings) {
    guard case .mapping = value.node.content else { return (logPath(value), .init()) }
    var retention = RetentionSettings()
    let path = value.mapping { reader -> String? in
      if let keep = reader["keep"]?.duration(in: .seconds(60) ... .days(36_500)) { retention.keep = keep }
      retention.maxBytes = reader["max_bytes"]?.bytes(in: Self.leastLog ... .max)
      return reader["path"].map { logPath($0) } ?? paths.resolved(Configuration.usualLog)
    }
    return (path, retention)
  }

  /// A log of a few batches cannot explain anything.
  private static let leastLog: Int64 = 1_000_000

  private func logPath(_ value: YAMLValue) -> String? {
    guard let text = value.string() else { return nil }
    guard !text.contains("://") else {
      value.report(
        "config.log", "a log in a database server is not available yet",
        hint: "give a file path such as \(Configuration.usualLog)")
      return nil
    }
    return paths.resolved(text)
  }

  private func http(_ reader: YAMLReader) -> HTTPSettings? {
    let token = reader["token"]
    let secret = token.flatMap { references.secret($0) }
    guard let listen = reader["listen"] else {
      return HTTPSettings(host: HTTPSettings.usual.host, port: HTTPSettings.usual.port, token: secret)
    }
    guard let text = listen.string() else { return nil }
    guard let (host, port) = address(text) else {
      listen.report("config.listen", "expected host:port, got \"\(text)\"", hint: "for example \"127.0.0.1:8642\"")
      return nil
    }
    if token == nil, !isLoopback(host) {
      listen.report(
        "config.listen", "\(text) can be reached from other machines, so it needs a token",
        hint: "add token: \"${env:TIDEMARK_TOKEN}\", or listen on 127.0.0.1")
    }
    return HTTPSettings(host: host, port: port, token: secret)
  }

  private func address(_ text: String) -> (host: String, port: Int)? {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      return nil
    }
    return host.isEmpty ? nil : (String(host), Int(port))
  }

  private func isLoopback(_ host: String) -> Bool {
    let numbers = host.split(separator: ".", omittingEmptySubsequences: false)
    let isAddress = numbers.count == 4 && numbers.allSatisfy { UInt8($0) != nil }
    return host == "localhost" || host == "::1" || (isAddress && numbers[0] == "127")
  }

  private func named<Settings>(
    _ value: YAMLValue?, _ what: String, _ read: (_ name: YAMLValue, _ value: YAMLValue) -> Settings?
  ) -> Named<Settings> {
    var result = Named<Settings>()
    let values = value?.named { name, value -> Settings? in
      guard let text = name.string() else { return nil }
      result.names.append(text)
      if !isName(text) {
        name.report("config.name", "\"\(text)\" cannot name \(what)", hint: "use letters, digits, _ and -")
      }
      return read(name, value)
    }
    result.values = values?.map(\.value) ?? []
    return result
  }

  /// Names are parts of dotted names, of paths in URLs and of labels in metrics.
  private func isName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 63
      && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") }
  }

  /// `shop.customers` has to mean one thing.
  private func refuseSharedNames(_ root: YAMLReader, _ databases: [String]) {
    guard case .mapping(let entries)? = root["connectors"]?.node.content else { return }
    for entry in entries where databases.contains(entry.name) {
      root.report(
        "config.name", "\"\(entry.name)\" names both a database and a connector", at: entry.place,
        hint: "rename one of them")
    }
  }
}
