import Foundation
import Yams

/// One YAML file as written. No aliases, merge keys or tags: a file reads the same from top to bottom, and a small
/// file cannot stand for a huge one.
package struct YAMLDocument: Sendable {
  package let root: YAMLNode

  /// Far above any configuration or manifest, far below what would trouble memory.
  package static let longestText = 1 << 20
  /// Deeper than any schema here; keeps recursion away from the end of the stack.
  static let deepestNesting = 64

  /// A part of another document, to be read by somebody else.
  package init(root: YAMLNode) { self.root = root }

  /// - Parameter file: the name that places show.
  /// - Throws: `Problems` where the text is no YAML, has a key twice, uses anchors, aliases or tags, or is too long.
  package init(text: String, file: String) throws(Problems) {
    let start = Place(file: file, line: 1, column: 1)
    guard text.utf8.count <= Self.longestText else {
      throw Problems([Problem(start, code: "yaml.size", "the file is larger than 1 MiB")])
    }
    let parser: Parser
    let parsed: Node?
    do {
      // Without resolver rules: the schema decides what a scalar is.
      parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
      parsed = try parser.singleRoot()
    } catch {
      throw Problems([Problem(error, file: file)])
    }
    guard let parsed else {
      root = YAMLNode(.null, at: start)
      return
    }
    // A node holds its anchor weakly and the parser strongly: without the parser an anchor would go unseen.
    defer { withExtendedLifetime(parser) {} }
    root = try YAMLNode(parsed, file: file, depth: 0)
  }

  /// Reads the file at `path`.
  /// - Parameter file: the name that places show; the path itself by default.
  /// - Throws: `Problems`, also where the file cannot be read.
  package init(contentsOf path: String, file: String? = nil) throws(Problems) {
    let file = file ?? path
    let start = Place(file: file, line: 1, column: 1)
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      let reason = (error as NSError).code == CocoaError.fileReadNoSuchFile.rawValue ? "there is no such file" : nil
      throw Problems([Problem(start, code: "yaml.file", reason ?? "the file cannot be read")])
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw Problems([Problem(start, code: "yaml.syntax", "the file is not UTF-8 text")])
    }
    try self.init(text: text, file: file)
  }
}

extension YAMLNode {
  fileprivate init(_ node: Node, file: String, depth: Int) throws(Problems) {
    let place = Place(file: file, line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
    func refuse(_ code: String, _ message: String) -> Problems { Problems([Problem(place, code: code, message)]) }

    // An alias cannot come before its anchor, so the walk ends here before it could multiply anything.
    guard node.anchor == nil else { throw refuse("yaml.anchor", "anchors and aliases (&, *) are not supported") }
    guard depth < YAMLDocument.deepestNesting else { throw refuse("yaml.size", "nested too deeply") }
    guard [Tag.Name.str, .seq, .map].contains(where: { $0.rawValue == node.tag.description }) else {
      throw refuse("yaml.tag", "tags (\(node.tag.description)) are not supported")
    }
    switch node {
    case .scalar(let scalar):
      let isPlain = scalar.style == .plain
      let isNull = isPlain && ["", "~", "null"].contains(scalar.string)
      self.init(isNull ? .null : .scalar(scalar.string, isPlain: isPlain), at: place)
    case .sequence(let sequence):
      var elements: [YAMLNode] = []
      for element in sequence { elements.append(try YAMLNode(element, file: file, depth: depth + 1)) }
      self.init(.sequence(elements), at: place)
    case .mapping(let mapping):
      var entries: [Entry] = []
      for (key, value) in mapping {
        let key = try YAMLNode(key, file: file, depth: depth + 1)
        guard case .scalar(let name, _) = key.content else {
          throw Problems([Problem(key.place, code: "yaml.type", "expected a name as key, got \(key.kind)")])
        }
        entries.append(
          Entry(name: name, place: key.place, value: try YAMLNode(value, file: file, depth: depth + 1)))
      }
      self.init(.mapping(entries), at: place)
    case .alias: throw refuse("yaml.anchor", "anchors and aliases (&, *) are not supported")
    }
  }
}

extension Problem {
  /// What Yams says, with the place it says it about.
  fileprivate init(_ error: any Error, file: String) {
    func place(_ mark: Mark) -> Place { Place(file: file, line: mark.line, column: mark.column) }
    switch error as? YamlError {
    case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      let context = context.map { "\($0.text) (line \($0.mark.line)): " } ?? ""
      self.init(place(mark), code: "yaml.syntax", "not valid YAML: \(context)\(problem)")
    case .duplicatedKeysInMapping(let names, let context):
      let names = names.map { "\"\($0)\"" }.joined(separator: ", ")
      self.init(place(context.mark), code: "yaml.duplicate-key", "written more than once: \(names)")
    case .reader(let problem, let offset, _, let yaml):
      let before = yaml.prefix(offset ?? 0)
      let line = before.count { $0.isNewline } + 1
      let column = (before.lastIndex { $0.isNewline }.map { before[$0...].count - 1 } ?? before.count) + 1
      self.init(Place(file: file, line: line, column: column), code: "yaml.syntax", "not valid YAML: \(problem)")
    default:
      self.init(Place(file: file, line: 1, column: 1), code: "yaml.syntax", "not valid YAML")
    }
  }
}
