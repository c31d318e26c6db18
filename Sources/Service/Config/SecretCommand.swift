import Foundation
import Glibc

/// Runs the program that a `${command:…}` reference names, and takes what it prints for the secret.
enum SecretCommand {
  /// A secret store across a network answers within seconds; whatever takes longer hangs.
  private static let patience = Duration.seconds(10)
  /// No secret is longer; a program that prints more is the wrong one.
  private static let longest = 65_536

  enum Outcome {
    case secret(String)
    /// Why there is none, in words that hold nothing the program printed.
    case failed(String)
  }

  /// Through the shell, in the folder of the configuration. What it writes to stderr is neither shown nor kept: it may hold
  /// the secret.
  static func run(_ command: String, in folder: String) -> Outcome {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", command]
    process.currentDirectoryURL = URL(fileURLWithPath: folder.isEmpty ? "." : folder)
    process.standardInput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    let pipe = Pipe()
    process.standardOutput = pipe
    do { try process.run() } catch { return .failed("the shell could not be started") }
    try? pipe.fileHandleForWriting.close()
    let output = read(pipe.fileHandleForReading.fileDescriptor)
    guard let output else {
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      return .failed("it printed too much, or had not ended after 10 seconds")
    }
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { return .failed("it ended with status \(process.terminationStatus)") }
    guard let text = String(validating: output, as: UTF8.self) else { return .failed("it did not print text") }
    let secret = text.last?.isNewline == true ? String(text.dropLast()) : text
    return secret.isEmpty ? .failed("it printed nothing") : .secret(secret)
  }

  /// - Returns: nil if it does not end in time or is too long.
  private static func read(_ descriptor: Int32) -> [UInt8]? {
    let deadline = ContinuousClock.now + patience
    var output: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 4_096)
    while output.count <= longest {
      let left = (deadline - .now) / .milliseconds(1)
      guard left > 0 else { return nil }
      var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&wanted, 1, Int32(left)) > 0 else { continue }
      let count = Glibc.read(descriptor, &part, part.count)
      if count == 0 { return output }
      guard count > 0 else { return nil }
      output += part[..<count]
    }
    return nil
  }
}
