import CExpat

/// Bounds that keep hostile XML from holding this process.
package struct XMLLimits: Sendable {
  /// Of the whole document.
  package var bytes = 64 << 20
  /// Elements within elements.
  package var depth = 100
  /// Of one element.
  package var attributes = 250
  /// Of one tag with its attributes, or one comment: what has to be held until its end is seen.
  package var tokenBytes = 1 << 20

  package init() {}
}

/// Reads XML 1.0 with namespaces as it comes: bytes in, events out, in memory that does not grow with the document.
///
/// A document with a DOCTYPE is refused where the DOCTYPE begins, in whatever encoding it is written: there are no entities but
/// the five of XML, nothing is ever fetched, and nothing grows when it is read. Comments and processing instructions are
/// passed over. Not for use by two tasks at once.
@safe package final class XMLReader {
  private let parser: OpaquePointer
  private let limits: XMLLimits
  private var events: [XMLEvent] = []
  private var text: [UInt8] = []
  /// Declared by the element whose start comes next.
  private var namespaces: [XMLNamespace] = []
  private var depth = 0
  private var fed = 0
  private var failure: XMLError?

  /// - Parameter encoding: what the bytes are in, whatever the document says of itself; nil: what it says (UTF-8, UTF-16,
  ///   ISO-8859-1 or US-ASCII).
  package init(encoding: String? = nil, limits: XMLLimits = XMLLimits()) {
    guard let parser = unsafe XML_ParserCreateNS(encoding, XML_Char(Self.separator)) else {
      preconditionFailure("no memory for an XML parser")
    }
    unsafe self.parser = unsafe parser
    self.limits = limits
    setHandlers()
  }

  deinit { unsafe XML_ParserFree(parser) }

  /// Between a namespace and a local name: no attribute value holds one after it was read, so no namespace does.
  private static let separator = UInt8(ascii: "\n")

  /// Takes the next bytes of the document.
  /// - Parameter isLast: there are no more; the document must be whole by now.
  /// - Returns: what they complete. Text may come in several events, never split within a character.
  /// - Throws: `XMLError` with its place. Nothing can be fed after that.
  package func feed(_ bytes: [UInt8], isLast: Bool = false) throws(XMLError) -> [XMLEvent] {
    if let failure { throw failure }
    fed += bytes.count
    guard fed <= limits.bytes else { throw fail(.tooLarge, "the document is larger than \(limits.bytes) bytes") }
    let status = unsafe bytes.withUnsafeBytes { buffer in
      let start = unsafe buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
      return unsafe XML_Parse(parser, start, Int32(buffer.count), isLast ? 1 : 0)
    }
    if let failure { throw failure }
    guard status == XML_STATUS_OK else { throw fail(unsafe XML_GetErrorCode(parser)) }
    guard isLast || fed - consumed <= limits.tokenBytes else {
      throw fail(.tooLarge, "a tag or comment is larger than \(limits.tokenBytes) bytes")
    }
    flushText()
    defer { events = [] }
    return events
  }

  /// How many bytes were understood; the rest waits for the end of what it begins.
  private var consumed: Int { max(0, Int(unsafe XML_GetCurrentByteIndex(parser))) }

  private func setHandlers() {
    unsafe XML_SetUserData(parser, Unmanaged.passUnretained(self).toOpaque())
    unsafe XML_SetElementHandler(
      parser,
      { context, name, attributes in unsafe XMLReader.of(context)?.start(name, attributes) },
      { context, _ in unsafe XMLReader.of(context)?.end() })
    unsafe XML_SetCharacterDataHandler(parser) { context, start, count in
      unsafe XMLReader.of(context)?.take(start, Int(count))
    }
    unsafe XML_SetStartNamespaceDeclHandler(parser) { context, prefix, uri in
      unsafe XMLReader.of(context)?.declare(prefix, uri)
    }
    unsafe XML_SetStartDoctypeDeclHandler(parser) { context, _, _, _, _ in
      unsafe XMLReader.of(context)?.stop(.doctype, "a DOCTYPE is not allowed")
    }
  }

  /// The reader that a callback's context names. It is alive: expat calls back only within `feed`.
  private static func of(_ context: UnsafeMutableRawPointer?) -> XMLReader? {
    guard let context = unsafe context else { return nil }
    return unsafe Unmanaged<XMLReader>.fromOpaque(context).takeUnretainedValue()
  }

  // MARK: - Callbacks

  private func start(
    _ name: UnsafePointer<XML_Char>?, _ attributes: UnsafeMutablePointer<UnsafePointer<XML_Char>?>?
  ) {
    flushText()
    depth += 1
    guard depth <= limits.depth else { return stop(.tooDeep, "elements are nested deeper than \(limits.depth) levels") }
    guard let name = unsafe name else { return }
    var found: [XMLAttribute] = []
    var next = unsafe attributes
    while let pair = unsafe next, let name = unsafe pair[0], let value = unsafe pair[1] {
      guard found.count < limits.attributes else {
        return stop(.tooLarge, "an element has more than \(limits.attributes) attributes")
      }
      found.append(XMLAttribute(unsafe Self.name(name), unsafe String(cString: value)))
      unsafe next = unsafe pair + 2
    }
    events.append(.start(unsafe Self.name(name), found, namespaces))
    namespaces = []
  }

  private func end() {
    flushText()
    depth -= 1
    events.append(.end)
  }

  private func take(_ start: UnsafePointer<XML_Char>?, _ count: Int) {
    guard let start = unsafe start else { return }
    unsafe text.append(contentsOf: UnsafeRawBufferPointer(start: start, count: count))
  }

  private func declare(_ prefix: UnsafePointer<XML_Char>?, _ uri: UnsafePointer<XML_Char>?) {
    let prefix = unsafe prefix.map { text in unsafe String(cString: text) } ?? ""
    let uri = unsafe uri.map { text in unsafe String(cString: text) } ?? ""
    namespaces.append(XMLNamespace(prefix: prefix, uri: uri))
  }

  private func flushText() {
    guard !text.isEmpty else { return }
    events.append(.text(String(decoding: text, as: UTF8.self)))
    text = []
  }

  private static func name(_ text: UnsafePointer<XML_Char>) -> XMLName {
    let text = unsafe String(cString: text)
    guard let end = text.utf8.lastIndex(of: separator) else { return XMLName(text) }
    return XMLName(String(text[text.index(after: end)...]), namespace: String(text[..<end]))
  }

  // MARK: - Failing

  private func stop(_ kind: XMLError.Kind, _ reason: String) {
    guard failure == nil else { return }
    _ = fail(kind, reason)
    _ = unsafe XML_StopParser(parser, XML_Bool(XML_FALSE))
  }

  private func fail(_ kind: XMLError.Kind, _ reason: String) -> XMLError {
    let (line, column) = unsafe (XML_GetCurrentLineNumber(parser), XML_GetCurrentColumnNumber(parser))
    let error = XMLError(kind, reason, line: Int(line), column: Int(column) + 1)
    failure = error
    return error
  }

  private func fail(_ code: XML_Error) -> XMLError {
    switch code {
    case XML_ERROR_UNKNOWN_ENCODING, XML_ERROR_INCORRECT_ENCODING:
      return fail(.encoding, "the document says it is in an encoding that is not known here, or is not in it")
    case XML_ERROR_NO_ELEMENTS: return fail(.malformed, "there is no element")
    case XML_ERROR_UNCLOSED_TOKEN, XML_ERROR_UNCLOSED_CDATA_SECTION, XML_ERROR_PARTIAL_CHAR:
      return fail(.malformed, "the document ends in the middle")
    case XML_ERROR_UNDEFINED_ENTITY: return fail(.malformed, "an entity that XML itself does not have")
    default:
      // A fixed text of expat's, without a word of the document.
      let reason = unsafe XML_ErrorString(code).map { text in unsafe String(cString: text) }
      return fail(.malformed, reason ?? "not well-formed")
    }
  }
}
