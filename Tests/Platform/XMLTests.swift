import Testing
import XML

@Suite("XML")
struct XMLTests {
  private static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  /// Events with adjacent texts joined: where text is split is the reader's business.
  private static func events(_ document: [UInt8], pieces: Int) throws(XMLError) -> [XMLEvent] {
    let reader = XMLReader()
    var events: [XMLEvent] = []
    var offset = 0
    while offset < document.count {
      let end = min(offset + pieces, document.count)
      events += try reader.feed(Array(document[offset..<end]))
      offset = end
    }
    events += try reader.feed([], isLast: true)
    return events.reduce(into: []) { joined, event in
      if case .text(let text) = event, case .text(let before)? = joined.last {
        joined[joined.count - 1] = .text(before + text)
      } else {
        joined.append(event)
      }
    }
  }

  @Test(
    "a document means the same however its bytes come, also where a character is split", arguments: [1, 2, 3, 7, 4096])
  func pieces(_ size: Int) throws {
    let document = Self.bytes(
      #"<?xml version="1.0"?><!-- no --><a:b xmlns:a="urn:a" xmlns="urn:d" a:x="1&#10;2" y="ü"><c>Grüße &amp; <![CDATA[<€>]]></c><d/></a:b>"#
    )
    #expect(
      try Self.events(document, pieces: size) == [
        .start(
          XMLName("b", namespace: "urn:a"),
          [XMLAttribute(XMLName("x", namespace: "urn:a"), "1\n2"), XMLAttribute(XMLName("y"), "ü")],
          [XMLNamespace(prefix: "a", uri: "urn:a"), XMLNamespace(prefix: "", uri: "urn:d")]),
        .start(XMLName("c", namespace: "urn:d"), [], []), .text("Grüße & <€>"), .end,
        .start(XMLName("d", namespace: "urn:d"), [], []), .end, .end,
      ])
  }

  @Test("UTF-16 and ISO-8859-1 are read as the document declares them, and another encoding as it is told")
  func encodings() throws {
    let utf16 = "<a>ü€</a>".utf16.reduce(into: [UInt8]([0xFF, 0xFE])) { $0 += [UInt8($1 & 255), UInt8($1 >> 8)] }
    #expect(try XMLElement(parsing: utf16).text == "ü€")
    let latin = Self.bytes(#"<?xml version="1.0" encoding="ISO-8859-1"?><a>"#) + [0xFC] + Self.bytes("</a>")
    #expect(try XMLElement(parsing: latin).text == "ü")
    let recoded = try XMLReader(encoding: "UTF-8").feed(
      Self.bytes(#"<?xml version="1.0" encoding="windows-1252"?><a>€</a>"#), isLast: true)
    #expect(recoded == [.start(XMLName("a"), [], []), .text("€"), .end])
  }

  private static func utf16(_ text: String) -> [UInt8] {
    text.utf16.reduce(into: [0xFE, 0xFF]) { $0 += [UInt8($1 >> 8), UInt8($1 & 255)] }
  }

  @Test(
    "a DOCTYPE is refused before anything in it is read, whatever it is for",
    arguments: [
      bytes("<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><a>&e;</a>"),
      bytes("<!DOCTYPE a [<!ENTITY % p SYSTEM \"http://127.0.0.1:1/x\"> %p;]><a/>"),
      bytes("<!DOCTYPE a SYSTEM \"http://127.0.0.1:1/a.dtd\"><a/>"), bytes("<!DOCTYPE html><html/>"),
      bytes(
        "<!DOCTYPE l [<!ENTITY a \"lol\">"
          + (1...9).map {
            "<!ENTITY a\($0) \"" + String(repeating: "&a\($0 == 1 ? "" : "\($0 - 1)");", count: 10) + "\">"
          }
          .joined() + "]><l>&a9;</l>"),
      bytes(
        "<!DOCTYPE q [<!ENTITY a \"" + String(repeating: "x", count: 100_000) + "\">]><q>"
          + String(repeating: "&a;", count: 5_000) + "</q>"),
      utf16("<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>"),
    ])
  func doctype(_ document: [UInt8]) {
    let start = ContinuousClock.now
    #expect { try XMLElement(parsing: document) } throws: { ($0 as? XMLError)?.kind == .doctype }
    #expect(ContinuousClock.now - start < .seconds(1))
  }

  @Test("what is no XML is refused with its place")
  func malformed() {
    let cases: [(String, XMLError.Kind)] = [
      ("", .malformed), ("text", .malformed), ("<a>", .malformed), ("<a></b>", .malformed), ("<a/><b/>", .malformed),
      ("<a>&nbsp;</a>", .malformed), ("<a>&#0;</a>", .malformed), ("<a x='1' x='2'/>", .malformed),
      ("<p:a/>", .malformed), ("<a>\u{1}</a>", .malformed),
      ("<?xml version='1.0' encoding='UTF-7'?><a/>", .encoding),
      ("<?xml version='1.0' encoding='UTF-16'?><a/>", .encoding),
    ]
    for (text, kind) in cases {
      #expect("\(text)") { try XMLElement(parsing: Self.bytes(text)) } throws: { ($0 as? XMLError)?.kind == kind }
    }
    #expect { try XMLElement(parsing: Self.bytes("<a>\n  <b>\n</a>")) } throws: {
      ($0 as? XMLError)?.line == 3
    }
    #expect { try XMLElement(parsing: [0x3C, 0x61, 0x3E, 0xC3, 0x28, 0x3C, 0x2F, 0x61, 0x3E]) } throws: {
      ($0 as? XMLError)?.kind == .malformed
    }
  }

  @Test("XInclude is an element like any other")
  func xinclude() throws {
    let root = try XMLElement(
      parsing: Self.bytes(
        #"<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd" parse="text"/></a>"#))
    #expect(root.elements.map(\.name.local) == ["include"] && root.elements[0].children.isEmpty)
  }

  @Test("a document that is too deep, too wide or too large is refused, and a long text is not")
  func limits() throws {
    let deep = Self.bytes(String(repeating: "<a>", count: 100_000))
    let start = ContinuousClock.now
    #expect { try XMLElement(parsing: deep) } throws: { ($0 as? XMLError)?.kind == .tooDeep }
    #expect(ContinuousClock.now - start < .seconds(1))

    let wide = "<a " + (0..<1000).map { "a\($0)=''" }.joined(separator: " ") + "/>"
    #expect { try XMLElement(parsing: Self.bytes(wide)) } throws: { ($0 as? XMLError)?.kind == .tooLarge }

    var small = XMLLimits()
    small.bytes = 1000
    small.tokenBytes = 100
    #expect {
      try XMLElement(parsing: Self.bytes("<a>\(String(repeating: "x", count: 1000))</a>"), limits: small)
    } throws: {
      ($0 as? XMLError)?.kind == .tooLarge
    }
    let reader = XMLReader(limits: small)
    #expect { try reader.feed(Self.bytes("<a x='" + String(repeating: "x", count: 300))) } throws: {
      ($0 as? XMLError)?.kind == .tooLarge
    }
    let text = XMLReader(limits: small)
    #expect(try text.feed(Self.bytes("<a>" + String(repeating: "x", count: 300))).count == 2)
  }

  @Test("nothing is read after an error")
  func afterwards() {
    let reader = XMLReader()
    #expect(throws: XMLError.self) { try reader.feed(Self.bytes("<a></b>")) }
    #expect(throws: XMLError.self) { try reader.feed(Self.bytes("<c/>"), isLast: true) }
  }

  @Test("what is written is read as it was meant")
  func roundTrip() throws {
    var writer = XMLWriter(isIndented: true)
    writer.declaration()
    try writer.start("s:Envelope", [("xmlns:s", "urn:soap"), ("note", "a\"b<c>\r\n\td&")])
    try writer.element("s:Body", text: " <>&\"'\r\n\t ü🙂 ")
    try writer.start("list")
    try writer.element("item", text: "")
    try writer.start("item")
    try writer.text("mixed ")
    try writer.element("b", text: "bold")
    try writer.text(" text")
    writer.end()
    writer.end()
    writer.end()
    let root = try XMLElement(parsing: writer.bytes)
    #expect(root.name == XMLName("Envelope", namespace: "urn:soap"))
    #expect(root.attribute("note") == "a\"b<c>\r\n\td&")
    #expect(root.first("Body", namespace: "urn:soap")?.text == " <>&\"'\r\n\t ü🙂 ")
    #expect(root.first("list")?.elements.map(\.text) == ["", "mixed  text"])
    #expect(root.first("list")?.elements[1].first("b")?.text == "bold")
    #expect(String(decoding: writer.bytes, as: UTF8.self).contains("\n  <list>\n    <item></item>\n"))
  }

  @Test("what XML cannot hold is not written")
  func unwritable() throws {
    for text in ["\u{0}", "\u{1B}", "\u{FFFF}"] {
      var writer = XMLWriter()
      try writer.start("a")
      #expect { try writer.text(text) } throws: { ($0 as? XMLError)?.kind == .character }
    }
    for name in ["", "1a", "a b", "a>", "a/b", "ü\u{0}"] {
      var writer = XMLWriter()
      #expect { try writer.start(name) } throws: { ($0 as? XMLError)?.kind == .character }
    }
  }
}
