import Changes
import Foundation
import JSON
import Support
import Testing

@testable import Connectors

@Suite("Changes of files")
struct FileCaptureTests {
  private static func code(_ error: any Error) -> String? {
    (error as? EndUnavailable)?.failure.code ?? (error as? Failure)?.code
  }

  @Test(
    "the first look tells what there is, the next ones what changed, and a file that nobody touched is not read again")
  func changes() async throws {
    let scene = try await FileScene("{ path: items.csv, id: sku }")
    try scene.put("sku,name\n1,Cup\n2,Bowl\n3,Jar\n")
    #expect(try await scene.told().map(\.words) == ["read 1", "read 2", "read 3"])
    try scene.disguise("sku,name\n1,Mug\n")
    #expect(try await scene.told().isEmpty)
    try scene.put("sku,name\n1,Cup\n3,Glass\n4,Fork\n", age: .seconds(4))
    let told = try await scene.told()
    #expect(told.map(\.words) == ["update 3", "insert 4", "delete 2"])
    #expect(try JSONObject(parsing: told[0].row) == ["sku": "3", "name": "Glass"])
    #expect(abs(Timestamp.now.seconds(since: told[0].committedAt) - 4) < 3)
    #expect(try await scene.told().isEmpty)
  }

  @Test("after a restart only what changed meanwhile is told, deletes too")
  func restart() async throws {
    let scene = try await FileScene("{ path: items.ndjson }")
    try scene.put("{\"id\":1,\"a\":1}\n{\"id\":2,\"a\":1}\n", "items.ndjson")
    try await scene.told()
    try scene.put("{\"id\":2,\"a\":1.0}\n{\"id\":3,\"a\":1}\n", "items.ndjson")
    try await scene.restart()
    // 1 and 1.0 are other bytes: told, and found equal where it matters.
    #expect(try await scene.told().map(\.words) == ["update 2", "insert 3", "delete 1"])
  }

  @Test("a file that is missing, torn, empty or of another form deletes nothing")
  func missing() async throws {
    let scene = try await FileScene("{ path: items.csv, id: sku }")
    try scene.put("sku,name\n1,Cup\n2,Bowl\n")
    try await scene.told()
    for (text, code) in [
      (nil, "file.missing"), ("", "file.content"), ("sku,name\n1,\"Cu", "file.content"), ("<html>", "file.content"),
      ("sku,name\n1,Cup\n1,Bowl\n", "file.content"), ("sku,name\n,Cup\n", "file.content"),
    ] {
      if let text { try scene.put(text) } else { try FileManager.default.removeItem(atPath: scene.path("items.csv")) }
      await #expect("\(text ?? "none")") { try await scene.told() } throws: { Self.code($0) == code }
    }
    try scene.put("sku,name\n1,Cup\n2,Bowl\n")
    #expect(try await scene.told().isEmpty)
  }

  @Test("many records gone at once wait for somebody's word")
  func manyGone() async throws {
    let scene = try await FileScene("{ path: items.csv, id: sku }")
    let lines = (0..<500).map { "\($0),x\n" }
    try scene.put("sku,name\n" + lines.joined())
    #expect(try await scene.told().count == 500)
    try scene.put("sku,name\n" + lines.prefix(200).joined())
    await #expect { try await scene.told() } throws: { Self.code($0) == "poll.deletes" }
    try await scene.confirm()
    #expect(try await scene.told().map(\.operation) == Array(repeating: .delete, count: 300))
  }

  @Test("a file that is rewritten in place while it is read is never told in part")
  func torn() async throws {
    let scene = try await FileScene("{ path: items.csv, id: sku, deletes: 100% }")
    func content(_ version: Int) -> String {
      "sku,version\n" + (0..<3_000).map { "\($0),\(version)\n" }.joined()
    }
    try scene.put(content(0))
    try await scene.told()
    let path = scene.path("items.csv")
    let writer = Task {
      for version in 1...6 {
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try handle.truncate(atOffset: 0)
        let bytes = Data(content(version).utf8)
        for start in stride(from: 0, to: bytes.count, by: 8_000) {
          try handle.write(contentsOf: bytes[start..<min(start + 8_000, bytes.count)])
          try await Task.sleep(for: .milliseconds(40))
        }
        try handle.close()
      }
    }
    var isWritten = false
    while !isWritten {
      do {
        let told = try await scene.told()
        let versions = Set(try told.map { try JSONObject(parsing: $0.row)["version"] })
        #expect(versions.count <= 1 && told.allSatisfy { $0.operation == .update } && [0, 3_000].contains(told.count))
        if versions.contains("6") { isWritten = true }
      } catch let error as EndUnavailable {
        #expect(["file.busy", "file.content"].contains(error.failure.code), "\(error)")
      }
    }
    try await writer.value
    #expect(try await scene.contents().count == 3_000)
  }

