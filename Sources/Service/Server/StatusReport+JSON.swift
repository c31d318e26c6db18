package import Changes
import FoundationEssentials
package import JSON

/// The report as the API shows it: numbers as numbers with their unit in the name, times as RFC 3339 in UTC.
extension StatusReport {
  package var json: JSONValue {
    [
      "state": .string(state.rawValue), "generated_at": generatedAt.json, "service": service.json, "log": log.json,
      "sources": .array(sources.map(\.json)), "links": .array(links.map { $0.json(health(of: $0)) }),
      "backfills": .array(backfills.map(\.json)),
      "conflicts": .array(conflicts.map(\.json)), "dead_letters": .array(deadLetters.map(\.json)),
    ]
  }

  /// The inverse of `json`, for a command that asks a running service.
  /// - Throws: `StatusReportError` naming the member that is missing or not what it should be.
  package init(json: JSONValue) throws(StatusReportError) {
    let members = Members(json, "")
    self.init(
      state: try members.state(), generatedAt: try members.time("generated_at"),
      service: try Service(members: Members(members.required("service"), "service.")),
      log: try Log(members: Members(members.required("log"), "log.")))
    sources = try members.list("sources", Source.init(members:))
    links = try members.list("links", Link.init(members:))
    backfills = try members.list("backfills", Backfill.init(members:))
    conflicts = try members.list("conflicts", Conflict.init(members:))
    deadLetters = try members.list("dead_letters", DeadLetter.init(members:))
  }
}

/// A document that is not a status report of this version.
package struct StatusReportError: Error, Hashable, CustomStringConvertible {
  /// The dotted path of the member.
  package let member: String
  package var description: String { "the status report has no usable member \(member)" }
}

/// Reads the members of one object and knows where it is.
struct Members {
  private let object: JSONObject
  private let path: String

  init(_ json: JSONValue, _ path: String) {
    object = json.objectValue ?? JSONObject()
    self.path = path
  }

  func required(_ name: String) throws(StatusReportError) -> JSONValue {
    guard let value = object[name], !value.isNull else { throw StatusReportError(member: path + name) }
    return value
  }

  private func read<T>(_ name: String, _ convert: (JSONValue) -> T?) throws(StatusReportError) -> T {
    guard let value = convert(try required(name)) else { throw StatusReportError(member: path + name) }
    return value
  }

  func string(_ name: String) throws(StatusReportError) -> String { try read(name, \.stringValue) }
  func integer(_ name: String) throws(StatusReportError) -> Int64 { try read(name, \.integerValue) }
  func bool(_ name: String) throws(StatusReportError) -> Bool { try read(name, \.boolValue) }
  func number(_ name: String) throws(StatusReportError) -> Double { try read(name) { Double($0.text) } }
  func time(_ name: String) throws(StatusReportError) -> Timestamp { try read(name, Timestamp.init(json:)) }
  func state() throws(StatusReportError) -> StatusReport.State {
    try read("state") { $0.stringValue.flatMap(StatusReport.State.init(rawValue:)) }
  }

  /// A member that may be absent or null.
  func optional<T>(_ name: String, _ convert: (JSONValue) -> T?) -> T? {
    object[name].flatMap { $0.isNull ? nil : convert($0) }
  }

  func list<T>(
    _ name: String, _ element: (Members) throws(StatusReportError) -> T
  ) throws(StatusReportError) -> [T] {
    var elements: [T] = []
    for (index, value) in try read(name, \.arrayValue).enumerated() {
      elements.append(try element(Members(value, "\(path)\(name).\(index).")))
    }
    return elements
  }

  func object<T>(
    _ name: String, _ convert: (Members) throws(StatusReportError) -> T
  ) throws(StatusReportError) -> T? {
    guard let value = object[name], !value.isNull else { return nil }
    return try convert(Members(value, "\(path)\(name)."))
  }
}

extension Timestamp {
  /// RFC 3339 in UTC with milliseconds.
  package var text: String {
    Date(timeIntervalSince1970: Double(microseconds) / 1e6)
      .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
  }

  var json: JSONValue { .string(text) }

  init?(json: JSONValue) {
    guard let text = json.stringValue,
      let date = try? Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(text)
    else { return nil }
    self.init(microseconds: Int64((date.timeIntervalSince1970 * 1_000).rounded()) * 1_000)
  }
}

extension JSONValue {
  /// A measured number, to a thousandth; null where there is none.
  static func measured(_ value: Double?) -> JSONValue {
    guard let value, value.isFinite else { return .null }
    let thousandths = (value * 1_000).rounded() / 1_000
    let text = Int64(exactly: thousandths).map { String($0) } ?? thousandths.description
    return JSONNumber(text: text).map(JSONValue.number) ?? .null
  }

  static func optional(_ value: Int64?) -> JSONValue { value.map { .integer($0) } ?? .null }
  static func optional(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
}
