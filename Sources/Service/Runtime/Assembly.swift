package import Changes
package import Config
import Connectors
import HTTP
import Log
import PostgresDatabase
package import Replay
import SQLiteDatabase

/// The parts a configuration names, made and connected to each other: databases, objects, links.
package struct Assembly: Sendable {
  package let configuration: Configuration
  package let databases: [String: any AttachedDatabase]
  package let links: [Link]
  let connectors: [String: Connector]
  let objects: [EndpointName: any RemoteObject]

  /// Opens every database and connector of the configuration.
  /// - Throws: `Failure`, or what a database's client says, for the first part that cannot be made.
  /// - Parameter images: the rows captured so far; nil where nothing is to be captured.
  package init(_ configuration: Configuration, images: (any RowImages)? = nil) async throws {
    self.configuration = configuration
    var databases: [String: any AttachedDatabase] = [:]
    for database in configuration.databases {
      databases[database.name] = try await Self.open(
        database, of: configuration, tables: configuration.capturedTables(of: database.name), images: images)
    }
    self.databases = databases
    let client = HTTPClient()
    connectors = Dictionary(
      uniqueKeysWithValues: try configuration.connectors.map { ($0.name, try $0.make(client)) })
    objects = try Self.objects(configuration, connectors)
    var links: [Link] = []
    for link in configuration.links {
      guard let database = databases[link.table.system], let object = objects[link.object] else { continue }
      if let finding = link.finding(for: object) {
        throw Failure(
          code: "link.direction", message: "\(finding.subject): \(finding.message); \(finding.remedy ?? "")")
      }
      let missing = try await configuration.columnFindings(of: link, database).first
      if let missing {
        throw Failure(
          code: "link.column", message: "\(missing.subject): \(missing.message); \(missing.remedy ?? "")")
      }
      let table = try await database.table(link.table.name)
      links.append(
        Link(
          name: link.name, local: .init(name: link.table, target: table),
          remote: .init(name: link.object, target: object), mapping: link.mapping, match: link.key,
          policy: link.conflict, isTwoWay: link.direction == .both, idColumn: link.idColumn,
          guards: Self.guards(of: link, isPolled: database.polling[link.table.name] != nil)))
    }
    self.links = links
  }

  /// What a sweep of a polled table finds gone is asked about before it is told: once is enough.
  private static func guards(of link: LinkSettings, isPolled: Bool) -> [Direction: GuardSettings] {
    guard let settings = link.guardSettings else { return [:] }
    var guards: [Direction: GuardSettings] = [:]
    for direction in link.direction.directions {
      guards[direction] = settings
      if direction == .push, isPolled { guards[direction]?.deletes = nil }
    }
    return guards
  }

  /// Opens one database of a configuration.
  /// - Parameter tables: those whose changes are to be captured.
  package static func open(
    _ database: DatabaseSettings, of configuration: Configuration, tables: [String], images: (any RowImages)? = nil
  ) async throws -> any AttachedDatabase {
    let polling = configuration.polling(of: database)
    let restrictions = configuration.restrictions(of: database)
    return switch database.location {
    case .sqlite(let path):
      try await SQLiteDatabase(
        name: database.name, path: path, tables: tables, budget: database.budget, polling: polling,
        restrictions: restrictions)
    case .postgres(let url):
      try await PostgresDatabase(
        name: database.name, url: url.revealed(), tables: tables, capture: database.capture,
        isLenient: database.onCaptureFailure == .lenient, isNotified: database.notify, budget: database.budget,
        polling: polling, fallback: configuration.fallback(of: database), restrictions: restrictions, images: images)
    }
  }

  /// The pulled objects whose changes are found by comparing all they hold.
  var comparedObjects: [EndpointName] {
    configuration.pulledObjects.filter { name in
      if case .compared? = objects[name]?.changes { true } else { false }
    }.sorted { $0.description < $1.description }
  }

  /// The captured tables that are polled: each is a source of its own.
  var polledTables: [EndpointName] {
    configuration.databases.flatMap { database in
      configuration.capturedTables(of: database.name).filter { databases[database.name]?.polling[$0] != nil }
        .map { EndpointName(system: database.name, name: $0) }
    }
  }

  /// The links with these names; all of them where none is named.
  /// - Throws: `Failure` for a name that is no link's.
  package func links(named names: [String]) throws -> [Link] {
    try configuration.links(named: names).compactMap { settings in links.first { $0.name == settings.name } }
  }

  /// A table linked to two objects is one table; an object pulled by two links is one source.
  private static func objects(
    _ configuration: Configuration, _ connectors: [String: Connector]
  ) throws -> [EndpointName: any RemoteObject] {
    var objects: [EndpointName: any RemoteObject] = [:]
    for link in configuration.links where objects[link.object] == nil {
      let pulls = configuration.links.filter { $0.object == link.object && $0.direction != .push }.map(\.pull)
      let pull = pulls.count > 1 ? Schedule.first(pulls) : pulls.first ?? link.pull
      objects[link.object] = try connectors[link.object.system]?.object(link.object.name, pull: pull)
    }
    return objects
  }
}

extension Configuration {
  /// The links with these names; all of them where none is named.
  /// - Throws: `Failure` for a name that is no link's.
  package func links(named names: [String]) throws -> [LinkSettings] {
    guard !names.isEmpty else { return links }
    return try names.map { name in
      guard let link = links.first(where: { $0.name.description == name }) else {
        let known = links.map(\.name.description).joined(separator: ", ")
        throw Failure(code: "link.unknown", message: "there is no link \(name) in \(file); there are \(known)")
      }
      return link
    }
  }

  /// The tables of a database that links name, each once.
  package func tables(of database: String) -> [String] {
    var tables: [String] = []
    for link in links where link.table.system == database && !tables.contains(link.table.name) {
      tables.append(link.table.name)
    }
    return tables
  }

  /// The tables whose changes are to be captured: those of links that push.
  package func capturedTables(of database: String) -> [String] {
    tables(of: database).filter { table in
      links.contains {
        $0.table == EndpointName(system: database, name: table) && $0.direction != .pull
      }
    }
  }

  /// The objects whose changes are to be pulled.
  package var pulledObjects: Set<EndpointName> {
    Set(links.filter { $0.direction != .push }.map(\.object))
  }
}

extension LinkSettings {
  /// What stands in the way of this link at its object.
  func finding(for object: any RemoteObject) -> Finding? {
    if direction != .push, object.changes == nil {
      return Finding(
        .error, "\(self.object)", "it can only be written", remedy: "\(objectPlace): add `direction: push` to the link")
    }
    guard direction != .pull, object.actions.isEmpty else { return nil }
    return Finding(
      .error, "\(self.object)", "it can only be read", remedy: "\(objectPlace): add `direction: pull` to the link")
  }
}

extension ConnectorSettings {
  /// - Throws: `Problems` of the manifest, or `Failure`.
  func make(_ client: HTTPClient) throws -> Connector {
    try Connector(
      name: name, manifest: try readManifest(), url: url, auth: auth.mapValues { $0.revealed() }, settings: settings,
      folder: folder, client: client)
  }

  func readManifest() throws -> Manifest {
    switch manifest {
    case .embedded(let name): try Manifest.named(name)
    case .file(let path): try Manifest(contentsOf: path)
    }
  }
}
