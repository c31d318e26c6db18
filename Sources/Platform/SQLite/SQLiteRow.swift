import CSQLite

/// The row a statement stands on. Valid only inside the closure it was handed to.
@safe package struct SQLiteRow {
  private let statement: OpaquePointer

  @unsafe init(statement: OpaquePointer) { unsafe self.statement = statement }

  package var columnCount: Int { Int(unsafe sqlite3_column_count(statement)) }

  package func name(_ column: Int) -> String { unsafe String(cString: sqlite3_column_name(statement, Int32(column))) }

  package func isNull(_ column: Int) -> Bool { unsafe sqlite3_column_type(statement, Int32(column)) == SQLITE_NULL }

  package func integer(_ column: Int) -> Int64 { unsafe sqlite3_column_int64(statement, Int32(column)) }

  /// The value as text, bytes that are no UTF-8 replaced; "" for null.
  package func string(_ column: Int) -> String { String(decoding: bytes(column), as: UTF8.self) }

  /// The value as text; nil for null.
  package func optionalString(_ column: Int) -> String? { isNull(column) ? nil : string(column) }

  /// The bytes of a text or a BLOB, as stored.
  package func bytes(_ column: Int) -> [UInt8] {
    let column = Int32(column)
    // The address first: asking for it may convert the value and so change the count.
    guard let address = unsafe sqlite3_column_blob(statement, column) else { return [] }
    return unsafe Array(UnsafeRawBufferPointer(start: address, count: Int(sqlite3_column_bytes(statement, column))))
  }

  /// The value with the type it is stored as.
  package func value(_ column: Int) -> SQLiteValue {
    switch unsafe sqlite3_column_type(statement, Int32(column)) {
    case SQLITE_INTEGER: .integer(integer(column))
    case SQLITE_FLOAT: .real(unsafe sqlite3_column_double(statement, Int32(column)))
    case SQLITE_TEXT: .text(bytes(column))
    case SQLITE_BLOB: .blob(bytes(column))
    default: .null
    }
  }
}
