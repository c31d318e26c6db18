import CODBC

/// Sole owner of one statement: prepared once, executed any number of times.
@safe final class ODBCStatement {
  struct Column {
    let name: String
    let type: ODBCType
  }

  private let handle: ODBCHandle
  private let isWide: Bool
  /// What the driver reads when it executes.
  private var parameters: ParameterBuffer?
  private static let roomBytes = 1 << 16
  private let room = UnsafeMutableRawBufferPointer.allocate(byteCount: roomBytes, alignment: 8)

  init(under connection: ODBCHandle, isWide: Bool) throws(ODBCError) {
    handle = try ODBCHandle(.statement, under: connection)
    self.isWide = isWide
  }

  /// The statement's own handle, for the catalogue's functions.
  var pointer: SQLHANDLE { unsafe handle.pointer }

  func check(_ code: SQLRETURN, _ act: String) throws(ODBCError) { try handle.check(code, act) }

  /// How long the database may work on it.
  func limit(to timeout: Duration) {
    // Not every driver can; then the network's own patience counts.
    unsafe _ = tidemark_set_statement(pointer, SQL_ATTR_QUERY_TIMEOUT, SQLULEN(timeout.components.seconds))
  }

  func prepare(_ sql: String) throws(ODBCError) {
    if isWide {
      var text = Array(sql.utf16)
      try handle.check(unsafe SQLPrepareW(pointer, &text, SQLINTEGER(text.count)), "prepare")
    } else {
      var text = Array(sql.utf8)
      try handle.check(unsafe SQLPrepare(pointer, &text, SQLINTEGER(text.count)), "prepare")
    }
  }

  func execute(_ parameters: [ODBCParameter]) throws(ODBCError) {
    if !parameters.isEmpty {
      let buffer = ParameterBuffer(parameters)
      try buffer.bind(to: handle, isWide: isWide)
      self.parameters = buffer
    }
    try handle.check(unsafe SQLExecute(pointer), "execute")
  }

  /// Rows the statement inserted, updated or deleted; -1 where the driver does not know.
  func rowCount() throws(ODBCError) -> Int {
    var count: SQLLEN = 0
    try handle.check(unsafe SQLRowCount(pointer, &count), "count")
    return Int(count)
  }

  /// - Returns: false when there are no more results.
  func moreResults() throws(ODBCError) -> Bool { try handle.check(unsafe SQLMoreResults(pointer), "results") }

  /// The columns of the current result; none for a statement that gives no rows.
  func columns() throws(ODBCError) -> [Column] {
    var count: SQLSMALLINT = 0
    try handle.check(unsafe SQLNumResultCols(pointer, &count), "describe")
    var columns: [Column] = []
    for place in 0..<Int(count) {
      var name = [SQLWCHAR](repeating: 0, count: 256)
      var (length, code, digits, nullable): (SQLSMALLINT, SQLSMALLINT, SQLSMALLINT, SQLSMALLINT) = (0, 0, 0, 0)
      var size: SQLULEN = 0
      try handle.check(
        unsafe SQLDescribeColW(
          pointer, SQLUSMALLINT(place + 1), &name, SQLSMALLINT(name.count), &length, &code, &size, &digits, &nullable),
        "describe")
      columns.append(
        Column(
          name: String(decoding: name.prefix { $0 != 0 }, as: UTF16.self),
          type: ODBCType(code: code, size: Int(clamping: size), digits: Int(digits))))
    }
    return columns
  }

  func fetch() throws(ODBCError) -> Bool { try handle.check(unsafe SQLFetch(pointer), "fetch") }

  /// Ends the cursor; the statement stays prepared.
  func close() {
    unsafe _ = SQLFreeStmt(pointer, SQLUSMALLINT(SQL_CLOSE))
    unsafe _ = SQLFreeStmt(pointer, SQLUSMALLINT(SQL_RESET_PARAMS))
    parameters = nil
  }

  deinit { unsafe room.deallocate() }
}

