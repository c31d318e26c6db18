import JSON
import Support
import Testing
import XML
import YAML

@testable import Connectors

@Suite("File formats")
struct FileFormatTests {
  /// The records of a text whose bytes come in pieces.
  static func records(_ text: some Sequence<UInt8>, _ parser: some RecordParser, pieces: Int = 4096) throws
    -> [JSONObject]
  {
    var (parser, bytes, found) = (parser, Array(text), [ParsedRecord]())
    for start in stride(from: 0, to: bytes.count, by: pieces) {
      found += try parser.feed(Array(bytes[start..<min(start + pieces, bytes.count)]), isLast: false)
    }
    found += try parser.feed([], isLast: true)
    return try found.map { try JSONObject(parsing: $0.row) }
  }

  static func csv(_ text: String, _ dialect: CSVDialect = CSVDialect(), pieces: Int = 4096) throws -> [JSONObject] {
    try records(text.utf8, try CSVParser(dialect, id: ["a"]), pieces: pieces)
  }

  @Test("CSV is read as RFC 4180 has it, however its bytes come", arguments: [1, 2, 5, 4096])
  func csv(_ pieces: Int) throws {
    let text = "a,b,c\r\n1,\"x, \"\"y\"\"\",\"two\r\nlines\"\r\n\r\n2,,\"\"\r\n3,ü,5\" pipe"
    #expect(
      try Self.csv(text, pieces: pieces) == [
        ["a": "1", "b": "x, \"y\"", "c": "two\r\nlines"], ["a": "2", "b": nil, "c": ""],
        ["a": "3", "b": "ü", "c": "5\" pipe"],
      ])
    #expect(try Self.csv(text.replacing("\r\n", with: "\n"), pieces: pieces).count == 3)
    #expect(try Self.csv("a,b\r1,2\r3,4\r", pieces: pieces) == [["a": "1", "b": "2"], ["a": "3", "b": "4"]])
  }

  @Test("other delimiters and quotes, and files without a header")
  func dialects() throws {
    var dialect = CSVDialect(delimiter: UInt8(ascii: ";"), quote: UInt8(ascii: "'"))
    #expect(try Self.csv("a;b\n'1;''2';\"3\"\n", dialect) == [["a": "1;'2", "b": "\"3\""]])
    dialect = CSVDialect(delimiter: 0x09, hasHeader: false, columns: ["a", "b"])
    #expect(try Self.csv("1\t2\n", dialect) == [["a": "1", "b": "2"]])
  }

  @Test(
    "CSV that is torn or has another form is refused and never read in part",
    arguments: [
      "", "b,c\n1,2\n", "a,a\n1,2\n", "a,\n1,2\n", "a,b\n1\n", "a,b\n1,2,3\n", "a,b\n1,\"2\n3,4\n", "a,b\n1,\"2\"x\n",
    ])
  func brokenCSV(_ text: String) throws {
    #expect(throws: FormatError.self) { try Self.csv(text) }
    #expect(throws: FormatError.self) {
      try Self.records(Array("a,b\n1,".utf8) + [0xC3, 0x28], try CSVParser(CSVDialect(), id: ["a"]))
    }
  }

  @Test("messages say where, and hold no value")
  func messages() {
    #expect { try Self.csv("a,b\nsecret,2\n\nsecret,2,3\n") } throws: {
      "\($0)" == "record 2, before line 5: 3 fields in 2 columns"
    }
    #expect { try Self.records("{\"a\":1}\n{\"a\":secret}".utf8, NDJSONParser(id: ["a"])) } throws: {
      "\($0)" == "line 2, byte 5: expected a value"
    }
  }

  private static let awkward = [
    "", " ", "a", "ü€🙂", "\"", "''", ",", ";", "\n", "\r\n", "\r", "\t", "=1+1", "+49 170", "-5", "-5-5", "@x", "'=x",
    "''", "'x",
    "0", "-.5", "null", "[1]", "{}", "<&>\"'", "]]>", "\u{2028}", " leading", "trailing ", "a\u{301}",
  ]

  private static func object(_ numbers: inout SeededNumbers, _ names: [String]) -> JSONObject {
    JSONObject(
      names.map { name in
        let parts = (0..<Int.random(in: 1...3, using: &numbers)).compactMap { _ in
          awkward.randomElement(using: &numbers)
        }
        return (name, Int.random(in: 0..<6, using: &numbers) == 0 ? .null : .string(parts.joined()))
      })
  }

  private static func rules(_ text: String) throws -> FileRules {
    try YAMLDocument(text: text, file: "rules.yaml").read { FileRules($0) }
  }

  private static func written(_ records: [JSONObject], _ rules: FileRules, _ layout: FileLayout) throws -> [UInt8] {
    var writer = RecordWriter(rules, layout)
    var bytes = try writer.beginning()
    for record in records { bytes += try writer.record(record) }
    return bytes + writer.end()
  }

  @Test("what is written is read as it was meant, in every format", arguments: [1, 2, 3, 4, 5, 6])
  func roundTrip(_ seed: UInt64) throws {
    var numbers = SeededNumbers(state: seed)
    let names = ["a", "b", "c"]
    let records = (0..<60).map { number in
      Self.object(&numbers, names).merging([
        "a": .string("\(number)\(Self.awkward.randomElement(using: &numbers) ?? "")")
      ])
    }
    var layout = FileLayout(columns: names)
    let dialects = ["", "csv: { delimiter: ';', quote: \"'\" }", "csv: { delimiter: tab, formulas: keep }"]
    for dialect in dialects {
      let rules = try Self.rules("path: x.csv\nid: a\n\(dialect)")
      layout.newline = Bool.random(using: &numbers) ? "\r\n" : "\n"
      let text = try Self.written(records, rules, layout)
      let parser = try CSVParser(rules.csv, id: ["a"])
      #expect(try Self.records(text, parser, pieces: 7) == records, "seed \(seed): \(dialect)")
    }
    let lines = try Self.written(records, try Self.rules("path: x.ndjson\nid: a"), layout)
    #expect(try Self.records(lines, NDJSONParser(id: ["a"]), pieces: 7) == records, "seed \(seed)")
    let list = try Self.written(records, try Self.rules("path: x.json\nid: a"), layout)
    #expect(try Self.records(list, JSONDocumentParser(id: ["a"], items: ""), pieces: 7) == records, "seed \(seed)")
    #expect(try JSONValue(parsing: list).arrayValue?.count == records.count)

    let xml = try Self.rules("path: x.xml\nid: a\nitems: list/item")
    let normal = try records.map { try xml.normalized($0) }
    let document = try Self.written(normal, xml, layout)
    let parser = XMLRecordParser(path: xml.itemPath, id: ["a"], encoding: nil, limits: .init())
    #expect(try Self.records(document, parser, pieces: 7) == normal, "seed \(seed)")
  }

  @Test("a text that a spreadsheet would run is written as text, and numbers as they are")
  func formulas() throws {
    let rules = try Self.rules("path: x.csv\nid: a")
    let records: [JSONObject] = [["a": "=HYPERLINK(1)", "b": "-1.5"], ["a": "\tx", "b": "-1-1"]]
    let text = try Self.written(records, rules, FileLayout(columns: ["a", "b"]))
    #expect(String(decoding: text, as: UTF8.self) == "a,b\n\"'=HYPERLINK(1)\",-1.5\n\"'\tx\",\"'-1-1\"\n")
  }

  @Test("a JSON document around the records stays")
  func envelope() throws {
    let rules = try Self.rules("path: x.json\nitems: data.products")
    var parser = JSONDocumentParser(id: ["id"], items: "data.products")
    let text = #"{"version":2,"data":{"products":[{"id":1},{"id":2}],"records":"records"},"more":[1.10]}"#
    let read = try parser.feed(Array(text.utf8), isLast: true)
    #expect(read.map(\.id) == [["1"], ["2"]])
    let written = try Self.written([["id": 3]], rules, parser.layout)
    #expect(
      String(decoding: written, as: UTF8.self)
        == "{\"version\":2,\"data\":{\"products\":[\n{\"id\":3}\n],\"records\":\"records\"},\"more\":[1.10]}\n")
  }

  @Test(
    "JSON that is torn or no list of objects is refused",
    arguments: [
      "", "{}", "[{\"a\":1}", "[{\"a\":1},]", "[,{}]", "[{\"a\":1}] x", "[1]", "[{\"a\":1]}", "[{\"a\":\"x]", "[{}}]",
      "x[]",
    ])
  func brokenJSON(_ text: String) {
    #expect(throws: FormatError.self) { try Self.records(text.utf8, JSONDocumentParser(id: ["a"], items: "")) }
  }

  @Test("the scanner finds what a parser finds", arguments: [1, 3, 4096])
  func scanner(_ pieces: Int) throws {
    let text = #" [ {"a":"]},[\\\"{"} ,{ "a" : [ {"b":[]} , "," ] },{"a":"ü\\"} ] "#
    let expected = try JSONValue(parsing: text).arrayValue?.compactMap(\.objectValue)
    #expect(try Self.records(text.utf8, JSONDocumentParser(id: ["a"], items: ""), pieces: pieces) == expected)
    #expect(try Self.records("[]".utf8, JSONDocumentParser(id: ["a"], items: "")).isEmpty)
  }

  @Test("elements of XML are records: attributes, texts, objects and lists")
  func xml() throws {
    let text = """
      <?xml version="1.0"?><catalog xmlns="urn:c"><made>today</made>
      <product sku="1"><name>Cup</name><tag>a</tag><tag>b</tag><size unit="mm"> <h>80</h></size><weight unit="g">250</weight><none/></product>
      <other><product sku="2"/></other><product sku="3"/></catalog>
      """
    var parser = XMLRecordParser(path: ["catalog", "product"], id: ["@sku"], encoding: nil, limits: .init())
    let records = try parser.feed(Array(text.utf8), isLast: true)
    #expect(records.map(\.id) == [["1"], ["3"]])
    #expect(
      try JSONObject(parsing: records[0].row) == [
        "@sku": "1", "name": "Cup", "tag": ["a", "b"], "size": ["@unit": "mm", "h": "80"],
        "weight": ["@unit": "g", "#text": "250"], "none": "",
      ])
    #expect(parser.layout.root?.namespace == "urn:c" && parser.layout.obstacle != nil)
  }

  @Test("what XML cannot hold is refused, and what it has no form for has another")
  func normal() throws {
    let rules = try Self.rules("path: x.xml\nitems: list/item")
    #expect(
      try rules.normalized(["a": 1, "b": nil, "c": ["x"], "d": [], "e": [1, nil, true], "f": ["#text": "t"], "g": [:]])
        == [
          "a": "1", "c": "x", "e": ["1", "true"], "f": "t", "g": "",
        ])
    for fields: JSONObject in [["a b": 1], ["a": "\u{1}"], ["a": [["x"]]], ["@a": ["b": 1]], ["x:a": 1]] {
      #expect(throws: FormatError.self) { try rules.normalized(fields) }
    }
  }

  @Test("entries of RSS and Atom are records with the same fields")
  func feeds() throws {
    let rss = """
      <rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/">
      <channel><title>News</title><item><title>One &amp; two</title><link>https://news.example/1</link>
      <guid isPermaLink="false">n-1</guid><pubDate>Tue, 24 Nov 2026 04:30:00 +0100</pubDate><category>a</category><category>b</category>
      <description><![CDATA[<p>Hi</p>]]></description><content:encoded>All</content:encoded><dc:creator>Ann</dc:creator>
      <enclosure url="https://news.example/1.mp3" type="audio/mpeg" length="9"/></item>
      <item><link>https://news.example/2</link><pubDate>yesterday</pubDate></item></channel></rss>
      """
    #expect(
      try Self.records(rss.utf8, FeedParser(.rss, encoding: nil, limits: .init()), pieces: 50) == [
        [
          "id": "n-1", "title": "One & two", "link": "https://news.example/1", "summary": "<p>Hi</p>", "content": "All",
          "author": "Ann", "published": "2026-11-24T03:30:00Z", "categories": ["a", "b"],
          "enclosure": ["url": "https://news.example/1.mp3", "type": "audio/mpeg", "length": "9"],
        ], ["id": "https://news.example/2", "link": "https://news.example/2", "published": "yesterday"],
      ])
    let atom = """
      <feed xmlns="http://www.w3.org/2005/Atom"><id>urn:f</id><entry><id>urn:e:1</id><title type="html">T</title>
      <link rel="self" href="https://a.example/self"/><link href="https://a.example/1"/><author><name>Bo</name></author>
      <updated>2026-11-24T03:30:00.250+01:00</updated><category term="x"/>
      <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">Some <b>bold</b> words</div></content></entry></feed>
      """
    #expect(
      try Self.records(atom.utf8, FeedParser(.atom, encoding: nil, limits: .init())) == [
        [
          "id": "urn:e:1", "title": "T", "link": "https://a.example/1", "author": "Bo", "categories": ["x"],
          "updated": "2026-11-24T02:30:00.250Z", "content": "Some bold words",
        ]
      ])
    #expect(throws: FormatError.self) { try Self.records(rss.utf8, FeedParser(.atom, encoding: nil, limits: .init())) }
    #expect(throws: FormatError.self) {
      try Self.records("<!DOCTYPE rss><rss/>".utf8, FeedParser(.rss, encoding: nil, limits: .init()))
    }
  }

  @Test("times of feeds are read as they are written")
  func feedTimes() {
    for (text, expected) in [
      ("Tue, 24 Nov 2026 03:30:00 GMT", "2026-11-24T03:30:00Z"), ("24 Nov 26 03:30 EST", "2026-11-24T08:30:00Z"),
      ("Sat, 01 Jan 2000 00:00:00 -0530", "2000-01-01T05:30:00Z"), ("2026-11-24T03:30:00Z", "2026-11-24T03:30:00Z"),
      ("Tue, 24 Foo 2026 03:30:00 GMT", "Tue, 24 Foo 2026 03:30:00 GMT"), ("", ""),
    ] {
      #expect(FeedTime.iso8601(text) == expected)
    }
  }

  @Test(
    "rules that do not go together are told with their place",
    arguments: [
      ("path: data", "the name does not say"), ("path: a.xml", "XML needs the way"),
      ("path: a.json\ncsv: {}", "only CSV"),
      ("path: a.csv\nitems: x", "only in JSON and XML"), ("path: a.rss\nid: x", "entries of a feed"),
      ("path: a.csv\nencoding: klingon", "no encoding"), ("path: '*.csv'\ncreate: true", "only one file"),
      ("path: a.csv\ncsv: { header: false }", "have to be named"),
      ("path: a.csv\ncsv: { columns: [a] }", "first line names"),
      ("path: a.csv\ncsv: { delimiter: ab }", "expected one character"), ("path: a.csv\nid: []", "tell records apart"),
      ("path: a.csv\ndeletes: most", "expected a share"), ("path: a.csv\nnonsense: 1", "unknown key"),
      ("id: a", "missing key"),
    ])
  func refused(_ text: String, _ expected: String) {
    #expect { try Self.rules(text) } throws: { "\($0)".contains(expected) }
  }
}
