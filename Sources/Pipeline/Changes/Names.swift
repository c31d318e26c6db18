/// Names one end of a link: the table `shop.customers` (or `shop.public.customers`), the object `crm.contacts`.
package struct EndpointName: Hashable, Sendable, CustomStringConvertible {
  /// The database's or connector's name in the configuration.
  package let system: String
  /// The table (with its schema where one was given) or the object.
  package let name: String

  package init(system: String, name: String) {
    self.system = system
    self.name = name
  }

  /// Splits at the first dot; nil if either part is empty.
  package init?(_ text: String) {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
    self.init(system: String(parts[0]), name: String(parts[1]))
  }

  package var description: String { "\(system).\(name)" }
}

/// Names what has a capture watermark of its own: a database (`shop`), a polled table of one (`shop.customers`), or one
/// object of a connector (`crm.contacts`).
package struct SourceName: Hashable, Sendable, CustomStringConvertible {
  package let description: String
  package init(_ description: String) { self.description = description }

  /// Of an end that is a source by itself.
  package init(of endpoint: EndpointName) { description = endpoint.description }
}

/// Names a link as the configuration does.
package struct LinkName: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let description: String
  package init(_ description: String) { self.description = description }
  package static func < (a: LinkName, b: LinkName) -> Bool { a.description < b.description }
}

/// The two ends of a link. In most links the local side is a table and the remote side an object.
package enum Side: UInt8, Sendable, CaseIterable {
  case local = 0
  case remote = 1

  package var opposite: Side { self == .local ? .remote : .local }
}

/// Which way a change travels over a link.
package enum Direction: UInt8, Sendable, CaseIterable, CustomStringConvertible {
  /// Local to remote: table to object.
  case push = 0
  /// Remote to local: object to table.
  case pull = 1

  package var source: Side { self == .push ? .local : .remote }
  package var target: Side { source.opposite }
  package var opposite: Direction { self == .push ? .pull : .push }
  package var description: String { self == .push ? "push" : "pull" }
}
