import Changes
import Connectors
import Foundation
import HTTP
import JSON
import Log
import Polling
import Support
import YAML

/// Files in a folder, linked as a connector's object, and told into a real log as capture does it.
actor FileScene {
  nonisolated let folder = ScratchFolder()
  nonisolated let object: any RemoteObject
  private let log: ChangeLog
  private var poller: TablePoller
  private(set) var position: Position?

  /// - Parameter rules: of the object `items`, with everything after `items:`.
  init(_ rules: String, url: String? = nil) async throws {
    let settings = try YAMLDocument(text: "objects: { items: \(rules) }", file: "tidemark.yaml").root
    object = try Connector(
      name: "files", manifest: try Manifest.named("files"), url: url, auth: [:], settings: settings,
      folder: folder.path,
      client: HTTPClient()
    ).object("items", pull: .every(.zero))
    log = try await ChangeLog(path: folder.file("log.db"), access: .writer)
    poller = try Self.poller(object, log)
  }

  private static func poller(_ object: any RemoteObject, _ log: ChangeLog) throws -> TablePoller {
    guard case .compared(let rows, let settings)? = object.changes else {
      throw NotReached(description: "its changes are not compared")
    }
    return TablePoller(rows, settings, seen: log)
  }

  nonisolated func path(_ name: String) -> String { folder.file(name) }

  /// A finished file in its place, last written a while ago.
  nonisolated func put(_ text: String, _ name: String = "items.csv", age: Duration = .seconds(5)) throws {
    try put(Data(text.utf8), name, age: age)
  }

  nonisolated func put(_ data: Data, _ name: String, age: Duration = .seconds(5)) throws {
    let path = folder.file(name)
    try data.write(to: URL(fileURLWithPath: path), options: .atomic)
    // Whole seconds: they can be set again to the nanosecond.
    let moment = Date(timeIntervalSince1970: (Date.now.timeIntervalSince1970 - age / .seconds(1)).rounded(.down))
    try FileManager.default.setAttributes([.modificationDate: moment], ofItemAtPath: path)
  }

  /// Other content of the same length, written in place, with the old time: by all that can be told without reading it, the
  /// file is the same.
  nonisolated func disguise(_ text: String, _ name: String = "items.csv") throws {
    let path = folder.file(name)
    let moment = try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as Any
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try handle.write(contentsOf: Data(text.utf8))
    try handle.close()
    try FileManager.default.setAttributes([.modificationDate: moment], ofItemAtPath: path)
  }

  nonisolated func text(_ name: String = "items.csv") throws -> String {
    try String(contentsOfFile: folder.file(name), encoding: .utf8)
  }

  /// What a walk over all of the files tells, each batch made durable.
  /// - Throws: what the source throws.
  @discardableResult func told() async throws -> [Change] {
    var told: [Change] = []
    repeat {
      let batch = try await poller.next(after: position)
      try await log.append(batch, from: poller.name)
      told += batch.changes
      position = batch.through
      if batch.completeAsOf != nil { return told }
    } while true
  }

  /// A new process: what the log holds is all that is left of capture.
  func restart() async throws {
    poller = try Self.poller(object, log)
    position = try await log.captureWatermark(of: poller.name)
  }

  func confirm() async throws {
    for sweep in try await log.heldSweeps() { try await log.confirm(sweep) }
  }

  /// All records, as a reader finds them.
  nonisolated func contents() async throws -> [String: JSONObject] {
    var contents: [String: JSONObject] = [:]
    var place: Position?
    repeat {
      let chunk = try await object.chunk(from: place, limit: 3)
      for record in chunk.records { contents[record.key.description] = record.fields }
      place = chunk.next
    } while place != nil
    return contents
  }

  nonisolated func apply(_ writes: Write...) async -> [Outcome] { await object.apply(writes) }
}

extension JSONValue {
  /// A number as it is written.
  static func decimal(_ text: String) -> JSONValue { JSONNumber(text: text).map { .number($0) } ?? .null }
}

extension Change {
  /// `update 1`
  var words: String { "\(operation) \(key)" }
}

extension Outcome {
  var applied: Applied? { if case .applied(let applied) = self { applied } else { nil } }

  /// The code of a failure.
  var code: String? {
    switch self {
    case .applied, .mismatch: nil
    case .retry(let failure, _), .unavailable(let failure, _), .rejected(let failure), .unknown(let failure):
      failure.code
    }
  }
}
