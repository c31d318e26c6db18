import CODBC

/// The memory of a statement's bound parameters, which the driver reads when the statement is executed.
@safe final class ParameterBuffer {
  private let parameters: [ODBCParameter]
  private var memory: [UnsafeMutableRawBufferPointer] = unsafe []
  private let indicators: UnsafeMutablePointer<SQLLEN>

  init(_ parameters: [ODBCParameter]) {
    self.parameters = parameters
    unsafe indicators = .allocate(capacity: max(1, parameters.count))
    unsafe indicators.initialize(repeating: SQLLEN(SQL_NULL_DATA), count: max(1, parameters.count))
  }

  /// Binds every parameter in its place.
  /// - Parameter isWide: text goes as UTF-16; else as UTF-8.
  func bind(to statement: ODBCHandle, isWide: Bool) throws(ODBCError) {
    for (index, parameter) in parameters.enumerated() {
      let (cType, bytes) = Self.form(parameter.value, isWide)
      let room = UnsafeMutableRawBufferPointer.allocate(byteCount: max(8, bytes.count), alignment: 8)
      unsafe room.copyBytes(from: bytes)
      unsafe memory.append(room)
      if parameter.value != .null { unsafe indicators[index] = SQLLEN(bytes.count) }
      let type = Self.declared(parameter, count: isWide && cType == tidemark_c_wide ? bytes.count / 2 : bytes.count)
      let code = unsafe SQLBindParameter(
        statement.pointer, SQLUSMALLINT(index + 1), SQLSMALLINT(SQL_PARAM_INPUT), cType, type.code,
        SQLULEN(type.size), SQLSMALLINT(type.digits), room.baseAddress, SQLLEN(bytes.count), indicators + index)
      try statement.check(code, "bind")
    }
  }

  /// A declared size that is too small cuts the value off, or is refused.
  private static func declared(_ parameter: ODBCParameter, count: Int) -> ODBCType {
    var type = parameter.type
    switch type.kind {
    case .fixedText, .text, .bytes:
      if type.size > 0 || parameter.value == .null { type.size = max(type.size, count, 1) }
    case .number where type.size == 0: type.size = max(38, count)
    default: break
    }
    return type
  }

  private static func form(_ value: ODBCValue, _ isWide: Bool) -> (SQLSMALLINT, [UInt8]) {
    switch value {
    case .null: return (tidemark_c_text, [])
    case .bit(let value): return (tidemark_c_bit, [value ? 1 : 0])
    case .number(let text): return (tidemark_c_text, Array(text.utf8))
    case .single(let value): return (tidemark_c_double, bytes(of: Double(value)))
    case .double(let value): return (tidemark_c_double, bytes(of: value))
    case .text(let text) where isWide:
      return (tidemark_c_wide, text.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] })
    case .text(let text): return (tidemark_c_text, Array(text.utf8))
    case .bytes(let bytes): return (tidemark_c_bytes, bytes)
    case .date(let date):
      return (
        tidemark_c_date,
        bytes(
          of: SQL_DATE_STRUCT(
            year: SQLSMALLINT(date.year), month: SQLUSMALLINT(date.month), day: SQLUSMALLINT(date.day)))
      )
    case .moment(let moment):
      return (
        tidemark_c_moment,
        bytes(
          of: SQL_TIMESTAMP_STRUCT(
            year: SQLSMALLINT(moment.year), month: SQLUSMALLINT(moment.month), day: SQLUSMALLINT(moment.day),
            hour: SQLUSMALLINT(moment.hour), minute: SQLUSMALLINT(moment.minute),
            second: SQLUSMALLINT(moment.second), fraction: SQLUINTEGER(moment.nanosecond)))
      )
    }
  }

  private static func bytes<Value: BitwiseCopyable>(of value: Value) -> [UInt8] {
    unsafe withUnsafeBytes(of: value) { unsafe Array($0) }
  }

  deinit {
    unsafe memory.forEach { room in unsafe room.deallocate() }
    unsafe indicators.deallocate()
  }
}
