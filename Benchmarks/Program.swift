import Foundation
import Glibc

/// What a program did not do.
struct Failed: Error, CustomStringConvertible {
  let description: String
}

/// What a process used up to a moment.
struct Usage {
  /// Seconds of a core, of its own and of the kernel for it.
  var processor = 0.0
  /// Bytes.
  var peakMemory = 0.0
  var memory = 0.0
}

/// A process, killed at the latest when the last reference to it goes.
final class Program {
  let processID: pid_t
  /// Where its stderr is kept.
  private let errors: String
  private var isGone = false

  /// - Parameters:
  ///   - output: a file for stdout; by default it is thrown away.
  ///   - scratch: a folder for what it says on stderr.
  init(
    _ path: String, _ arguments: [String], scratch: String, output: String = "/dev/null",
    environment: [String: String] = [:]
  ) throws {
    errors = "\(scratch)/\(UUID().uuidString).err"
    var files = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&files)
    defer { posix_spawn_file_actions_destroy(&files) }
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&files, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    posix_spawn_file_actions_addopen(&files, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    // A thread of Swift's pool blocks most signals, and what it starts would inherit that: pgbench ends by an alarm.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var argv = ([path] + arguments).map { strdup($0) } + [nil]
    let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    var envp = variables.map { strdup("\($0)=\($1)") } + [nil]
    defer { for pointer in argv + envp { free(pointer) } }
    var started: pid_t = 0
    let status = posix_spawn(&started, path, &files, &attributes, &argv, &envp)
    guard status == 0 else { throw Failed(description: "\(path) did not start: \(String(cString: strerror(status)))") }
    processID = started
  }

  deinit {
    guard !isGone else { return }
    kill(processID, SIGKILL)
    var status: Int32 = 0
    waitpid(processID, &status, 0)
  }

  var errorText: String { (try? String(contentsOfFile: errors, encoding: .utf8)) ?? "" }

  /// What it used so far.
  func usage() throws -> Usage {
    // The name of the program stands in brackets and may hold anything: the numbers follow the last one.
    let stat = try String(contentsOfFile: "/proc/\(processID)/stat", encoding: .utf8)
    let numbers = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")
    let ticks = (Double(numbers[12]) ?? 0) + (Double(numbers[13]) ?? 0)
    let status = try String(contentsOfFile: "/proc/\(processID)/status", encoding: .utf8)
    func bytes(_ name: String) -> Double {
      let line = status.split(separator: "\n").first { $0.hasPrefix("\(name):") }
      return (line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Double($0) } ?? 0) * 1024
    }
    return Usage(
      processor: ticks / Double(sysconf(Int32(_SC_CLK_TCK))), peakMemory: bytes("VmHWM"), memory: bytes("VmRSS"))
  }

  /// Waits for its end. - Throws: `Failed` with what it said, where it did not end well.
  @discardableResult
  func end() throws -> Usage {
    let (status, usage) = reap()
    guard status == 0 else { throw Failed(description: "process \(processID) ended with \(status): \(errorText)") }
    return usage
  }

  /// Ends it and waits for that.
  func stop(_ signal: Int32 = SIGTERM) {
    kill(processID, signal)
    _ = reap()
  }

  private func reap() -> (Int32, Usage) {
    var status: Int32 = 0
    var used = rusage()
    while wait4(processID, &status, 0, &used) < 0, errno == EINTR {}
    isGone = true
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
    return (
      status,
      Usage(processor: seconds(used.ru_utime) + seconds(used.ru_stime), peakMemory: Double(used.ru_maxrss) * 1024)
    )
  }

  /// The rest of the first line on stderr, or in `file`, that has `mark` in it.
  func line(after mark: String, in file: String? = nil) async throws -> String {
    for _ in 0..<2000 {
      let text = (try? String(contentsOfFile: file ?? errors, encoding: .utf8)) ?? ""
      if let range = text.range(of: mark), let end = text[range.upperBound...].firstIndex(of: "\n") {
        return String(text[range.upperBound..<end])
      }
      if kill(processID, 0) != 0 { break }
      try await Task.sleep(for: .milliseconds(10))
    }
    throw Failed(description: "process \(processID) did not say '\(mark)': \(errorText)")
  }
}
