import Foundation
import Postgres
import Synchronization

/// A private PostgreSQL cluster, one a test process, in a temporary folder; every test takes a database of its own.
///
/// A shell keeps the server and waits for the end of a pipe that only the test process holds open: however that
/// process ends, the shell stops the server and removes the folder.
package final class ScratchPostgres: Sendable {
  /// What the shared cluster could not do.
  package struct NotStarted: Error, CustomStringConvertible {
    package let description: String
  }

  private static let shared = Mutex<Result<ScratchPostgres, NotStarted>?>(nil)
  private static let numbers = Atomic<Int>(0)

  /// Where the cluster's programs are, such as `pg_dump`.
  package let bin: String
  private let folder: String
  private let port: Int
  /// Written to by nobody: closed by the system when this process ends.
  private let lifeline: Pipe

  /// A new, empty database of the shared cluster.
  /// - Returns: its URL, for the superuser over the cluster's socket.
  package static func database() async throws -> String {
    let cluster = try cluster()
    let name = "scratch_\(numbers.add(1, ordering: .relaxed).newValue)"
    let connection = PostgresConnection(url: cluster.url("postgres"))
    try await connection.run { try $0.execute("CREATE DATABASE \(name)") }
    await connection.close()
    return cluster.url(name)
  }

  /// The shared cluster, started by the first who asks.
  package static func cluster() throws -> ScratchPostgres {
    try shared.withLock { shared in
      let result = shared ?? Result { () throws(NotStarted) in try ScratchPostgres() }
      shared = result
      return try result.get()
    }
  }

  /// - Parameter user: connects over the loopback interface as this role; nil is the superuser over the socket.
  package func url(_ database: String, user: String? = nil) -> String {
    user.map { "postgres://\($0)@127.0.0.1:\(port)/\(database)" }
      ?? "postgres://postgres@/\(database)?host=\(folder)&port=\(port)"
  }

  /// Where the server is, in the words of a pooler.
  package var server: String { "host=\(folder) port=\(port)" }

  /// Runs one of the cluster's programs and answers with what it printed.
  package func run(_ program: String, _ arguments: [String]) throws -> String {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "\(bin)/\(program)")
    process.arguments = arguments
    process.standardOutput = output
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw NotStarted(description: "\(program) failed") }
    return String(decoding: bytes, as: UTF8.self)
  }

  private init() throws(NotStarted) {
    let manager = FileManager.default
    let versions = ((try? manager.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []).sorted {
      $0.localizedStandardCompare($1) == .orderedDescending
    }
    guard let version = versions.first else {
      throw NotStarted(description: "no PostgreSQL server under /usr/lib/postgresql")
    }
    bin = "/usr/lib/postgresql/\(version)/bin"
    folder = "/tmp/tidemark-postgres-\(ProcessInfo.processInfo.processIdentifier)"
    port = Int.random(in: 20000..<32000)
    lifeline = Pipe()
    let started = Pipe()
    let keeper = Process()
    keeper.executableURL = URL(fileURLWithPath: "/bin/sh")
    keeper.arguments = ["-c", Self.script, "keeper", bin, folder, String(port)]
    keeper.standardInput = lifeline
    keeper.standardOutput = started
    do {
      try keeper.run()
    } catch {
      throw NotStarted(description: "\(error)")
    }
    var answer = Data()
    while !answer.contains(UInt8(ascii: "\n")) {
      let more = started.fileHandleForReading.availableData
      if more.isEmpty { break }
      answer += more
    }
    let words = String(decoding: answer, as: UTF8.self)
    guard words.hasPrefix("ready") else { throw NotStarted(description: "the PostgreSQL cluster: \(words)") }
  }

  /// A server refuses to run as root, so root becomes `postgres`. `pg_ctl -w` answers once it takes connections.
  private static let script = """
    bin=$1; folder=$2; port=$3
    if [ "$(id -u)" = 0 ]; then as='setpriv --reuid=postgres --regid=postgres --clear-groups'; else as=; fi
    rm -rf "$folder"; mkdir -m 700 "$folder" || exit 1
    [ -z "$as" ] || chown postgres: "$folder"
    cd "$folder"
    trap '' INT TERM HUP
    $as "$bin/initdb" -D "$folder/data" -U postgres -A trust -N -E UTF8 --locale=C.UTF-8 >"$folder/init" 2>&1 &&
    $as "$bin/pg_ctl" -D "$folder/data" -w -l "$folder/log" start >/dev/null 2>&1 </dev/null -o \
      "-k $folder -p $port -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=800 \
       -c max_prepared_transactions=10 -c wal_level=logical -c max_replication_slots=100 -c max_wal_senders=100 \
       -c logging_collector=off" &&
    echo ready || { tail -3 "$folder/init" "$folder/log" | tr '\\n' ' '; echo; }
    cat >/dev/null
    $as "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1
    cd /; rm -rf "$folder"
    """
}
