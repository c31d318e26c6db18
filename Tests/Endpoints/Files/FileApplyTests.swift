import Changes
import Foundation
import JSON
import Support
import Testing

@testable import Connectors

@Suite("Writing files")
struct FileApplyTests {
  private static func write(
    _ action: Write.Action, _ key: String?, _ fields: JSONObject = [:], expecting: JSONObject? = nil,
    token: String = "t"
  ) -> Write {
    Write(
      action, key: key.map { RecordKey(.string($0)) }, fields: fields,
      expected: expecting.map { Write.Known(version: nil, fields: $0) }, idempotencyKey: token)
  }

  @Test("records are created, changed and deleted where they stand, and the rest of the file stays as it was")
  func writes() async throws {
    let scene = try await FileScene("{ path: items.csv, id: sku, csv: { delimiter: ; } }")
    try scene.put("sku;name;note\r\n3;\"a; b\";\r\n1;Cup;\"\"\r\n2;Bowl;x\r\n")
    let outcomes = await scene.apply(
      Self.write(.update, "1", ["name": "Mug"], expecting: ["name": "Cup"]), Self.write(.delete, "2"),
      Self.write(.create, nil, ["sku": "4", "name": "Jar", "price": .decimal("5.50")]))
    #expect(outcomes.map(\.name) == ["applied", "applied", "applied"])
    #expect(try scene.text() == "sku;name;note;price\r\n3;\"a; b\";;\r\n1;Mug;\"\";\r\n4;Jar;;5.50\r\n")
    #expect(outcomes[0].applied?.after?["name"] == "Mug")
    #expect(outcomes[2].applied?.after?["price"] == "5.50")
    #expect(try await scene.contents()["4"]?["price"] == "5.50")
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: scene.folder.path).filter { $0.contains("items") } == [
        "items.csv"
      ])
  }

  @Test("what is not as a write expects is left alone and told")
  func mismatches() async throws {
    let scene = try await FileScene("{ path: items.json }")
    try scene.put(#"[{"id":1,"a":{"b":1,"c":2}}]"#, "items.json")
    let outcomes = await scene.apply(
      Self.write(.update, "1", ["a": ["b": 5]], expecting: ["a": ["b": 2]]), Self.write(.update, "9", ["a": 1]),
      Self.write(.create, nil, ["id": 1, "a": 7]))
    #expect(outcomes.map(\.name) == ["mismatch", "mismatch", "mismatch"])
    #expect(try scene.text("items.json") == #"[{"id":1,"a":{"b":1,"c":2}}]"#)
    let applied = await scene.apply(
      Self.write(.update, "1", ["a": ["b": 5]], expecting: ["a": ["b": .decimal("1.0")], "d": nil]))
    #expect(applied[0].applied?.after == ["id": 1, "a": ["b": 5, "c": 2]])
    #expect(try scene.text("items.json") == "[\n{\"id\":1,\"a\":{\"b\":5,\"c\":2}}\n]\n")
  }

  @Test("a write that is repeated is the same write")
  func repeated() async throws {
    let scene = try await FileScene("{ path: items.ndjson }")
    try scene.put("", "items.ndjson")
    let create = Self.write(.create, nil, ["name": "Cup"], token: "one")
    let first = await scene.apply(create)
    let again = await scene.apply(create)
    #expect(first[0].applied?.key != nil && first[0].applied?.key == again[0].applied?.key)
    #expect(try await scene.contents().count == 1)
    let other = await scene.apply(Self.write(.create, nil, ["name": "Cup"], token: "two"))
    #expect(other[0].applied?.key != first[0].applied?.key)
  }

  @Test(
    "writes side by side are all in the file, whose readers never find half of it",
    arguments: ["csv", "json", "ndjson", "xml"])
  func sideBySide(_ format: String) async throws {
    let scene = try await FileScene(
      "{ path: items.\(format), create: true\(format == "xml" ? ", items: list/item" : "") }")
    let reader = try await FileScene(
      "{ path: \(scene.path("items.\(format)")), create: true\(format == "xml" ? ", items: list/item" : "") }")
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<120 {
        group.addTask {
          let outcome = await scene.apply(
            Self.write(.create, nil, ["id": .string("\(number)"), "v": "x"], token: "\(number)"))
          #expect(outcome.map(\.name) == ["applied"])
        }
      }
      group.addTask {
        var seen = 0
        while seen < 120 {
          do {
            let count = try await reader.contents().count
            #expect(count >= seen)
            seen = count
          } catch let error as EndUnavailable { #expect(error.failure.code == "file.busy") }
        }
      }
      try await group.waitForAll()
    }
    #expect(try await scene.contents().count == 120)
  }

  @Test("a file that somebody else wrote is read again before it is written")
  func others() async throws {
    let scene = try await FileScene("{ path: items.csv }")
    try scene.put("id,name\n1,Cup\n2,Bowl\n")
    #expect(try await scene.contents().count == 2)
    try scene.put("id,name\n1,Glass\n3,Jar\n")
    let outcomes = await scene.apply(
      Self.write(.update, "1", ["name": "Mug"], expecting: ["name": "Cup"]), Self.write(.update, "3", ["name": "Pot"]))
    #expect(outcomes.map(\.name) == ["mismatch", "applied"])
    #expect(try scene.text() == "id,name\n1,Glass\n3,Pot\n")
  }

  @Test("what a file cannot hold, or would lose, is not written")
  func refused() async throws {
    let scene = try await FileScene("{ path: items.xml, items: list/item }")
    let text = "<list xmlns=\"urn:l\" made=\"today\"><!-- no --><item><id>1</id></item></list>"
    try scene.put(text, "items.xml")
    let outcomes = await scene.apply(
      Self.write(.update, "1", ["a b": "x"]), Self.write(.update, "1", ["a": "\u{1}"]),
      Self.write(.update, "1", ["id": "2"]))
    #expect(outcomes.map(\.code) == ["file.value", "file.value", "file.value"])
    #expect(await scene.apply(Self.write(.update, "1", ["a": "x"])).map(\.name) == ["applied"])
    #expect(
      try scene.text("items.xml")
        == "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<list xmlns=\"urn:l\" made=\"today\">\n  <item>\n    <id>1</id>\n    <a>x</a>\n  </item>\n</list>\n"
    )
    try scene.put("<list><item><id>1</id></item><more/></list>", "items.xml")
    #expect(await scene.apply(Self.write(.update, "1", ["a": "x"])).map(\.code) == ["file.layout"])
    let latin = try await FileScene("{ path: items.csv, encoding: windows-1252 }")
    try latin.put("id,name\n1,a\n")
    #expect(await latin.apply(Self.write(.update, "1", ["name": "x"])).map(\.code) == ["file.layout"])
  }

  @Test("a file that is missing is no empty one, unless that is said")
  func missing() async throws {
    let scene = try await FileScene("{ path: items.csv }")
    #expect(await scene.apply(Self.write(.create, nil, ["id": "1"])).map(\.code) == ["file.missing"])
    let making = try await FileScene("{ path: items.csv, create: true }")
    #expect(await making.apply(Self.write(.create, nil, ["id": "1", "name": "=x"])).map(\.name) == ["applied"])
    #expect(try making.text() == "id,name\n1,\"'=x\"\n")
    #expect(try await making.contents()["1"]?["name"] == "=x")
  }

  @Test("a record is found by its fields, exactly")
  func find() async throws {
    let scene = try await FileScene("{ path: items.json }")
    try scene.put(
      #"[{"id":"1","e":"a@x","n":1},{"id":"2","e":"A@x","n":1.0,"o":{"k":1}},{"id":"3","e":"1","n":"1"}]"#, "items.json"
    )
    func keys(_ match: JSONObject) async throws -> [String] {
      try await scene.object.find(match).map(\.key.description).sorted()
    }
    #expect(try await keys(["e": "a@x"]) == ["1"])
    #expect(try await keys(["n": 1]) == ["1", "2"])
    #expect(try await keys(["n": "1"]) == ["3"])
    #expect(try await keys(["o": ["k": 1]]) == ["2"])
    #expect(try await keys(["e": "a@x", "n": 2]) == [])
  }
}
