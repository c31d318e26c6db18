import CPostgres

/// One row of a result. Valid as long as it is held: it keeps its result in memory.
package struct PostgresRow {
  private let result: ResultHandle
  private let index: Int32

  init(result: ResultHandle, index: Int32) {
    self.result = result
    self.index = index
  }

  package var columnCount: Int { result.columnCount }

  package func name(_ column: Int) -> String { result.name(column) }

  package func isNull(_ column: Int) -> Bool { result.isNull(index, column) }

  /// The value's text as the server wrote it, in UTF-8; empty for null.
  package func bytes(_ column: Int) -> [UInt8] { result.bytes(index, column) }

  /// The value as text; "" for null.
  package func string(_ column: Int) -> String { String(decoding: bytes(column), as: UTF8.self) }

  /// The value as text; nil for null.
  package func optionalString(_ column: Int) -> String? { isNull(column) ? nil : string(column) }

  /// The value of an integer column; 0 for null and for text that is no integer.
  package func integer(_ column: Int) -> Int64 { Int64(string(column)) ?? 0 }

  /// The value of a boolean column; false for null.
  package func bool(_ column: Int) -> Bool { bytes(column) == [UInt8(ascii: "t")] }
}

/// Sole owner of a `PGresult*`.
@safe final class ResultHandle {
  private let pointer: OpaquePointer

  @unsafe init(_ pointer: OpaquePointer) { unsafe self.pointer = pointer }

  var rowCount: Int { Int(unsafe PQntuples(pointer)) }
  var columnCount: Int { Int(unsafe PQnfields(pointer)) }

  /// The command's tag without its counts: `COMMIT`, `INSERT 0 1`.
  var command: String { unsafe String(cString: PQcmdStatus(pointer)) }

  var affected: Int { Int(unsafe String(cString: PQcmdTuples(pointer))) ?? 0 }

  func name(_ column: Int) -> String {
    guard let name = unsafe PQfname(pointer, Int32(column)) else { return "" }
    return unsafe String(cString: name)
  }

  func isNull(_ row: Int32, _ column: Int) -> Bool { unsafe PQgetisnull(pointer, row, Int32(column)) == 1 }

  func bytes(_ row: Int32, _ column: Int) -> [UInt8] {
    guard let address = unsafe PQgetvalue(pointer, row, Int32(column)) else { return [] }
    let count = Int(unsafe PQgetlength(pointer, row, Int32(column)))
    return unsafe Array(UnsafeRawBufferPointer(start: address, count: count))
  }

  /// - Parameter fallback: what the connection says, where the server gave no error of its own.
  func error(isLost: Bool, fallback: String) -> PostgresError {
    let state = field("C")
    guard let state else {
      return PostgresError(sqlState: isLost ? PostgresError.lost : "XX000", message: fallback)
    }
    return PostgresError(
      sqlState: state, message: PostgresError.withoutValues(field("M") ?? fallback, state, context: field("W")),
      constraint: field("n"), isConnectionLost: isLost)
  }

  /// A field of the error report by its letter in the protocol
  /// (https://www.postgresql.org/docs/current/protocol-error-fields.html).
  private func field(_ letter: Unicode.Scalar) -> String? {
    guard let text = unsafe PQresultErrorField(pointer, Int32(letter.value)) else { return nil }
    return unsafe String(cString: text)
  }

  deinit { unsafe PQclear(pointer) }
}
