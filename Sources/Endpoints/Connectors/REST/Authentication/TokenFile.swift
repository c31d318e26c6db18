import Changes
import Crypto
import Glibc
import HTTP
import JSON

/// Where the refresh token is kept that replaced the configured one.
///
/// One at a time, over all processes: who has the lock reads what is kept, asks for a new token and keeps it on disk
/// before anybody else can use the old one, which may be good for one use only. Only the owner can read the file.
struct TokenFile: Sendable {
  /// What is kept.
  struct Kept: Sendable {
    /// The token endpoint's last answer.
    var answer: JSONObject
    var refreshToken: String
    /// When it came, in seconds since 1970.
    var at: Int64

    /// Whether its access token is good for a while.
    var isFresh: Bool {
      guard let text = answer["expires_in"]?.plainText, let lifetime = Int64(text) else { return false }
      return at + lifetime - max(lifetime / 10, min(60, lifetime / 2)) > StampClock.wall() / 1_000_000
    }
  }

  private static let longestWait = Duration.seconds(90)

  let folder: String
  let name: String
  /// The configured refresh token: what is kept of another one is forgotten.
  let configured: String

  /// Runs `body` with what is kept, and keeps what it gives.
  func locked(
    _ body: (Kept?) async throws -> (HTTPResponse, Kept?)
  ) async throws -> HTTPResponse {
    try makeFolders()
    let lock = open("\(path).lock", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
    guard lock >= 0 else { throw failure("\(path).lock cannot be opened") }
    defer { close(lock) }
    let end = ContinuousClock.now + Self.longestWait
    while flock(lock, LOCK_EX | LOCK_NB) != 0 {
      guard ContinuousClock.now < end else { throw failure("another process has held \(path).lock for too long") }
      try await Task.sleep(for: .milliseconds(50))
    }
    let (result, kept) = try await body(read())
    if let kept { try write(kept) }
    return result
  }

  private var path: String { "\(folder)/.tidemark/tokens/\(name)" }

  private var seed: String { Hexadecimal.encoded(SHA256.hash(data: Array(configured.utf8))) }

  private func makeFolders() throws(Failure) {
    for folder in ["\(folder)/.tidemark", "\(folder)/.tidemark/tokens"] {
      guard mkdir(folder, 0o700) == 0 || errno == EEXIST else { throw failure("\(folder) cannot be made") }
    }
  }

  private func read() -> Kept? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 16384)
    while case let count = Glibc.read(file, &buffer, buffer.count), count > 0 { text += buffer[..<count] }
    guard let object = try? JSONObject(parsing: text), object["seed"]?.stringValue == seed,
      let answer = object["answer"]?.objectValue, let token = object["refresh_token"]?.stringValue,
      let at = object["at"]?.integerValue
    else { return nil }
    return Kept(answer: answer, refreshToken: token, at: at)
  }

  /// The new file takes the old one's place in one step, and is on disk before.
  private func write(_ kept: Kept) throws(Failure) {
    let object: JSONObject = [
      "seed": .string(seed), "refresh_token": .string(kept.refreshToken), "at": .integer(kept.at),
      "answer": .object(kept.answer),
    ]
    let bytes = object.bytes
    let file = open("\(path).new", O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw failure("\(path).new cannot be written") }
    let isWritten = Glibc.write(file, bytes, bytes.count) == bytes.count && fsync(file) == 0
    close(file)
    guard isWritten, rename("\(path).new", path) == 0 else { throw failure("\(path) cannot be written") }
  }

  private func failure(_ what: String) -> Failure {
    Failure(code: "connector.token-file", message: "\(what): a new refresh token could not be kept")
  }
}
