import Changes
import JSON
import Testing

struct RowCutTests {
  private static let key = MaskKey("0123456789abcdef")

  private func told(_ restriction: RowRestriction, _ columns: [String], _ row: String) throws -> String {
    let cut = try RowCut(restriction, columns: columns, key: ["id"], table: "t")
    return String(decoding: try cut.told(of: Array(row.utf8)).row, as: UTF8.self)
  }

  @Test(arguments: [
    (RowRestriction(.except(["b"])), #"{"a": 1, "id": 2}"#),
    (RowRestriction(.except(["a"])), #"{"b": "x, }", "id": 2}"#),
    (RowRestriction(.only(["b"])), #"{"b": "x, }", "id": 2}"#),
    (RowRestriction(.only([])), #"{"id": 2}"#),
    (RowRestriction(.all, masks: ["b": .fixed, "a": .fixed]), #"{"a": 0, "b": "***", "id": 2}"#),
  ])
  func `columns are left out or masked, and the rest stays as it is, byte for byte`(
    restriction: RowRestriction, expected: String
  ) throws {
    #expect(try told(restriction, ["id", "a", "b"], #"{"a": 1, "b": "x, }", "id": 2}"#) == expected)
    let compact = expected.split(separator: ", \"").joined(separator: ",\"").split(separator: "\": ").joined(
      separator: "\":")
    #expect(try told(restriction, ["id", "a", "b"], #"{"a":1,"b":"x, }","id":2}"#) == compact)
  }

  @Test(arguments: [
    ("null", "null"), (#""x""#, #""***""#), ("-1.5", "0"), ("true", "false"), ("false", "false"), ("[1, 2]", "[]"),
    (#"{"a": [1]}"#, "{}"),
  ])
  func `a mask keeps the kind of a value and whether there is one`(value: String, expected: String) throws {
    let masked = try told(RowRestriction(.all, masks: ["v": .fixed]), ["id", "v"], #"{"v": \#(value), "id": 1}"#)
    #expect(masked == #"{"v": \#(expected), "id": 1}"#)
  }

  /// The expected ones are what `printf '%s' VALUE | openssl dgst -sha256 -hmac 0123456789abcdef` prints.
  @Test(arguments: [
    (#""ann@example.com""#, "9f70eb4f1d9f0194d58bc08c41ce2b3b2e4e580a424a246ce2484484122343df"),
    (#""tab\there \u00fc \"x\"""#, "3a45b8a1105ae214c5f3a5228baccb4c542b99391313148ac7c19824940e9e84"),
    ("12.50", "936dfbb8e77c0a4feca6bdf912e97cfee813a10875daa42372050a15fee1cdd6"),
    (#"{"a": [1, "b"]}"#, "02ae7dc8eb3358421e22a490f5f2bdae92c40fef26e13b0085d592bb533e9a3b"),
  ])
  func `a hash is the HMAC of a text's characters, or of a value's compact JSON`(value: String, expected: String) throws
  {
    let restriction = RowRestriction(.all, masks: ["v": .hash(Self.key)])
    #expect(try told(restriction, ["id", "v"], #"{"v": \#(value), "id": 1}"#) == #"{"v": "\#(expected)", "id": 1}"#)
    #expect(try told(restriction, ["id", "v"], #"{"v": null, "id": 1}"#) == #"{"v": null, "id": 1}"#)
    let cut = try RowCut(restriction, columns: ["id", "v"], key: ["id"], table: "t")
    let parsed = try cut.told(of: JSONObject(parsing: Array(#"{"v": \#(value), "id": 1}"#.utf8)))
    #expect(parsed["v"] == .string(expected))
  }

  @Test func `names with quotes, and columns the table does not have, are not passed on`() throws {
    let odd = #"a"b\c"#
    let cut = try RowCut(RowRestriction(.except(["x"])), columns: ["id", odd, "x"], key: ["id"], table: "t")
    let told = try cut.told(of: Array(#"{"x": 1, "id": 2, "new": "secret", "a\"b\\c": 3}"#.utf8))
    #expect(String(decoding: told.row, as: UTF8.self) == #"{"id": 2, "a\"b\\c": 3}"#)
    #expect(!told.isKnown)
    #expect(told.count == 2)
  }

  @Test func `a restriction that does not fit its table is refused`() {
    let cases: [(RowRestriction, String)] = [
      (RowRestriction(.except(["emial"])), "emial"), (RowRestriction(.only(["nme"])), "nme"),
      (RowRestriction(.all, masks: ["phon": .fixed]), "phon"), (RowRestriction(.except(["id"])), "id"),
      (RowRestriction(.all, masks: ["id": .fixed]), "id"),
    ]
    for (restriction, named) in cases {
      let failure = #expect(throws: Failure.self) {
        try RowCut(restriction, columns: ["id", "email", "name", "phone"], key: ["id"], table: "t")
      }
      #expect(failure?.message.contains("\"\(named)\"") == true)
    }
  }

  @Test(arguments: [
    ("status <> 'x'", "status", true), ("lower(\"Status\") = 'x'", "Status", true), ("status_2 > 1", "status", false),
    ("a.b = 1", "a.b", true), ("\"a\"\"b\" = 1", "a\"b", true), ("größe > 1", "größe", true),
    ("größe > 1", "gr", false),
  ])
  func `the columns a condition reads are among those it may read`(condition: String, column: String, may: Bool) {
    #expect(RowRestriction(.all, condition: condition).mayRead(column) == may)
  }

  @Test func `a key shows itself nowhere`() {
    let key = MaskKey("a very secret key of a test")
    for text in ["\(key)", String(reflecting: key), "\(RowRestriction(.all, masks: ["a": .hash(key)]))"] {
      #expect(!text.contains("secret"))
    }
  }
}
