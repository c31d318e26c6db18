import Changes
import Crypto
import Files
import HTTP
import JSON
import SQLite

/// Fetches an object's files: tells whether they changed, and makes a copy of what they hold.
///
/// Blocks where it asks the file system: for an executor that may. All of it throws `EndUnavailable`: what is wrong with a file
/// is wrong with all of its records, and nothing is known of any.
struct FileShelf: Sendable {
  let source: FileSource
  let rules: FileRules
  let client: HTTPClient
  let headers: HTTPHeaders

  /// A file that was written so short a time ago may be written still; a program that writes it slower is one that puts a
  /// finished file in its place, or its file is found torn by its form or by `deletes`.
  private static let rest = Duration.seconds(1)
  private static let chunk = 256 << 10

  /// What the files are now.
  struct State {
    var paths: [String]
    var signatures: [FileSignature]
    var version: String { "files " + signatures.map(\.description).joined(separator: " ") }
    /// Nanoseconds since 1970.
    var modified: Int64 { signatures.map(\.modified).max() ?? 0 }
  }

  // MARK: - Files

  /// - Throws: `EndUnavailable` also where there is none, unless one may be made.
  func state() throws(EndUnavailable) -> State {
    do {
      let paths: [String] =
        switch source {
        case .file(let path): [path]
        case .pattern(let pattern): try files(matching: pattern)
        case .url: []
        }
      var state = State(paths: [], signatures: [])
      for path in paths {
        guard let signature = try FileSignature.of(path) else { continue }
        state.paths.append(path)
        state.signatures.append(signature)
      }
      if state.paths.isEmpty, !rules.makesFile {
        throw unavailable(code: "file.missing", "there is no such file; its records are not taken for deleted")
      }
      return state
    } catch let error as FileError {
      throw unavailable(code: "file.unreadable", error.reason)
    } catch let error as EndUnavailable {
      throw error
    } catch {
      throw unavailable(code: "file.unreadable", "\(error)")
    }
  }

  /// Reads the files once they have been left alone for a moment.
  func copy(stamp: Stamp) async throws -> FileCopy {
    let first = try state()
    let age = Duration.nanoseconds(Timestamp.now.microseconds * 1000 - first.modified)
    if age >= .zero, age < Self.rest { try await Task.sleep(for: Self.rest - age) }
    let now = try state()
    guard now.version == first.version else {
      throw unavailable(code: "file.busy", "it is being written; it is read when it is left alone")
    }
    let records = try await FileCopy.records()
    let (rules, source) = (rules, source)
    let layout = try await attempt {
      try await records.transaction { session in
        var layout = FileLayout()
        for (number, path) in now.paths.enumerated() {
          do {
            layout = try Self.read(path, now.signatures[number], rules, into: session, number: number)
          } catch let error as FormatError {
            throw FormatError(now.paths.count > 1 ? "\(path): \(error)" : "\(error)")
          }
        }
        return layout
      }
    }
    var copy = FileCopy(
      records: records, version: now.version, layout: layout, stamp: stamp,
      writtenAt: Timestamp(microseconds: now.modified / 1000))
    if case .file = source { copy.signature = now.signatures.first }
    return copy
  }

  private static func read(
    _ path: String, _ expected: FileSignature, _ rules: FileRules, into session: SQLiteSession, number: Int
  ) throws -> FileLayout {
    if expected.size == 0, rules.makesFile { return FileLayout() }
    let reader = try FileReader(path: path)
    var intake = try FileIntake(rules, into: session, number: number)
    while true {
      let chunk = try reader.read(Self.chunk)
      try intake.feed(chunk, isLast: chunk.isEmpty)
      if chunk.isEmpty { break }
    }
    // What was written meanwhile may have been read in part.
    guard try reader.signature() == expected, try FileSignature.of(path) == expected else { throw WrittenMeanwhile() }
    return intake.layout
  }

  private struct WrittenMeanwhile: Error {}

  // MARK: - URLs

  /// What a conditional request found.
  enum Fetched {
    /// It is what the version that was known stands for.
    case unchanged
    case copy(FileCopy)
  }

  /// - Parameter known: a version that need not be sent again.
  func fetch(_ url: String, since known: String?, stamp: Stamp) async throws -> Fetched {
    var request = HTTPRequest("GET", url, headers: headers)
    if let known { Self.condition(&request.headers, known) }
    let response: HTTPResponse
    do { response = try await client.send(request) } catch {
      if error.kind == .cancelled { throw CancellationError() }
      throw EndUnavailable(Failure(code: "http.\(error.kind.rawValue)", message: "\(source.shown): \(error.message)"))
    }
    if response.status == 304, known != nil { return .unchanged }
    guard response.status == 200 else {
      let refusal = Refused(response, at: source.shown)
      throw EndUnavailable(refusal.failure, after: refusal.retryAfter)
    }
    let version = Self.version(of: response)
    if version == known { return .unchanged }
    let records = try await FileCopy.records()
    let (rules, body) = (rules, response.body)
    let layout = try await attempt {
      try await records.transaction { session in
        var intake = try FileIntake(rules, into: session, number: 0)
        for start in stride(from: 0, to: body.count, by: Self.chunk) {
          try intake.feed(Array(body[start..<min(start + Self.chunk, body.count)]))
        }
        try intake.feed([], isLast: true)
        return intake.layout
      }
    }
    let written = response.headers["Last-Modified"].flatMap { TimeText.httpDate($0) }
    return .copy(
      FileCopy(
        records: records, version: version, layout: layout, stamp: stamp, writtenAt: min(written ?? .now, .now)))
  }

  /// The validator that the server gave, else what the content is.
  private static func version(of response: HTTPResponse) -> String {
    if let tag = response.headers["ETag"] { return "etag \(tag)" }
    if let modified = response.headers["Last-Modified"] { return "modified \(modified)" }
    return "sha256 "
      + SHA256.hash(data: response.body).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }

  private static func condition(_ headers: inout HTTPHeaders, _ version: String) {
    let value = String(version.drop { $0 != " " }.dropFirst())
    if version.hasPrefix("etag ") { headers["If-None-Match"] = value }
    if version.hasPrefix("modified ") { headers["If-Modified-Since"] = value }
  }

  // MARK: - Failing

  private func attempt<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
    do {
      return try await body()
    } catch let error as FormatError {
      throw unavailable(code: "file.content", "\(error)")
    } catch is WrittenMeanwhile {
      throw unavailable(code: "file.busy", "it was written while it was read; it is read again")
    } catch let error as FileError {
      throw unavailable(code: "file.unreadable", error.reason)
    } catch let error as SQLiteError {
      throw unavailable(code: "file.copy", "its temporary copy cannot be made: \(error.message)")
    }
  }

  func unavailable(code: String, _ message: String) -> EndUnavailable {
    EndUnavailable(Failure(code: code, message: "\(source.shown): \(message)"))
  }
}