  @Test("of several files the later name counts, and each of them may change")
  func several() async throws {
    let scene = try await FileScene("{ path: 'in/*.csv', id: sku }")
    try FileManager.default.createDirectory(atPath: scene.path("in"), withIntermediateDirectories: true)
    try scene.put("sku,name\n1,Cup\n2,Bowl\n", "in/2026-11-23.csv")
    try scene.put("sku,name\n2,Big bowl\n3,Jar\n", "in/2026-11-24.csv")
    #expect(try await scene.told().count == 3)
    #expect(try await scene.contents()["2"]?["name"] == "Big bowl")
    try FileManager.default.removeItem(atPath: scene.path("in/2026-11-24.csv"))
    #expect(try await scene.told().map(\.words) == ["update 2", "delete 3"])
    #expect(
      await scene.apply(Write(.create, key: nil, fields: ["sku": "9"], expected: nil, idempotencyKey: "k")).map(\.code)
        == ["file.read-only"])
    #expect(scene.object.actions.isEmpty)
  }

  @Test(
    "a feed is asked for with what is known of it, also after a restart, and its entries are kept when they leave it")
  func feed() async throws {
    let turns = Turns(
      .answer(200, headers: [("ETag", "\"v1\"")], body: Self.rss([1, 2])), .answer(304),
      .answer(200, headers: [("ETag", "\"v2\"")], body: Self.rss([2, 3])), .answer(304))
    let server = try ScriptedServer { _ in turns.next }
    let scene = try await FileScene("{ path: news.rss }", url: server.url)
    #expect(try await scene.told().map(\.words) == ["read n-1", "read n-2"])
    #expect(try await scene.told().isEmpty)
    try await scene.restart()
    #expect(try await scene.told().map(\.words) == ["insert n-3"])
    #expect(try await scene.told().isEmpty)
    #expect(server.requests.map { $0.header("If-None-Match") } == [nil, "\"v1\"", "\"v1\"", "\"v2\""])
    #expect(server.requests.map(\.target) == Array(repeating: "/news.rss", count: 4))
    await #expect { try await scene.object.records([RecordKey("n-1")]) } throws: { Self.code($0) == "file.absent" }
    #expect(scene.object.actions.isEmpty)
  }

  private static func rss(_ entries: [Int]) -> String {
    "<rss version=\"2.0\"><channel>"
      + entries.map { "<item><guid>n-\($0)</guid><title>\($0)</title></item>" }.joined() + "</channel></rss>"
  }

  @Test("a server without an ETag is asked by date, and one without either by what it sends")
  func validators() async throws {
    let date = "Tue, 24 Nov 2026 03:30:00 GMT"
    let turns = Turns(
      .answer(200, headers: [("Last-Modified", date)], body: "id,a\n1,1\n"), .answer(304),
      .answer(200, body: "id,a\n1,2\n"), .answer(200, body: "id,a\n1,2\n"))
    let server = try ScriptedServer { _ in turns.next }
    let scene = try await FileScene("{ path: '\(server.url)/x.csv?key=secret' }")
    #expect(try await scene.told().map(\.words) == ["read 1"])
    #expect(try await scene.told().isEmpty)
    #expect(try await scene.told().map(\.words) == ["update 1"])
    #expect(try await scene.told().isEmpty)
    #expect(server.requests.map { $0.header("If-Modified-Since") } == [nil, date, date, nil])
  }

  @Test("what a server answers instead deletes nothing, and is said without the query")
  func refusals() async throws {
    let replies: [ScriptedServer.Reply] = [
      .answer(404), .answer(301, headers: [("Location", "/new")]), .answer(200, body: "<html>login</html>"), .close,
      .answer(429, headers: [("Retry-After", "3600")]),
    ]
    for reply in replies {
      let server = try ScriptedServer { _ in reply }
      let scene = try await FileScene("{ path: '\(server.url)/x.csv?key=hidden' }")
      await #expect { try await scene.told() } throws: { error in
        guard let error = error as? EndUnavailable else { return false }
        return !"\(error)".contains("hidden") && (error.failure.code != "http.429" || error.after == .seconds(3600))
      }
    }
  }

  @Test("files in other encodings are read")
  func encodings() async throws {
    let scene = try await FileScene("{ path: items.csv, encoding: windows-1252 }")
    try scene.put(Data(Array("id,name\n1,".utf8) + [0x80, 0xFC] + Array("\n".utf8)), "items.csv")
    #expect(try await scene.contents()["1"]?["name"] == "€ü")
    let marked = try await FileScene("{ path: items.csv }")
    let utf16 = "id,name\r\n1,€ü\r\n".utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
    try marked.put(Data([0xFF, 0xFE] + utf16), "items.csv")
    #expect(try await marked.contents()["1"]?["name"] == "€ü")
    try marked.put(Data([0xEF, 0xBB, 0xBF] + Array("id,name\n1,ü\n".utf8)), "items.csv")
    #expect(try await marked.contents()["1"] == ["id": "1", "name": "ü"])
    try marked.put(Data(Array("id,name\n1,".utf8) + [0xFC, 0x0A]), "items.csv")
    await #expect { try await marked.contents() } throws: { Self.code($0) == "file.content" }
  }

  @Test("a file beyond its limit is refused")
  func limit() async throws {
    let scene = try await FileScene("{ path: items.csv, max_bytes: 20 }")
    try scene.put("id,name\n1,a\n")
    #expect(try await scene.contents().count == 1)
    try scene.put("id,name\n1,a\n2,a\n3,a\n4,a\n")
    await #expect { try await scene.contents() } throws: { Self.code($0) == "file.content" }
  }
}
