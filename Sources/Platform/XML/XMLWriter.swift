/// Appends XML to a growing buffer of UTF-8. Names are written as they are given, with their prefixes; whoever writes them
/// declares the namespaces too.
package struct XMLWriter: Sendable {
  package private(set) var bytes: [UInt8] = []
  private var open: [Open] = []
  private let isIndented: Bool

  private struct Open {
    var name: String
    var hasElements = false
    var hasText = false
  }

  /// - Parameter isIndented: elements in elements without text go on lines of their own.
  package init(isIndented: Bool = false) { self.isIndented = isIndented }

  /// `<?xml version="1.0" encoding="UTF-8"?>` and a line break.
  package mutating func declaration() { raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n") }

  /// Begins an element.
  /// - Throws: `XMLError` for a character that XML has not, or a name that is none.
  package mutating func start(
    _ name: String, _ attributes: [(name: String, value: String)] = []
  ) throws(XMLError) {
    try requireName(name)
    if !open.isEmpty { open[open.count - 1].hasElements = true }
    breakLine()
    raw("<")
    raw(name)
    for (name, value) in attributes {
      try requireName(name)
      raw(" ")
      raw(name)
      raw("=\"")
      try escape(value, inAttribute: true)
      raw("\"")
    }
    raw(">")
    open.append(Open(name: name))
  }

  /// Text in the innermost open element.
  package mutating func text(_ text: String) throws(XMLError) {
    if !open.isEmpty { open[open.count - 1].hasText = true }
    try escape(text, inAttribute: false)
  }

  /// Ends the innermost open element.
  package mutating func end() {
    guard let element = open.popLast() else { return }
    if element.hasElements, !element.hasText, isIndented { lineBreak() }
    raw("</")
    raw(element.name)
    raw(">")
    if open.isEmpty, isIndented { raw("\n") }
  }

  /// An element that holds nothing but text.
  package mutating func element(
    _ name: String, _ attributes: [(name: String, value: String)] = [], text: String
  ) throws(XMLError) {
    try start(name, attributes)
    if !text.isEmpty { try self.text(text) }
    end()
  }

  /// Takes what was written so far; open elements stay open.
  package mutating func drain() -> [UInt8] {
    defer { bytes = [] }
    return bytes
  }

  /// Whether a text may name an element or attribute: the letters, digits and signs that every XML has in common.
  package static func isName(_ text: String) -> Bool {
    guard let first = text.unicodeScalars.first, isNameStart(first) else { return false }
    return text.unicodeScalars.allSatisfy { isNameStart($0) || "0123456789-.·".unicodeScalars.contains($0) }
  }

  private static func isNameStart(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x3A, 0x41...0x5A, 0x5F, 0x61...0x7A, 0xC0...0xD6, 0xD8...0xF6, 0xF8...0x2FF, 0x370...0x37D, 0x37F...0x1FFF,
      0x2070...0x218F, 0x2C00...0x2FEF, 0x3001...0xD7FF, 0xF900...0xFDCF, 0xFDF0...0xFFFD, 0x10000...0xEFFFF:
      true
    default: false
    }
  }

  private func requireName(_ name: String) throws(XMLError) {
    guard Self.isName(name) else { throw XMLError(.character, "a name that XML does not allow") }
  }

  private mutating func breakLine() {
    if isIndented, let outer = open.last, !outer.hasText { lineBreak() }
  }

  private mutating func lineBreak() {
    raw("\n")
    for _ in open { raw("  ") }
  }

  private mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }

  private mutating func escape(_ text: String, inAttribute: Bool) throws(XMLError) {
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x26: raw("&amp;")
      case 0x3C: raw("&lt;")
      case 0x3E: raw("&gt;")
      case 0x22 where inAttribute: raw("&quot;")
      // Read back as they are, and not as the spaces and line breaks that XML would make of them.
      case 0x0D: raw("&#13;")
      case 0x09 where inAttribute: raw("&#9;")
      case 0x0A where inAttribute: raw("&#10;")
      case 0x09, 0x0A, 0x20...0xD7FF, 0xE000...0xFFFD, 0x10000...0x10FFFF:
        bytes.append(contentsOf: UTF8.encode(scalar).map(Array.init) ?? [])
      default: throw XMLError(.character, "a character that XML does not allow")
      }
    }
  }
}
