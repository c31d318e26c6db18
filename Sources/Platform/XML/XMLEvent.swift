/// A name with the namespace it is in, as the document means it; prefixes are no part of it.
package struct XMLName: Hashable, Sendable, CustomStringConvertible {
  package var local: String
  /// Nil: in none.
  package var namespace: String?

  package init(_ local: String, namespace: String? = nil) {
    self.local = local
    self.namespace = namespace
  }

  /// `{namespace}local`, as James Clark writes it.
  package var description: String { namespace.map { "{\($0)}\(local)" } ?? local }
}

package struct XMLAttribute: Hashable, Sendable {
  package var name: XMLName
  package var value: String

  package init(_ name: XMLName, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// `xmlns:prefix="uri"`; the prefix is empty for the default namespace.
package struct XMLNamespace: Hashable, Sendable {
  package var prefix: String
  package var uri: String

  package init(prefix: String, uri: String) {
    self.prefix = prefix
    self.uri = uri
  }
}

/// What a document says, in its order.
package enum XMLEvent: Hashable, Sendable {
  /// An element begins: its name, its attributes, and the namespaces that it declares.
  case start(XMLName, [XMLAttribute], [XMLNamespace])
  /// Text with references resolved; CDATA sections are text.
  case text(String)
  /// The innermost open element ends.
  case end
}

/// Why a text is not read as XML, or cannot be written as XML. Never holds a word of the document.
package struct XMLError: Error, Hashable, Sendable, CustomStringConvertible {
  package enum Kind: String, Sendable {
    case malformed
    case doctype
    case tooLarge = "too-large"
    case tooDeep = "too-deep"
    case encoding
    /// A text to be written holds a character that XML has not.
    case character
  }

  package let kind: Kind
  package let reason: String
  /// Where it was noticed, from 1; nil when writing.
  package let line: Int?
  package let column: Int?

  package init(_ kind: Kind, _ reason: String, line: Int? = nil, column: Int? = nil) {
    self.kind = kind
    self.reason = reason
    self.line = line
    self.column = column
  }

  package var description: String {
    guard let line, let column else { return reason }
    return "line \(line), column \(column): \(reason)"
  }
}
