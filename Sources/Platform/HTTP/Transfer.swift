import CCurl
import Synchronization

/// Tells the loop's thread that a task no longer waits.
final class Cancellation: Sendable {
  private let flag = Atomic(false)
  var isCancelled: Bool { flag.load(ordering: .acquiring) }
  func cancel() { flag.store(true, ordering: .releasing) }
}

/// One exchange on its way: what was asked, what has come back, and who waits for it.
///
/// Unchecked: it is handed over once, through the loop's locked queue, and from then on touched only by the loop's
/// thread, which is also the thread that libcurl calls back on.
final class Transfer: @unchecked Sendable {
  typealias Waiter = CheckedContinuation<Result<HTTPResponse, HTTPError>, Never>

  let request: HTTPRequest
  let limits: HTTPLimits
  let cancellation: Cancellation
  private let continuation: Waiter
  private var answer = HTTPResponse(status: 0)
  private var headerBytes = 0
  /// Why one of our callbacks made libcurl stop.
  private(set) var stopped: HTTPError.Kind?
  private var starts = 0

  init(_ request: HTTPRequest, limits: HTTPLimits, cancellation: Cancellation, continuation: Waiter) {
    self.request = request
    self.limits = limits
    self.cancellation = cancellation
    self.continuation = continuation
  }

  /// libcurl sends a request again by itself when a reused connection closes without an answer. A server may have
  /// applied the first one, so only safe methods (RFC 9110, section 9.2.1) may start twice.
  func mayStart() -> Bool {
    starts += 1
    if starts == 1 || request.method == "GET" || request.method == "HEAD" { return true }
    stopped = .reset
    return false
  }

  func take(body bytes: UnsafeRawBufferPointer) -> Bool {
    guard answer.body.count + bytes.count <= limits.bodyBytes else {
      stopped = .tooLarge
      return false
    }
    unsafe answer.body.append(contentsOf: bytes)
    return true
  }

  /// One line as libcurl splits them: a status line, a field, or the empty line at the end.
  func take(headerLine bytes: UnsafeRawBufferPointer) -> Bool {
    headerBytes += bytes.count
    guard headerBytes <= limits.headerBytes, answer.headers.count < limits.headerCount else {
      stopped = .tooLarge
      return false
    }
    let line = unsafe String(decoding: bytes, as: UTF8.self).trimmingLineEnd()
    if line.isEmpty { return true }
    if line.hasPrefix("HTTP/") {
      // A new status line: what came before was an interim answer (1xx).
      answer.headers = HTTPHeaders()
      return true
    }
    guard let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")),
      line[..<colon].utf8.allSatisfy(HTTPHeaders.isTokenByte)
    else {
      stopped = .garbage
      return false
    }
    let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
    answer.headers.append(String(line[..<colon]), String(value))
    return true
  }

  /// Ends the exchange: exactly once.
  func finish(status: Int) {
    answer.status = status
    continuation.resume(returning: .success(answer))
  }

  func fail(_ error: HTTPError) { continuation.resume(returning: .failure(error)) }
}

extension String {
  fileprivate func trimmingLineEnd() -> String {
    var end = utf8.endIndex
    while end > utf8.startIndex, [0x0D, 0x0A, 0x20, 0x09].contains(utf8[utf8.index(before: end)]) {
      end = utf8.index(before: end)
    }
    return String(self[..<end])
  }
}
