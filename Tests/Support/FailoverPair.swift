import Foundation

/// A primary and a standby that follows it, in a folder of their own; both are stopped and removed however this process ends.
///
/// Both take connections over sockets only. Each order goes to the shell that keeps them, and is carried out when the call returns.
package final class FailoverPair: Sendable {
  /// What the pair could not do.
  package struct Failed: Error, CustomStringConvertible {
    package let description: String
  }

  private let folder: String
  private let ports: [Int]
  private let orders = Pipe()
  private let answers = Pipe()

  package init() throws {
    let bin = try ScratchPostgres.cluster().bin
    folder = "/tmp/tidemark-failover-\(ProcessInfo.processInfo.processIdentifier)-\(Int.random(in: 0..<1_000_000))"
    ports = [Int.random(in: 20000..<26000), Int.random(in: 26000..<32000)]
    let keeper = Process()
    keeper.executableURL = URL(fileURLWithPath: "/bin/sh")
    keeper.arguments = ["-c", Self.script, "keeper", bin, folder] + ports.map { String($0) }
    keeper.standardInput = orders
    keeper.standardOutput = answers
    try keeper.run()
    try expectReady("start")
  }

  // Foundation keeps the keeper, and with it the pipe, until it ends.
  deinit { try? orders.fileHandleForWriting.close() }

  /// Whichever of the two takes writes, as an application that minds failovers would say it.
  package func url(_ database: String) -> String {
    "postgres://postgres@/\(database)?host=\(folder),\(folder)&port=\(ports[0]),\(ports[1])&target_session_attrs=read-write"
  }

  /// The standby, whatever it takes.
  package func standby(_ database: String) -> String {
    "postgres://postgres@/\(database)?host=\(folder)&port=\(ports[1])"
  }

  /// The standby hears no more of what the primary commits.
  package func cutReplication() throws { try order("cut") }

  /// All processes of the primary are killed with SIGKILL.
  package func killPrimary() throws { try order("kill") }

  /// The standby becomes the primary, on a timeline of its own.
  package func promote() throws { try order("promote") }

  private func order(_ word: String) throws {
    try orders.fileHandleForWriting.write(contentsOf: Data((word + "\n").utf8))
    try expectReady(word)
  }

  private func expectReady(_ word: String) throws {
    var answer = Data()
    while !answer.contains(UInt8(ascii: "\n")) {
      let more = answers.fileHandleForReading.availableData
      if more.isEmpty { break }
      answer += more
    }
    let text = String(decoding: answer, as: UTF8.self)
    guard text.hasPrefix("ready") else { throw Failed(description: "\(word): \(text)") }
  }

  private static let script = """
    bin=$1; folder=$2; first=$3; second=$4
    if [ "$(id -u)" = 0 ]; then as='setpriv --reuid=postgres --regid=postgres --clear-groups'; else as=; fi
    rm -rf "$folder"; mkdir -m 700 "$folder" || exit 1
    [ -z "$as" ] || chown postgres: "$folder"
    cd "$folder"
    trap '' INT TERM HUP
    begin() {
      $as "$bin/pg_ctl" -D "$folder/$1" -w -l "$folder/$1.log" start >/dev/null 2>&1 </dev/null -o \
        "-k $folder -p $2 -c listen_addresses= -c fsync=off -c wal_level=logical -c max_wal_senders=10 \
         -c max_replication_slots=10 -c hot_standby=on -c logging_collector=off -c wal_receiver_status_interval=1"
    }
    ask() { port=$1; shift; $as "$bin/psql" -h "$folder" -p "$port" -U postgres -d postgres -qAtXc "$*" 2>>"$folder/asked"; }
    answer() { if [ "$1" = 0 ]; then echo ready; else tail -n 3 "$folder"/*.log "$folder/asked" | tr '\\n' ' '; echo; fi; }
    $as "$bin/initdb" -D "$folder/a" -U postgres -A trust -N -E UTF8 --locale=C.UTF-8 >"$folder/init.log" 2>&1 &&
    begin a "$first" &&
    $as "$bin/pg_basebackup" -h "$folder" -p "$first" -U postgres -D "$folder/b" -R -X stream -c fast >>"$folder/init.log" 2>&1 &&
    begin b "$second"
    answer $?
    while read -r order; do
      case $order in
        cut)
          ask "$second" "ALTER SYSTEM SET primary_conninfo = ''" && ask "$second" 'SELECT pg_reload_conf()' >/dev/null
          for _ in $(seq 200); do
            [ "$(ask "$first" 'SELECT count(*) FROM pg_stat_replication WHERE application_name = $$walreceiver$$')" = 0 ] && break
            sleep 0.05
          done
          answer $? ;;
        kill)
          pid=$(head -n 1 "$folder/a/postmaster.pid")
          kill -9 "$pid" $(ps -o pid= --ppid "$pid") 2>/dev/null
          answer 0 ;;
        promote)
          $as "$bin/pg_ctl" -D "$folder/b" -w promote >>"$folder/asked" 2>&1
          answer $? ;;
      esac
    done
    for each in a b; do $as "$bin/pg_ctl" -D "$folder/$each" -m immediate stop >/dev/null 2>&1; done
    cd /; rm -rf "$folder"
    """
}
