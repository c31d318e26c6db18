import Foundation
import Glibc

/// A pgbouncer in front of the scratch cluster, in a folder of its own; it ends with the value, or with this process.
package final class ScratchPooler: Sendable {
  /// Whether there is a pgbouncer to start: `scripts/install-dependencies tests` installs one.
  package static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }
  private static let program = "/usr/sbin/pgbouncer"

  private let port: Int
  /// Its keeper stops it when this is closed.
  private let lifeline = Pipe()

  /// - Parameter mode: `transaction` or `session`.
  package init(mode: String) throws {
    port = Int.random(in: 15000..<20000)
    let keeper = Process()
    let started = Pipe()
    keeper.executableURL = URL(fileURLWithPath: "/bin/sh")
    keeper.arguments = [
      "-c", Self.script, "keeper", Self.program, "/tmp/tidemark-pooler-\(UUID().uuidString)", String(port),
      try ScratchPostgres.cluster().server, mode,
    ]
    keeper.standardInput = lifeline
    keeper.standardOutput = started
    try keeper.run()
    let answer = started.fileHandleForReading.availableData
    guard String(decoding: answer, as: UTF8.self).hasPrefix("ready") else {
      throw ScratchPostgres.NotStarted(description: "pgbouncer does not answer at port \(port)")
    }
  }

  // Foundation keeps the keeper, and with it the pipe, until it ends.
  deinit { try? lifeline.fileHandleForWriting.close() }

  package func url(_ database: String) -> String { "postgres://postgres@127.0.0.1:\(port)/\(database)" }

  /// pgbouncer refuses to run as root, as PostgreSQL does.
  private static let script = """
    program=$1; folder=$2; port=$3; server=$4; mode=$5
    if [ "$(id -u)" = 0 ]; then as='setpriv --reuid=postgres --regid=postgres --clear-groups'; else as=; fi
    mkdir -m 700 "$folder" || exit 1
    trap '' INT TERM HUP
    cat >"$folder/ini" <<END
    [databases]
    * = $server
    [pgbouncer]
    listen_addr = 127.0.0.1
    listen_port = $port
    unix_socket_dir =
    auth_type = any
    pool_mode = $mode
    logfile = $folder/log
    END
    sed -i 's/^ *//; s/^\\* = .*/& user=postgres/' "$folder/ini"
    [ -z "$as" ] || chown -R postgres: "$folder"
    $as "$program" -q "$folder/ini" >/dev/null 2>&1 </dev/null &
    for _ in $(seq 100); do
      if grep -q 'process up' "$folder/log" 2>/dev/null; then echo ready; break; fi
      kill -0 $! 2>/dev/null || break
      sleep 0.05
    done
    cat >/dev/null
    kill $! 2>/dev/null
    rm -rf "$folder"
    """
}
