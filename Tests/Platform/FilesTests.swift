import Files
import Foundation
import Glibc
import Support
import Testing

@Suite("Files")
struct FilesTests {
  private let folder = ScratchFolder()

  private func write(_ text: String, _ name: String = "data.csv") throws -> String {
    let path = folder.file(name)
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    return path
  }

  private func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

  private func replace(_ path: String, with text: String, from former: FileSignature?) throws -> FileSignature {
    let replacement = try FileReplacement(of: path, from: former)
    try replacement.write(Array(text.utf8))
    return try replacement.commit()
  }

  @Test("a file is replaced in one step, keeps its mode, and nothing is left beside it")
  func replaced() throws {
    let path = try write("old")
    chmod(path, 0o640)
    let signature = try replace(path, with: "new", from: try FileSignature.of(path))
    #expect(try text(path) == "new" && signature == (try FileSignature.of(path)))
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o640)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["data.csv"])
  }

  @Test("a file that somebody else wrote meanwhile stays as it is")
  func changed() throws {
    let path = try write("old")
    let former = try FileSignature.of(path)
    _ = try write("theirs")
    #expect { try replace(path, with: "ours", from: former) } throws: { ($0 as? FileError)?.isChanged == true }
    #expect { try replace(path, with: "ours", from: nil) } throws: { ($0 as? FileError)?.isChanged == true }
    #expect(try text(path) == "theirs")
    unlink(path)
    #expect { try replace(path, with: "ours", from: former) } throws: { ($0 as? FileError)?.isChanged == true }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  @Test("a new file is made, a link stays a link, and what a crash left behind is no hindrance")
  func others() throws {
    let path = folder.file("new.csv")
    _ = try write("half", ".new.csv.tidemark")
    let made = try replace(path, with: "one", from: nil)
    symlink("new.csv", folder.file("link.csv"))
    _ = try replace(folder.file("link.csv"), with: "two", from: made)
    #expect(try text(path) == "two")
    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder.file("link.csv")) == "new.csv")
  }

  @Test("given up, a replacement leaves nothing")
  func givenUp() throws {
    let path = try write("old")
    do {
      let replacement = try FileReplacement(of: path, from: try FileSignature.of(path))
      try replacement.write([1, 2, 3])
    }
    #expect(try text(path) == "old")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["data.csv"])
  }

  @Test("whoever reads the file meanwhile finds one content or the other, whole")
  func readers() async throws {
    let contents = (0..<8).map { String(repeating: "\($0)", count: 200_000) }
    let path = try write(contents[0])
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<2 {
        group.addTask {
          for _ in 0..<200 {
            let seen = try String(contentsOfFile: path, encoding: .utf8)
            #expect(contents.contains(seen), "\(seen.count) bytes")
          }
        }
      }
      group.addTask {
        var signature = try FileSignature.of(path)
        for turn in 1...60 { signature = try replace(path, with: contents[turn % 8], from: signature) }
      }
      try await group.waitForAll()
    }
  }

  @Test("a pattern names files in order, a folder is no file, and what is not there is nil")
  func patterns() throws {
    for name in ["b.csv", "a.csv", ".hidden.csv", "c.txt"] { _ = try write("x", name) }
    #expect(try files(matching: folder.file("*.csv")).map { ($0 as NSString).lastPathComponent } == ["a.csv", "b.csv"])
    #expect(try files(matching: folder.file("*.xml")).isEmpty)
    #expect(try FileSignature.of(folder.file("none")) == nil)
    #expect(throws: FileError.self) { try FileSignature.of(folder.path) }
    #expect(throws: FileError.self) { _ = try FileReader(path: folder.file("none")) }
  }

  @Test("text is decoded however its bytes come", arguments: [1, 2, 3, 64])
  func decoding(_ size: Int) throws {
    let text = "Grüße, Ωmega: „€uro“ 🙂\r\n"
    let utf16 = text.utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
    let decoder = try #require(TextDecoder(encoding: "UTF-16LE"))
    var decoded: [UInt8] = []
    for start in stride(from: 0, to: utf16.count, by: size) {
      decoded += try decoder.decode(Array(utf16[start..<min(start + size, utf16.count)]))
    }
    decoded += try decoder.decode([], isLast: true)
    #expect(String(decoding: decoded, as: UTF8.self) == text)
    let windows = try #require(TextDecoder(encoding: "windows-1252"))
    #expect(try windows.decode([0x80, 0xFC], isLast: true) == Array("€ü".utf8))
    #expect(throws: TextError.self) { try TextDecoder(encoding: "UTF-8")?.decode([0xC3, 0x28], isLast: true) }
    #expect(throws: TextError.self) { try TextDecoder(encoding: "UTF-16LE")?.decode([0x41], isLast: true) }
    #expect(TextDecoder(encoding: "no-such") == nil && TextDecoder(encoding: "UTF-8//IGNORE") == nil)
  }
}
