import Foundation
import Glibc
import Support
import Synchronization

/// A process of the built product. It is killed when the test ends, and when the test process ends, however that ends.
final class Child: Sendable {
  /// What a process left behind.
  struct Ending: Sendable {
    /// As a shell tells it: 128 and the number of the signal, if one ended it.
    let status: Int32
    let output: String
    let errors: String
  }

  private static let number = Atomic<Int>(0)

  private let process = Process()
  private let output: String
  private let errors: String
  private let exit: Task<Int32, Never>

  /// - Parameter folder: where the process runs and what it prints is kept.
  init(_ arguments: [String], in folder: String, environment: [String: String] = [:]) throws {
    let number = Self.number.add(1, ordering: .relaxed).newValue
    output = "\(folder)/\(number).out"
    errors = "\(folder)/\(number).err"
    for file in [output, errors] { _ = FileManager.default.createFile(atPath: file, contents: nil) }
    process.executableURL = Self.tidemark
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardOutput = FileHandle(forWritingAtPath: output)
    process.standardError = FileHandle(forWritingAtPath: errors)
    process.standardInput = FileHandle.nullDevice
    let (ends, ended) = AsyncStream.makeStream(of: Int32.self)
    process.terminationHandler = { process in
      let status = process.terminationStatus
      ended.yield(process.terminationReason == .uncaughtSignal ? 128 + status : status)
      ended.finish()
    }
    exit = Task { await ends.first { _ in true } ?? -1 }
    try process.run()
    Reaper.shared.tell("+\(process.processIdentifier)")
  }

  deinit { signal(SIGKILL) }

  /// Where the build put the binary: beside the test bundle.
  private static var tidemark: URL {
    URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
      .appending(path: "tidemark")
  }

  var processID: Int32 { process.processIdentifier }
  var isRunning: Bool { process.isRunning }
  /// What it wrote so far.
  var outputText: String { Self.text(output) }
  /// What it wrote to stderr so far.
  var errorText: String { Self.text(errors) }

  func signal(_ number: Int32) {
    if process.isRunning { kill(process.processIdentifier, number) }
  }

  /// Waits for the end of the process, however long that takes; `within` kills it.
  func ending(within limit: Duration = .seconds(60)) async -> Ending {
    let deadline = Task { [self] in
      try await Task.sleep(for: limit)
      signal(SIGKILL)
    }
    let status = await exit.value
    deadline.cancel()
    Reaper.shared.tell("-\(process.processIdentifier)")
    return Ending(status: status, output: Self.text(output), errors: errorText)
  }

  /// The rest of the first line of either output that has `mark` in it.
  func line(after mark: String) async throws -> String {
    try await eventually("\(mark) is printed") { [self] in
      guard isRunning else { throw NotReached(description: "it ended: \(errorText)") }
      let text = Self.text(output) + errorText
      guard let range = text.range(of: mark), let end = text[range.upperBound...].firstIndex(of: "\n") else {
        return nil
      }
      return String(text[range.upperBound..<end])
    }
  }

  private static func text(_ file: String) -> String { (try? String(contentsOfFile: file, encoding: .utf8)) ?? "" }
}

/// A shell that kills the children which are left when this process ends and the pipe between them is closed.
private final class Reaper: Sendable {
  static let shared = Reaper()

  private let pipe = Pipe()

  private init() {
    let shell = Process()
    shell.executableURL = URL(fileURLWithPath: "/bin/bash")
    shell.arguments = [
      "-c",
      """
      trap '' INT TERM HUP; declare -A left
      while read -r told; do case $told in +*) left[${told#+}]=1;; -*) unset "left[${told#-}]";; esac; done
      [ ${#left[@]} = 0 ] || kill -9 "${!left[@]}" 2>/dev/null
      """,
    ]
    shell.standardInput = pipe
    try? shell.run()
  }

  func tell(_ text: String) { try? pipe.fileHandleForWriting.write(contentsOf: Data((text + "\n").utf8)) }
}
