/// Markup in which every interpolated text is escaped. Only literals and other markup are taken as they are, so a
/// name out of a database cannot become a tag.
struct HTML: ExpressibleByStringInterpolation, Sendable {
  private(set) var text: String

  init(stringLiteral value: String) { text = value }

  init(stringInterpolation: StringInterpolation) { text = stringInterpolation.text }

  init(joining parts: [HTML]) { text = parts.map(\.text).joined() }

  static func + (a: HTML, b: HTML) -> HTML { HTML(joining: [a, b]) }

  struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var text = ""

    init(literalCapacity: Int, interpolationCount: Int) { text.reserveCapacity(literalCapacity) }

    mutating func appendLiteral(_ literal: String) { text += literal }
    mutating func appendInterpolation(_ value: String) { text += ShownText.html(value) }
    mutating func appendInterpolation(_ markup: HTML) { text += markup.text }
  }
}