extension ODBCStatement {
  /// The value of a column of the row it stands on. Drivers want the columns in their order, each once.
  func value(_ place: Int, _ type: ODBCType) throws(ODBCError) -> ODBCValue {
    let number = SQLUSMALLINT(place + 1)
    switch type.kind {
    case .bit: return try fixed(number, tidemark_c_bit, UInt8.self).map { .bit($0 != 0) } ?? .null
    case .number: return try narrow(number).map { .number(Self.plain($0)) } ?? .null
    case .single: return try fixed(number, tidemark_c_float, Float.self).map { .single($0) } ?? .null
    case .double: return try fixed(number, tidemark_c_double, Double.self).map { .double($0) } ?? .null
    case .bytes: return try bytes(number, tidemark_c_bytes, terminator: 0).map { .bytes($0) } ?? .null
    case .time, .guid: return try narrow(number).map { .text($0) } ?? .null
    case .text, .fixedText, .zonedMoment:
      guard isWide else { return try narrow(number).map { .text($0) } ?? .null }
      return try bytes(number, tidemark_c_wide, terminator: 2).map { .text(Self.decoded($0)) } ?? .null
    case .date:
      return try fixed(number, tidemark_c_date, SQL_DATE_STRUCT.self).map {
        .date(ODBCMoment(year: Int($0.year), month: Int($0.month), day: Int($0.day)))
      } ?? .null
    case .moment:
      return try fixed(number, tidemark_c_moment, SQL_TIMESTAMP_STRUCT.self).map {
        .moment(
          ODBCMoment(
            year: Int($0.year), month: Int($0.month), day: Int($0.day), hour: Int($0.hour), minute: Int($0.minute),
            second: Int($0.second), nanosecond: Int($0.fraction)))
      } ?? .null
    }
  }

  /// Numbers are written in many ways: `.5`, `+1`, `007.10`.
  private static func plain(_ text: String) -> String {
    var digits = text.trimmingPrefix { $0 == " " || $0 == "+" }
    while digits.last == " " { digits.removeLast() }
    let sign = digits.hasPrefix("-") ? "-" : ""
    var rest = digits.dropFirst(sign.count)
    while rest.count > 1, rest.first == "0", rest.dropFirst().first?.isNumber == true { rest = rest.dropFirst() }
    if rest.first == "." { return sign + "0" + rest }
    return sign + (rest.last == "." ? rest.dropLast() : rest)
  }

  private static func decoded(_ bytes: [UInt8]) -> String {
    let units = stride(from: 0, to: bytes.count - 1, by: 2).map { UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8 }
    return String(decoding: units, as: UTF16.self)
  }

  private func narrow(_ number: SQLUSMALLINT) throws(ODBCError) -> String? {
    try bytes(number, tidemark_c_text, terminator: 1).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Nil for NULL.
  private func fixed<Value: BitwiseCopyable>(
    _ number: SQLUSMALLINT, _ cType: SQLSMALLINT, _ type: Value.Type
  ) throws(ODBCError) -> Value? {
    var indicator: SQLLEN = 0
    try handle.check(
      unsafe SQLGetData(pointer, number, cType, room.baseAddress, SQLLEN(room.count), &indicator), "read")
    return indicator == SQLLEN(SQL_NULL_DATA) ? nil : unsafe room.load(as: type)
  }

  /// A value of any length, part by part; nil for NULL.
  /// - Parameter terminator: how many bytes of each part are the zero that ends it.
  private func bytes(
    _ number: SQLUSMALLINT, _ cType: SQLSMALLINT, terminator: Int
  ) throws(ODBCError) -> [UInt8]? {
    var value: [UInt8] = []
    while true {
      var indicator: SQLLEN = 0
      let code = unsafe SQLGetData(pointer, number, cType, room.baseAddress, SQLLEN(room.count), &indicator)
      guard try handle.check(code, "read") else { return value }
      if indicator == SQLLEN(SQL_NULL_DATA) { return nil }
      let most = Self.roomBytes - terminator
      let isCut = Int32(code) == SQL_SUCCESS_WITH_INFO && (indicator == SQLLEN(SQL_NO_TOTAL) || Int(indicator) > most)
      let count = isCut ? most : min(Int(indicator), most)
      unsafe value.append(contentsOf: UnsafeRawBufferPointer(rebasing: room[..<count]))
      if !isCut { return value }
    }
  }
}
