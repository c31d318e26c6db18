import Foundation
import JSON
import Support
import Testing

/// The arrows between the parts, as Package.swift draws them. SwiftPM lets a file import whatever happens to be built,
/// so each import is compared with the declared dependencies.
@Suite("Architecture")
struct ArchitectureTests {
  @Test("every import of a target is one of its declared dependencies")
  func arrows() throws {
    let targets = try Self.targets()
    #expect(targets.count > 25)
    for target in targets {
      for (file, imported) in try Self.imports(in: target.path) where !Self.always.contains(imported) {
        #expect(
          target.dependencies.contains(imported),
          "\(file) imports \(imported), which Package.swift does not give to \(target.name)")
      }
    }
  }

  @Test("the pipeline knows no endpoint, the endpoints know neither log nor link, the platform knows none of ours")
  func rooms() throws {
    let targets = try Self.targets()
    let rooms = Dictionary(targets.map { ($0.name, $0.room) }) { first, _ in first }
    let allowed: [String: Set<String>] = [
      "Platform": ["Platform"],
      "Pipeline": ["Platform", "Pipeline"],
      "Endpoints": ["Platform", "Endpoints"],
    ]
    for target in targets {
      guard let allowed = allowed[target.room] else { continue }
      for dependency in target.dependencies where dependency != "Changes" {
        guard let room = rooms[dependency], room != "migrations", room != "manifests" else { continue }
        #expect(allowed.contains(room), "\(target.name) depends on \(dependency)")
      }
    }
  }

  /// What the toolchain brings.
  private static let always: Set = [
    "Foundation", "FoundationEssentials", "Glibc", "Synchronization", "Dispatch", "Swift", "Testing",
  ]

  private struct Target {
    let name: String
    let path: String
    let dependencies: Set<String>

    /// The folder below `Sources`, or the top folder.
    var room: String {
      let parts = path.split(separator: "/").map(String.init)
      return parts[0] == "Sources" ? parts[1] : parts[0]
    }
  }

  private static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  private static func targets() throws -> [Target] {
    let folder = ScratchFolder()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    // A scratch folder of its own: the one of the build is locked while tests run.
    process.arguments = [
      "swift", "package", "--package-path", root.path, "--scratch-path", folder.path, "dump-package",
    ]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let package = try JSONValue(parsing: output.fileHandleForReading.readDataToEndOfFile())
    process.waitUntilExit()
    return (package.at("targets")?.arrayValue ?? []).compactMap { target in
      guard let name = target.at("name")?.stringValue, let path = target.at("path")?.stringValue,
        target.at("type")?.stringValue != "system"
      else { return nil }
      let dependencies = (target.at("dependencies")?.arrayValue ?? []).compactMap { dependency in
        (dependency.at("byName.0") ?? dependency.at("product.0"))?.stringValue
      }
      return Target(name: name, path: path, dependencies: Set(dependencies))
    }
  }

  private static func imports(in path: String) throws -> [(file: String, imported: String)] {
    let folder = root.appending(path: path)
    let files = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
    let statement =
      /^(?:package |public |internal |private |@testable |@_spi\(\w+\) )*import (?:struct |class |enum |func |protocol )?(\w+)/
    return try files.filter { $0.hasSuffix(".swift") }.flatMap { file in
      let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
      return text.split(separator: "\n").compactMap { line in
        line.firstMatch(of: statement).map { (file: "\(path)/\(file)", imported: String($0.1)) }
      }
    }
  }
}
