import CPostgres

extension PostgresSession {
  /// Runs a `COPY … TO STDOUT` in text format and hands each line to `body`, without its end, while it stands: in memory is
  /// one line at a time.
  /// - Parameter body: answers whether to go on. If not, the server is told to stop, and the transaction this ran in can
  ///   only be rolled back.
  /// - Returns: whether it came to its end.
  package func copyOut(_ sql: String, _ body: (Span<UInt8>) throws -> Bool) throws -> Bool {
    let started = unsafe PQexec(handle.pointer, sql)
    guard let started = unsafe started, unsafe PQresultStatus(started) == PGRES_COPY_OUT else {
      let unexpected = try unsafe finished(started)
      throw PostgresError(sqlState: "08P01", message: "the server answered \(unexpected.command) and copies nothing")
    }
    unsafe PQclear(started)
    var isStopped = false
    do {
      while let line = try nextLine() {
        // Once it was told to stop, what is still on its way is thrown away.
        if isStopped { continue }
        let text = unsafe Span(_unsafeElements: UnsafeBufferPointer(rebasing: line.bytes.dropLast()))
        if !(try body(text)) {
          isStopped = true
          cancel()
        }
      }
    } catch {
      cancel()
      while (try? nextLine()) != nil {}
      endResults()
      throw error
    }
    if isStopped {
      endResults()
      return false
    }
    _ = try unsafe finished(PQgetResult(handle.pointer))
    endResults()
    return true
  }

  private func nextLine() throws(PostgresError) -> CopiedLine? {
    var buffer: UnsafeMutablePointer<CChar>?
    let count = unsafe PQgetCopyData(handle.pointer, &buffer, 0)
    if let buffer = unsafe buffer, count > 0 { return unsafe CopiedLine(buffer, count: Int(count)) }
    // -1 is the end, and a result says whether it is a good one; -2 that the connection is gone.
    guard count == -1 else { throw PostgresError(sqlState: PostgresError.lost, message: handle.message) }
    return nil
  }

  private func cancel() {
    guard let request = unsafe PQgetCancel(handle.pointer) else { return }
    var message = [CChar](repeating: 0, count: 256)
    _ = unsafe message.withUnsafeMutableBufferPointer { unsafe PQcancel(request, $0.baseAddress, Int32($0.count)) }
    unsafe PQfreeCancel(request)
  }

  private func endResults() {
    while let result = unsafe PQgetResult(handle.pointer) { unsafe PQclear(result) }
  }
}

/// Sole owner of a line that libpq allocated.
@safe private struct CopiedLine: ~Copyable {
  /// With the line feed at its end.
  let bytes: UnsafeBufferPointer<UInt8>

  @unsafe init(_ buffer: UnsafeMutablePointer<CChar>, count: Int) {
    unsafe bytes = UnsafeBufferPointer(
      start: UnsafeRawPointer(buffer).assumingMemoryBound(to: UInt8.self), count: count)
  }

  deinit { unsafe PQfreemem(UnsafeMutableRawPointer(mutating: bytes.baseAddress)) }
}
