/// Bounds that keep a slow or hostile server from holding this process.
package struct HTTPLimits: Sendable {
  /// Of a body after decompression: a bomb is cut off while it inflates.
  package var bodyBytes = 64 << 20
  package var headerBytes = 64 << 10
  package var headerCount = 256
  /// Name look-up, TCP and TLS together.
  package var connectTimeout: Duration = .seconds(10)
  /// A transfer below `lowSpeedBytes` a second for this long is given up.
  package var lowSpeedTime: Duration = .seconds(30)
  package var lowSpeedBytes = 10

  package init() {}
}

/// Sends requests over libcurl on one thread of its own, with connections kept and reused.
///
/// It carries out one request exactly as given: redirects are answers, nothing is sent twice by decision of ours or of
/// libcurl's unless the method is safe, certificates are verified, and only http and https (TLS 1.2 and up) are spoken.
/// The environment's `http_proxy` (lower case only), `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` are honoured as by curl(1),
/// except that loopback hosts are always asked directly. Any number of tasks may send at once. Releasing the client ends its thread when the last transfer is over.
package final class HTTPClient: Sendable {
  private let loop: TransferLoop
  private let limits: HTTPLimits

  package init(limits: HTTPLimits = HTTPLimits()) {
    self.limits = limits
    loop = TransferLoop()
    loop.start()
  }

  deinit { loop.close() }

  /// Sends `request` and gives the whole answer. Cancelling the task ends the transfer at once.
  /// - Throws: `HTTPError`, whose `mayHaveBeenApplied` tells a request that was never sent from a lost answer.
  package func send(_ request: HTTPRequest) async throws(HTTPError) -> HTTPResponse {
    try request.check()
    let cancellation = Cancellation()
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        loop.submit(Transfer(request, limits: limits, cancellation: cancellation, continuation: continuation))
      }
    } onCancel: {
      cancellation.cancel()
      loop.wake()
    }
    return try result.get()
  }
}
