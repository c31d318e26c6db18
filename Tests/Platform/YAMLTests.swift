import Testing
import YAML

struct YAMLTests {
  private enum Mode: String, CaseIterable { case auto, trigger }

  /// Reads a small schema and gives the descriptions of everything wrong with `text`.
  private func problems(_ text: String) -> [String] {
    do throws(Problems) {
      _ = try YAMLDocument(text: text, file: "a.yaml").read { root -> Int? in
        _ = root.required("name", hint: "give it one")?.string()
        _ = root["retention"]?.duration(in: .seconds(1) ... .days(2))
        _ = root["attempts"]?.integer(in: 1...9)
        _ = root["strict"]?.bool()
        _ = root["mode"]?.choice(Mode.self)
        _ = root["parts"]?.list { $0.string() }
        _ = root["ends"]?.named { _, value in value.mapping { $0.required("url")?.string() } }
        return 1
      }
      return []
    } catch {
      return error.all.map(\.description)
    }
  }

  @Test func `a document reads as written, digits and order included`() throws {
    let text = """
      name: 59.0   # stays text
      retention: 5m
      attempts: 3
      strict: true
      mode: trigger
      parts: [no, "1"]
      ends: { b: { url: x }, a: { url: y } }
      """
    let read = try YAMLDocument(text: text, file: "a.yaml").read { root in
      #expect(root["name"]?.string() == "59.0")
      #expect(root["retention"]?.duration() == .seconds(300))
      #expect(root["attempts"]?.integer() == 3)
      #expect(root["strict"]?.bool() == true)
      #expect(root["mode"]?.choice(Mode.self) == .trigger)
      #expect(root["parts"]?.list { $0.string() } == ["no", "1"])
      let ends = root["ends"]?.named { name, value in
        value.mapping { reader in reader["url"]?.string().map { "\(name.string() ?? "")=\($0) at \(name.place)" } }
      }
      return ends?.map(\.value)
    }
    #expect(read == ["b=x at a.yaml:7:9", "a=y at a.yaml:7:24"])
  }

  @Test(arguments: [
    ("name: a\nretension: 5m", [#"a.yaml:2:1: unknown key "retension" — did you mean "retention"?"#]),
    (
      "name: a\nqqqqqq: 5m",
      [#"a.yaml:2:1: unknown key "qqqqqq" — known keys: name, retention, attempts, strict, mode, parts, ends"#]
    ),
    (
      "mode: triger",
      [
        #"a.yaml:1:1: missing key "name" — give it one"#,
        #"a.yaml:1:7: expected one of auto, trigger, got "triger" — did you mean "trigger"?"#,
      ]
    ),
    ("", [#"a.yaml:1:1: missing key "name" — give it one"#]),
    ("- a", ["a.yaml:1:1: expected a mapping (key: value), got a list"]),
    (
      "name: [a]\nparts: b",
      [
        "a.yaml:1:7: expected a text, got a list", "a.yaml:2:8: expected a list, got a single value",
      ]
    ),
    ("name: a\nretention: 3d", [#"a.yaml:2:12: expected a duration from 1s to 2d, got "3d""#]),
    ("name: a\nretention: 5 min", [#"a.yaml:2:12: expected a duration like 250ms, 30s, 5m, 2h or 1d, got "5 min""#]),
    ("name: a\nattempts: 10", [#"a.yaml:2:11: expected a number from 1 to 9, got "10""#]),
    ("name: a\nattempts: '3'", [#"a.yaml:2:11: expected a whole number, got "3""#]),
    ("name: a\nstrict: yes", [#"a.yaml:2:9: expected true or false, got "yes""#]),
    ("name:", ["a.yaml:1:6: expected a text, got nothing"]),
    ("name: a\nends: {a: {}}", [#"a.yaml:2:11: missing key "url""#]),
    ("name: a\nname: b", [#"a.yaml:1:1: written more than once: "name""#]),
    ("name: &x a", ["a.yaml:1:7: anchors and aliases (&, *) are not supported"]),
    ("name: !!int 5", ["a.yaml:1:7: tags (tag:yaml.org,2002:int) are not supported"]),
    (
      "name: [a",
      [
        "a.yaml:2:1: not valid YAML: while parsing a flow sequence (line 1): did not find expected ',' or ']'"
      ]
    ),
    (
      "name: a\n---\nname: b",
      [
        "a.yaml:2:1: not valid YAML: expected a single document in the stream (line 1): but found another document"
      ]
    ),
    ("name: a\u{1}", ["a.yaml:1:8: not valid YAML: control characters are not allowed"]),
    ("[a]: b", ["a.yaml:1:1: expected a name as key, got a list"]),
  ])
  func `every problem is told with its place and a way out`(text: String, expected: [String]) {
    #expect(problems(text) == expected)
  }

  @Test func `a small file cannot stand for a huge one`() {
    var lines = ["a0: &a0 [x, x]"]
    for i in 1...40 { lines.append("a\(i): &a\(i) [*a\(i - 1), *a\(i - 1)]") }
    #expect(problems(lines.joined(separator: "\n")) == ["a.yaml:1:5: anchors and aliases (&, *) are not supported"])
    #expect(problems(String(repeating: "[", count: 500) + String(repeating: "]", count: 500)).count == 1)
    #expect(problems(String(repeating: "#", count: 1 << 20) + "\n") == ["a.yaml:1:1: the file is larger than 1 MiB"])
  }

  @Test func `a missing file is a problem with its name`() {
    #expect(throws: Problems.self) { try YAMLDocument(contentsOf: "/nowhere/tidemark.yaml") }
  }

  @Test(arguments: [("250ms", 250), ("30s", 30_000), ("5m", 300_000), ("2h", 7_200_000), ("1d", 86_400_000)])
  func `a duration is written as it was read`(text: String, milliseconds: Int) throws {
    let duration = try #require(Duration(text))
    #expect(duration == .milliseconds(milliseconds))
    #expect(duration.shortest == text)
  }

  @Test func `a far word is not guessed`() {
    #expect(nearest(to: "colour", among: ["color", "size"]) == "color")
    #expect(nearest(to: "paht", among: ["path", "size"]) == "path")
    #expect(nearest(to: "elephant", among: ["color", "size"]) == nil)
    #expect(nearest(to: "x", among: ["a"]) == nil)
  }
}
