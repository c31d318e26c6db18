import CPostgres
import Glibc

/// What libpq is told when it connects: our defaults, then the URL over them.
struct ConnectionParameters {
  /// For taking it out of messages.
  let password: String?
  private let keywords: [(String, String)]

  /// How long a host may take to answer before the next one is tried, in seconds.
  private static let connectTimeout = "10"
  /// Debian's and most others' bundle of public authorities: libpq before 16 knows no `sslrootcert=system`.
  private static let publicAuthorities = "/etc/ssl/certs/ca-certificates.crt"

  /// What a connection is for.
  enum Purpose {
    case statements
    /// A walsender that serves one database: `CREATE_REPLICATION_SLOT`, `START_REPLICATION` and plain statements.
    case replication
  }

  init(url: String, for purpose: Purpose = .statements) throws(PostgresError) {
    let given = try Self.parse(url)
    password = given["password"]
    var keywords = [
      ("application_name", "tidemark"), ("connect_timeout", Self.connectTimeout), ("client_encoding", "UTF8"),
      // A peer that vanished without a word is noticed within a minute, also while a statement waits.
      ("keepalives_idle", "30"), ("keepalives_interval", "10"), ("keepalives_count", "3"),
      ("tcp_user_timeout", "30000"),
    ]
    if given["sslmode"] == nil, !Self.isLocal(given) {
      keywords.append(("sslmode", "verify-full"))
      if given["sslrootcert"] == nil, unsafe access(Self.publicAuthorities, R_OK) == 0 {
        keywords.append(("sslrootcert", Self.publicAuthorities))
      }
    }
    // What comes before dbname is overridden by what the URL says, and what comes after it overrides the URL.
    keywords.append(("dbname", url))
    if purpose == .replication { keywords.append(("replication", "database")) }
    self.keywords = keywords
  }

  /// Sockets and the loopback interface: nobody stands in between.
  private static func isLocal(_ given: [String: String]) -> Bool {
    guard let hosts = given["hostaddr"] ?? given["host"] else { return true }
    return hosts.split(separator: ",").allSatisfy { host in
      host.hasPrefix("/") || host.hasPrefix("@") || host == "localhost" || host.hasPrefix("127.") || host == "::1"
    }
  }

  /// What the URL itself and the environment (`PGSSLMODE` and the like) set.
  private static func parse(_ url: String) throws(PostgresError) -> [String: String] {
    var complaint: UnsafeMutablePointer<CChar>?
    guard let options = unsafe PQconninfoParse(url, &complaint) else {
      unsafe PQfreemem(complaint)
      // libpq's own words would quote the URL, and so a password with a character that is not escaped.
      throw PostgresError(
        sqlState: "08001",
        message: "the url cannot be understood: expected postgres://user@host/database, with special characters"
          + " of user and password percent-encoded")
    }
    defer { unsafe PQconninfoFree(options) }
    var given: [String: String] = [:]
    var option = unsafe options
    while let keyword = unsafe option.pointee.keyword {
      let variable = unsafe option.pointee.envvar.flatMap { unsafe getenv($0) }
      if let value = unsafe option.pointee.val ?? variable {
        given[unsafe String(cString: keyword)] = unsafe String(cString: value)
      }
      unsafe option += 1
    }
    if let port = given["port"], !port.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2C }) {
      throw PostgresError(
        sqlState: "08001", message: "the url's port is not a number: is a character of the password not encoded?")
    }
    return given
  }

  @safe func withPointers<Result>(
    _ body: (UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<UnsafePointer<CChar>?>?) -> Result
  ) -> Result {
    let names = unsafe keywords.map { unsafe strdup($0.0) }
    let values = unsafe keywords.map { unsafe strdup($0.1) }
    defer { unsafe (names + values).forEach { unsafe free($0) } }
    let namePointers = unsafe names.map { unsafe UnsafePointer($0) } + [nil]
    let valuePointers = unsafe values.map { unsafe UnsafePointer($0) } + [nil]
    return unsafe namePointers.withUnsafeBufferPointer { names in
      unsafe valuePointers.withUnsafeBufferPointer { unsafe body(names.baseAddress, $0.baseAddress) }
    }
  }
}
