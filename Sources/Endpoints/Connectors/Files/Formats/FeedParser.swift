import JSON
import XML

/// Reads the entries of RSS 2.0 or Atom 1.0 (RFC 4287) as records with the same fields: `id`, `title`, `link`, `summary`,
/// `content`, `author`, `published`, `updated`, `categories` (a list) and `enclosure` (`url`, `type`, `length`). What an entry
/// does not have is left out. Times are written as ISO 8601 in UTC where they can be read.
struct FeedParser: RecordParser {
  let layout = FileLayout()
  private let format: FileFormat
  private let reader: XMLReader
  private var depth = 0
  private var entry: XMLBuilder?

  init(_ format: FileFormat, encoding: String?, limits: XMLLimits) {
    self.format = format
    reader = XMLReader(encoding: encoding, limits: limits)
  }

  mutating func feed(_ bytes: [UInt8], isLast: Bool) throws(FormatError) -> [ParsedRecord] {
    let events: [XMLEvent]
    do { events = try reader.feed(bytes, isLast: isLast) } catch { throw FormatError("\(error)") }
    var found: [ParsedRecord] = []
    for event in events {
      guard let element = try take(event) else { continue }
      found.append(ParsedRecord(format == .rss ? element.rssItem : element.atomEntry, id: ["id"]))
    }
    return found
  }

  private mutating func take(_ event: XMLEvent) throws(FormatError) -> XMLElement? {
    if entry != nil {
      guard let element = entry?.take(event) else { return nil }
      entry = nil
      return element
    }
    switch event {
    case .start(let name, _, _):
      depth += 1
      if depth == 1 { try requireRoot(name) }
      guard name.local == (format == .rss ? "item" : "entry"), depth == (format == .rss ? 3 : 2) else { return nil }
      depth -= 1
      var builder = XMLBuilder()
      _ = builder.take(event)
      entry = builder
    case .text: break
    case .end: depth -= 1
    }
    return nil
  }

  private func requireRoot(_ name: XMLName) throws(FormatError) {
    let isFeed = format == .rss ? name.local == "rss" : name == XMLName("feed", namespace: Atom.namespace)
    guard isFeed else { throw FormatError("it is no \(format == .rss ? "RSS 2.0" : "Atom") feed") }
  }
}

private enum Atom {
  static let namespace = "http://www.w3.org/2005/Atom"
}

extension XMLElement {
  fileprivate var rssItem: JSONObject {
    let own = elements.filter { $0.name.namespace == nil }
    func text(_ name: String) -> String? { own.first { $0.name.local == name }?.trimmed }
    var fields = JSONObject()
    // Without a guid the link tells entries apart.
    fields["id"] = (text("guid") ?? text("link")).map { .string($0) }
    fields["title"] = text("title").map { .string($0) }
    fields["link"] = text("link").map { .string($0) }
    fields["summary"] = text("description").map { .string($0) }
    fields["content"] = first("encoded", namespace: "http://purl.org/rss/1.0/modules/content/")?.trimmed.map {
      .string($0)
    }
    let creator = first("creator", namespace: "http://purl.org/dc/elements/1.1/")?.trimmed
    fields["author"] = (text("author") ?? creator).map { .string($0) }
    fields["published"] = text("pubDate").map { .string(FeedTime.iso8601($0)) }
    fields["categories"] = Self.list(own.filter { $0.name.local == "category" }.compactMap(\.trimmed))
    fields["enclosure"] = own.first { $0.name.local == "enclosure" }.map { $0.link(url: "url") }
    return fields
  }

  fileprivate var atomEntry: JSONObject {
    let own = elements.filter { $0.name.namespace == Atom.namespace }
    func text(_ name: String) -> String? { own.first { $0.name.local == name }?.allText }
    let links = own.filter { $0.name.local == "link" }
    var fields = JSONObject()
    fields["id"] = text("id").map { .string($0) }
    fields["title"] = text("title").map { .string($0) }
    fields["link"] = links.first { $0.attribute("rel") ?? "alternate" == "alternate" }?.attribute("href").map {
      .string($0)
    }
    fields["summary"] = text("summary").map { .string($0) }
    fields["content"] = text("content").map { .string($0) }
    fields["author"] = own.first { $0.name.local == "author" }?.first("name")?.trimmed.map { .string($0) }
    fields["published"] = text("published").map { .string(FeedTime.iso8601($0)) }
    fields["updated"] = text("updated").map { .string(FeedTime.iso8601($0)) }
    fields["categories"] = Self.list(own.filter { $0.name.local == "category" }.compactMap { $0.attribute("term") })
    fields["enclosure"] = links.first { $0.attribute("rel") == "enclosure" }.map { $0.link(url: "href") }
    return fields
  }

  private static func list(_ texts: [String]) -> JSONValue? {
    texts.isEmpty ? nil : .array(texts.map { .string($0) })
  }

  private func link(url: String) -> JSONValue {
    var fields = JSONObject()
    fields["url"] = attribute(url).map { .string($0) }
    fields["type"] = attribute("type").map { .string($0) }
    fields["length"] = attribute("length").map { .string($0) }
    return .object(fields)
  }

  /// Nil where there is nothing but spaces.
  private var trimmed: String? { Self.trimmed(text) }

  /// With the text of all elements in it: of XHTML, its words.
  private var allText: String? {
    func words(_ element: XMLElement) -> String {
      element.children.map { child in
        switch child {
        case .text(let text): text
        case .element(let inner): words(inner)
        }
      }.joined()
    }
    return Self.trimmed(words(self))
  }

  private static func trimmed(_ text: String) -> String? {
    let start = text.drop { $0.isWhitespace }
    guard let end = start.lastIndex(where: { !$0.isWhitespace }) else { return nil }
    return String(start[...end])
  }
}
