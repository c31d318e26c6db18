import JSON
import PostgresDatabase
import Testing

struct CanonicalRowTests {
  @Test func `Columns come in the order of jsonb, whatever their order in the table`() {
    let row = CanonicalRow([
      (name: "name", type: .text), (name: "é", type: .number), (name: "id", type: .number),
      (name: "z\"", type: .boolean),
    ])
    #expect(
      written(row, "x1-2t", [.text(0..<1), .text(1..<2), .text(2..<4), .text(4..<5)])
        == #"{"id": -2, "z\"": true, "é": 1, "name": "x"}"#)
  }

  @Test func `Absent columns are left out, JSON is taken as it is`() {
    let row = CanonicalRow([(name: "a", type: .number), (name: "b", type: .text), (name: "c", type: .json)])
    #expect(written(row, "1[2, 3]", [.absent, .json(1..<7), .null]) == #"{"b": [2, 3], "c": null}"#)
    #expect(written(row, "", [.absent, .absent, .absent]) == "{}")
    #expect(written(CanonicalRow([]), "", []) == "{}")
  }

  @Test func `Rows are appended one after another`() {
    let row = CanonicalRow([(name: "a", type: .number)])
    var writer = JSONWriter()
    let bytes = Array("12".utf8)
    #expect(row.append(bytes.span, [.text(0..<1)], to: &writer))
    #expect(row.append(bytes.span, [.text(1..<2)], to: &writer))
    #expect(String(decoding: writer.bytes, as: UTF8.self) == #"{"a": 1}{"a": 2}"#)
  }

  @Test func `A column that is not of its type makes the row not whole and harms no other`() {
    let row = CanonicalRow([(name: "a", type: .number), (name: "b", type: .text)])
    var writer = JSONWriter()
    #expect(!row.append(Array("1xy".utf8).span, [.text(0..<2), .text(2..<3)], to: &writer))
    #expect(String(decoding: writer.bytes, as: UTF8.self) == #"{"a": "1x", "b": "y"}"#)
  }

  private func written(_ row: CanonicalRow, _ text: String, _ fields: [CanonicalRow.Field]) -> String {
    var writer = JSONWriter()
    let bytes = Array(text.utf8)
    #expect(row.append(bytes.span, fields, to: &writer))
    return String(decoding: writer.bytes, as: UTF8.self)
  }
}
