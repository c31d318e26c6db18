/// An element with everything in it: for documents, or parts of them, that are known to be small.
package struct XMLElement: Hashable, Sendable {
  package enum Node: Hashable, Sendable {
    case element(XMLElement)
    /// Never empty; two never follow each other.
    case text(String)
  }

  package var name: XMLName
  package var attributes: [XMLAttribute]
  /// Those that this very element declares. Values such as `xsi:type="ns:Order"` mean these prefixes.
  package var namespaces: [XMLNamespace]
  package var children: [Node]

  package init(
    _ name: XMLName, attributes: [XMLAttribute] = [], namespaces: [XMLNamespace] = [], children: [Node] = []
  ) {
    self.name = name
    self.attributes = attributes
    self.namespaces = namespaces
    self.children = children
  }

  /// Parses a whole document.
  package init(parsing bytes: [UInt8], limits: XMLLimits = XMLLimits()) throws(XMLError) {
    var builder = XMLBuilder()
    var root: XMLElement?
    for event in try XMLReader(limits: limits).feed(bytes, isLast: true) { root = builder.take(event) ?? root }
    guard let root else { throw XMLError(.malformed, "there is no element", line: 1, column: 1) }
    self = root
  }

  /// The child elements in order.
  package var elements: [XMLElement] {
    children.compactMap { child in if case .element(let element) = child { element } else { nil } }
  }

  /// The child elements of a name.
  /// - Parameter namespace: nil: of any.
  package func elements(_ local: String, namespace: String? = nil) -> [XMLElement] {
    elements.filter { $0.name.local == local && (namespace == nil || $0.name.namespace == namespace) }
  }

  package func first(_ local: String, namespace: String? = nil) -> XMLElement? {
    elements(local, namespace: namespace).first
  }

  /// The value of an attribute that is in no namespace, or in the given one.
  package func attribute(_ local: String, namespace: String? = nil) -> String? {
    attributes.first { $0.name == XMLName(local, namespace: namespace) }?.value
  }

  /// The text directly in the element, without that of its child elements.
  package var text: String {
    children.map { child in if case .text(let text) = child { text } else { "" } }.joined()
  }
}

/// Makes an element of its events.
package struct XMLBuilder: Sendable {
  /// From the outermost to the innermost open element.
  private var open: [XMLElement] = []

  package init() {}

  /// - Returns: the outermost element when this event ends it; then the builder is empty again.
  package mutating func take(_ event: XMLEvent) -> XMLElement? {
    switch event {
    case .start(let name, let attributes, let namespaces):
      open.append(XMLElement(name, attributes: attributes, namespaces: namespaces))
    case .text(let text): take(text)
    case .end:
      guard let element = open.popLast() else { return nil }
      guard !open.isEmpty else { return element }
      open[open.count - 1].children.append(.element(element))
    }
    return nil
  }

  private mutating func take(_ text: String) {
    guard !open.isEmpty else { return }
    let last = open.count - 1
    if case .text(let before)? = open[last].children.last {
      open[last].children[open[last].children.count - 1] = .text(before + text)
    } else {
      open[last].children.append(.text(text))
    }
  }
}
