import JSON
import XML

/// Reads the elements at a path of an XML document as records.
///
/// An attribute is the field `@name`, a child element the field of its name: text, or an object where it has attributes or
/// children itself, or a list where the name comes more than once. Text beside attributes or children is `#text`. Namespaces
/// and comments are passed over.
struct XMLRecordParser: RecordParser {
  private(set) var layout = FileLayout()
  private let reader: XMLReader
  /// The names from the outermost element to a record.
  private let path: [String]
  private let id: [String]
  private var open: [String] = []
  private var record: XMLBuilder?

  /// - Parameters:
  ///   - path: such as `catalog/product`.
  ///   - encoding: of the bytes, whatever the document says.
  init(path: [String], id: [String], encoding: String?, limits: XMLLimits) {
    self.path = path
    self.id = id
    reader = XMLReader(encoding: encoding, limits: limits)
  }

  mutating func feed(_ bytes: [UInt8], isLast: Bool) throws(FormatError) -> [ParsedRecord] {
    let events: [XMLEvent]
    do { events = try reader.feed(bytes, isLast: isLast) } catch { throw FormatError("\(error)") }
    var found: [ParsedRecord] = []
    for event in events {
      guard let element = take(event) else { continue }
      found.append(ParsedRecord(element.fields, id: id))
    }
    return found
  }

  private mutating func take(_ event: XMLEvent) -> XMLElement? {
    if record != nil {
      note(event)
      guard let element = record?.take(event) else { return nil }
      record = nil
      open.removeLast()
      return element
    }
    switch event {
    case .start(let name, let attributes, let namespaces):
      open.append(name.local)
      if open == path {
        var builder = XMLBuilder()
        _ = builder.take(event)
        record = builder
        note(event)
      } else {
        begin(name, attributes, namespaces)
      }
    case .text(let text):
      if !open.isEmpty, text.contains(where: { !$0.isWhitespace }) {
        layout.obstacle = "it has text between its records"
      }
    case .end: open.removeLast()
    }
    return nil
  }

  /// What could not be written again as it was.
  private mutating func note(_ event: XMLEvent) {
    guard case .start(let name, let attributes, _) = event else { return }
    if name.namespace != layout.root?.namespace || attributes.contains(where: { $0.name.namespace != nil }) {
      layout.obstacle = "its records use several namespaces"
    }
  }

  private mutating func begin(_ name: XMLName, _ attributes: [XMLAttribute], _ namespaces: [XMLNamespace]) {
    guard open.count == 1 else {
      layout.obstacle = "it holds elements beside its records"
      return
    }
    layout.root = FileLayout.XMLRoot(
      name: name.local, namespace: name.namespace,
      attributes: Dictionary(attributes.map { ($0.name.local, $0.value) }) { first, _ in first })
    let isPlain = namespaces.allSatisfy { $0.prefix.isEmpty } && attributes.allSatisfy { $0.name.namespace == nil }
    if !isPlain { layout.obstacle = "it uses prefixes of namespaces" }
  }
}

extension XMLElement {
  /// The element as an object; see `XMLRecordParser`.
  var fields: JSONObject {
    var fields = JSONObject(attributes.map { ("@\($0.name.local)", JSONValue.string($0.value)) })
    for child in elements {
      let value = child.value
      switch fields[child.name.local] {
      case nil: fields[child.name.local] = value
      case .array(let before)?: fields[child.name.local] = .array(before + [value])
      case let before?: fields[child.name.local] = .array([before, value])
      }
    }
    if text.contains(where: { !$0.isWhitespace }) { fields["#text"] = .string(text) }
    return fields
  }

  private var value: JSONValue {
    guard elements.isEmpty, attributes.isEmpty else { return .object(fields) }
    return .string(text)
  }
}
