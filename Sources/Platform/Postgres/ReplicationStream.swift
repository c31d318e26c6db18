import CPostgres
import Glibc

/// What a `ReplicationConnection` lends to the body it runs: messages in, confirmations out
/// (https://www.postgresql.org/docs/current/protocol-replication.html). Stays on the connection's thread.
package final class ReplicationStream {
  private let handle: ConnectionHandle
  private var confirmed: LSN
  private var lastStatus = ContinuousClock.now
  /// The server has nothing more to send of what was written before this place.
  package private(set) var serverEnd = LSN.zero

  /// The server is told where we are at least this often: it waits a minute (`wal_sender_timeout`) before it gives up.
  private static let statusEvery = Duration.seconds(10)
  /// The pause after the first bytes of a burst. A read for each of the walsender's writes would cost both sides a switch
  /// a change; this way one read takes many.
  /// In microseconds. A longer one would let the socket's buffer fill up, and the walsender stand still.
  private static let gathering: UInt32 = 300
  /// Reads of 16 KB in one go, before any of it is looked at: the sooner the socket is empty, the sooner the walsender goes
  /// on, which stands still once some 170 small messages wait in it.
  private static let mostReads = 16
  /// Microseconds from 1970-01-01 to 2000-01-01, where PostgreSQL's times begin.
  package static let epoch: Int64 = 946_684_800_000_000

  init(url: String, setup: String, slot: String, publication: String, from position: LSN) throws(PostgresError) {
    let session = try PostgresSession(url: url, for: .replication)
    if !setup.isEmpty { try session.execute(setup) }
    let names = quoted(postgresLiteral: quoted(postgresIdentifier: publication))
    try session.startCopyBoth(
      "START_REPLICATION SLOT \(quoted(postgresIdentifier: slot)) LOGICAL \(position)"
        + " (proto_version '1', publication_names \(names), messages 'true')")
    handle = session.handle
    confirmed = position
  }

  /// Hands out the plugin's messages that have arrived, in order; waits up to `patience` where none has.
  /// - Parameters:
  ///   - take: gets where the change stands in the WAL, and the message, which is valid inside the call only.
  ///     Answers whether it takes more; what it does not take waits for the next call.
  /// - Returns: whether anything arrived, be it only the server's word that it is alive.
  /// - Throws: `PostgresError` where the connection or the stream has ended; what `take` throws.
  package func receive(
    patience: Duration, _ take: (LSN, Span<UInt8>) throws -> Bool
  ) throws -> Bool {
    if lastStatus.duration(to: .now) > Self.statusEvery { try sendStatus() }
    if try drain(take) { return true }
    guard try wait(patience) else { return false }
    return try drain(take)
  }

  /// Tells the server that everything before `place` is on disk here: it may forget it.
  package func confirm(_ place: LSN) throws(PostgresError) {
    confirmed = max(confirmed, place)
    try sendStatus()
  }

  /// Asks the server to say how far it is: its answer raises `serverEnd`.
  package func askWhereServerIs() throws(PostgresError) { try sendStatus(wantsReply: true) }

  private func drain(_ take: (LSN, Span<UInt8>) throws -> Bool) throws -> Bool {
    var isFirst = true
    while let message = try next() {
      isFirst = false
      switch try read(message) {
      case .alive(let isReplyWanted): if isReplyWanted { try sendStatus() }
      case .data(let place):
        let bytes = unsafe Span(_unsafeElements: UnsafeBufferPointer(rebasing: message.bytes[Self.dataHead...]))
        guard try take(place, bytes) else { return true }
      }
    }
    return !isFirst
  }

  // MARK: - Messages

  private enum Reading {
    case data(LSN)
    case alive(isReplyWanted: Bool)
  }

  private static let dataHead = 25

  /// XLogData `w`: start, end, time, then the plugin's message. Keepalive `k`: end, time, whether to answer.
  private func read(_ message: borrowing CopyMessage) throws(PostgresError) -> Reading {
    switch (message.kind, message.count) {
    case (UInt8(ascii: "w"), Self.dataHead...):
      return .data(LSN(message.number(at: 1)))
    case (UInt8(ascii: "k"), 18...):
      serverEnd = max(serverEnd, LSN(message.number(at: 1)))
      return .alive(isReplyWanted: unsafe message.bytes[17] != 0)
    default:
      throw PostgresError(
        sqlState: "08P01", message: "the server sent a message that the replication protocol does not know",
        isConnectionLost: true)
    }
  }

  private func next() throws(PostgresError) -> CopyMessage? {
    var buffer: UnsafeMutablePointer<CChar>?
    let count = unsafe PQgetCopyData(handle.pointer, &buffer, 1)
    if let buffer = unsafe buffer, count > 0 { return unsafe CopyMessage(buffer, count: Int(count)) }
    if count == 0 { return nil }
    throw streamEnd()
  }

  /// The stream has ended: why, says the result that follows it.
  private func streamEnd() -> PostgresError {
    guard let pointer = unsafe PQgetResult(handle.pointer) else {
      return PostgresError(sqlState: PostgresError.lost, message: handle.message)
    }
    let error = unsafe ResultHandle(pointer).error(isLost: true, fallback: handle.message)
    return PostgresError(sqlState: error.sqlState, message: error.message, isConnectionLost: true)
  }

  // MARK: - Waiting

  /// Whether more can be read without a wait.
  package var isReadable: Bool { isReadable(unsafe PQsocket(handle.pointer), 0) }

  /// - Returns: whether bytes came.
  private func wait(_ patience: Duration) throws(PostgresError) -> Bool {
    let socket = unsafe PQsocket(handle.pointer)
    guard socket >= 0 else { throw PostgresError(sqlState: PostgresError.lost, message: handle.message) }
    if !isReadable(socket, 0) {
      guard isReadable(socket, Int32(clamping: Int64((patience / .milliseconds(1)).rounded(.up)))) else { return false }
      usleep(Self.gathering)
    }
    for _ in 0..<Self.mostReads {
      guard unsafe PQconsumeInput(handle.pointer) == 1 else {
        throw PostgresError(sqlState: PostgresError.lost, message: handle.message)
      }
      if !isReadable(socket, 0) { break }
    }
    return true
  }

  private func isReadable(_ socket: Int32, _ milliseconds: Int32) -> Bool {
    var wanted = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&wanted, 1, milliseconds) > 0
  }

  // MARK: - Confirmations

  /// Standby status update `r`: written, flushed and applied up to, our clock, whether to answer.
  private func sendStatus(wantsReply: Bool = false) throws(PostgresError) {
    var message = [UInt8(ascii: "r")]
    for _ in 0..<3 { Self.append(confirmed.number, to: &message) }
    var now = timespec()
    _ = unsafe clock_gettime(CLOCK_REALTIME, &now)
    let microseconds = Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000 - Self.epoch
    Self.append(UInt64(bitPattern: microseconds), to: &message)
    message.append(wantsReply ? 1 : 0)
    lastStatus = .now
    let sent = unsafe message.withUnsafeBufferPointer { bytes in
      unsafe bytes.withMemoryRebound(to: CChar.self) { bytes in
        unsafe PQputCopyData(handle.pointer, bytes.baseAddress, Int32(bytes.count)) == 1 && PQflush(handle.pointer) == 0
      }
    }
    guard sent else { throw PostgresError(sqlState: PostgresError.lost, message: handle.message) }
  }

  private static func append(_ number: UInt64, to message: inout [UInt8]) {
    for shift in stride(from: 56, through: 0, by: -8) {
      message.append(UInt8(truncatingIfNeeded: number >> UInt64(shift)))
    }
  }
}

/// Sole owner of a message that libpq allocated.
@safe private struct CopyMessage: ~Copyable {
  let bytes: UnsafeBufferPointer<UInt8>

  @unsafe init(_ buffer: UnsafeMutablePointer<CChar>, count: Int) {
    unsafe bytes = UnsafeBufferPointer(
      start: UnsafeRawPointer(buffer).assumingMemoryBound(to: UInt8.self), count: count)
  }

  var count: Int { unsafe bytes.count }
  var kind: UInt8 { unsafe bytes[0] }

  /// Eight bytes, the most significant first. The caller has looked at the length.
  func number(at offset: Int) -> UInt64 {
    unsafe bytes[offset..<(offset + 8)].reduce(0) { $0 << 8 | UInt64($1) }
  }

  deinit { unsafe PQfreemem(UnsafeMutableRawPointer(mutating: bytes.baseAddress)) }
}
