import CCurl
import Glibc

/// Sole owner of a `CURL*` and of the header list of the request it carries.
@safe final class EasyHandle {
  let pointer: UnsafeMutableRawPointer
  private var headerList: UnsafeMutablePointer<curl_slist>?

  init?() {
    guard let pointer = unsafe curl_easy_init() else { return nil }
    unsafe self.pointer = unsafe pointer
    unsafe headerList = nil
  }

  deinit {
    unsafe curl_easy_cleanup(pointer)
    unsafe curl_slist_free_all(headerList)
  }

  /// Forgets the request. Connections stay: they belong to the multi handle.
  func reset() {
    unsafe curl_easy_reset(pointer)
    unsafe curl_slist_free_all(headerList)
    unsafe headerList = nil
  }

  /// Sets everything for one transfer. The handle does not keep `transfer` alive: the loop does, until it is removed.
  func prepare(for transfer: Transfer) {
    let request = transfer.request
    set(CURLOPT_URL, request.url)
    setMethod(request)
    setHeaders(request)
    setRules(request, transfer.limits)
    setCallbacks(transfer)
  }

  private func setMethod(_ request: HTTPRequest) {
    switch (request.method, request.body) {
    case ("HEAD", _): set(CURLOPT_NOBODY, 1)
    case ("GET", nil): set(CURLOPT_HTTPGET, 1)
    case ("POST", _), (_, .some):
      let body = request.body ?? []
      // The size first: COPYPOSTFIELDS copies as many bytes as it says, and up to a zero byte if it was not set.
      unsafe tidemark_setopt_offset(pointer, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count))
      unsafe body.withUnsafeBytes { bytes in
        let start = unsafe UnsafeMutableRawPointer(mutating: bytes.baseAddress)
        if let start = unsafe start { unsafe tidemark_setopt_pointer(pointer, CURLOPT_COPYPOSTFIELDS, start) }
      }
      if body.isEmpty { set(CURLOPT_COPYPOSTFIELDS, "") }
      set(CURLOPT_CUSTOMREQUEST, request.method)
    default: set(CURLOPT_CUSTOMREQUEST, request.method)
    }
  }

  private func setHeaders(_ request: HTTPRequest) {
    // An empty `Expect` spares a second of waiting for `100 Continue`; libcurl's own content type is never meant.
    append("Expect:")
    if request.headers["Content-Type"] == nil { append("Content-Type:") }
    for (name, value) in request.headers { append(value.isEmpty ? "\(name);" : "\(name): \(value)") }
    unsafe tidemark_setopt_slist(pointer, CURLOPT_HTTPHEADER, headerList)
  }

  private func append(_ line: String) {
    if let list = unsafe curl_slist_append(headerList, line) { unsafe headerList = unsafe list }
  }

  private func setRules(_ request: HTTPRequest, _ limits: HTTPLimits) {
    set(CURLOPT_NOSIGNAL, 1)
    // What was asked for is asked for: `/a/../b` is not made into `/b`.
    set(CURLOPT_PATH_AS_IS, 1)
    set(CURLOPT_FOLLOWLOCATION, 0)
    set(CURLOPT_PROTOCOLS_STR, "http,https")
    setProxyExceptions()
    set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
    set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    set(CURLOPT_SSL_VERIFYPEER, 1)
    set(CURLOPT_SSL_VERIFYHOST, 2)
    set(CURLOPT_ACCEPT_ENCODING, "")
    set(CURLOPT_USERAGENT, "tidemark")
    set(CURLOPT_TIMEOUT_MS, max(1, request.timeout.milliseconds))
    set(CURLOPT_CONNECTTIMEOUT_MS, max(1, limits.connectTimeout.milliseconds))
    set(CURLOPT_LOW_SPEED_LIMIT, limits.lowSpeedBytes)
    set(CURLOPT_LOW_SPEED_TIME, max(1, limits.lowSpeedTime.milliseconds / 1000))
    set(CURLOPT_TCP_KEEPALIVE, 1)
  }

  /// The proxies of the environment are used, but a host on this machine is never asked for through another one.
  private func setProxyExceptions() {
    let own = "localhost,127.0.0.0/8,::1"
    let others = unsafe (getenv("no_proxy") ?? getenv("NO_PROXY")).map { text in unsafe String(cString: text) }
    set(CURLOPT_NOPROXY, others == "*" ? "*" : others.map { "\($0),\(own)" } ?? own)
  }

  private func setCallbacks(_ transfer: Transfer) {
    let context = unsafe Unmanaged.passUnretained(transfer).toOpaque()
    unsafe tidemark_setopt_pointer(pointer, CURLOPT_PRIVATE, context)
    unsafe tidemark_setopt_pointer(pointer, CURLOPT_WRITEDATA, context)
    unsafe tidemark_setopt_pointer(pointer, CURLOPT_HEADERDATA, context)
    unsafe tidemark_setopt_pointer(pointer, CURLOPT_PREREQDATA, context)
    unsafe tidemark_setopt_data(pointer, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
      let length = size * count
      guard let transfer = unsafe Transfer.from(context) else { return 0 }
      return unsafe transfer.take(body: UnsafeRawBufferPointer(start: bytes, count: length)) ? length : 0
    }
    unsafe tidemark_setopt_data(pointer, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
      let length = size * count
      guard let transfer = unsafe Transfer.from(context) else { return 0 }
      return unsafe transfer.take(headerLine: UnsafeRawBufferPointer(start: bytes, count: length)) ? length : 0
    }
    unsafe tidemark_setopt_prereq(pointer) { context, _, _, _, _ in
      let mayStart = unsafe Transfer.from(context)?.mayStart() ?? false
      return mayStart ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
    }
  }

  private func set(_ option: CURLoption, _ value: Int) { unsafe tidemark_setopt_long(pointer, option, value) }
  private func set(_ option: CURLoption, _ value: String) { unsafe tidemark_setopt_string(pointer, option, value) }

  /// The status of the final answer; 0 without one.
  var status: Int { number(CURLINFO_RESPONSE_CODE) }

  /// Whether any byte of the request went out.
  var didSend: Bool { number(CURLINFO_REQUEST_SIZE) > 0 }

  private func number(_ info: CURLINFO) -> Int {
    var value = 0
    unsafe tidemark_getinfo_long(pointer, info, &value)
    return value
  }
}

extension Transfer {
  /// The transfer that a callback's context names. It is alive: the loop holds it as long as its handle is added.
  static func from(_ context: UnsafeMutableRawPointer?) -> Transfer? {
    guard let context = unsafe context else { return nil }
    return unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
  }
}

extension Duration {
  fileprivate var milliseconds: Int {
    let (seconds, attoseconds) = components
    return Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
  }
}
