import Foundation
import Glibc
import Synchronization

/// An HTTP server on a loopback port that does exactly what a script says, well-behaved or not.
///
/// Each connection has a thread and is kept open between requests. The server stops when it is released.
package final class ScriptedServer: Sendable {
  package struct Request: Sendable {
    package let method: String
    /// Path and query as they were on the wire.
    package let target: String
    package let headers: [(name: String, value: String)]
    package let body: [UInt8]

    package var text: String { String(decoding: body, as: UTF8.self) }
    package func header(_ name: String) -> String? {
      headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
  }

  package enum Reply: Sendable {
    case answer(Int, headers: [(String, String)] = [], body: String = "")
    /// These bytes, then the connection is closed.
    case raw([UInt8])
    /// A correct head, then the body a byte at a time for as long as the client listens.
    case drip
    /// Nothing, until the client gives up or the server stops.
    case hold
    /// Closed without an answer.
    case close
    /// A TCP reset without an answer.
    case reset

    package static func json(_ status: Int, _ body: String, headers: [(String, String)] = []) -> Reply {
      .answer(status, headers: [("Content-Type", "application/json")] + headers, body: body)
    }
  }

  private let listener: Int32
  private let state: ServerState
  package let port: UInt16
  package var url: String { "http://127.0.0.1:\(port)" }
  /// Every request so far, in the order in which they were read.
  package var requests: [Request] { state.requests.withLock { $0 } }

  package init(_ script: @escaping @Sendable (Request) -> Reply) throws {
    (listener, port) = try Socket.listen()
    state = ServerState()
    let (listener, state) = (listener, state)
    Thread.detachNewThread {
      while true {
        let peer = accept(listener, nil, nil)
        guard peer >= 0 else { break }
        Thread.detachNewThread { Connection(peer, state).serve(script) }
      }
      // Closed by the thread that accepts: closed elsewhere, the number could by now be another server's listener.
      close(listener)
    }
  }

  deinit {
    state.stop()
    shutdown(listener, Int32(SHUT_RDWR))
  }
}

/// What the threads share.
private final class ServerState: Sendable {
  let requests = Mutex<[ScriptedServer.Request]>([])
  private let stopped = Mutex(false)
  private let peers = Mutex<Set<Int32>>([])

  func open(_ peer: Int32) { peers.withLock { _ = $0.insert(peer) } }

  func shut(_ peer: Int32) {
    peers.withLock { _ = $0.remove(peer) }
    close(peer)
  }

  /// Ends every connection: blocked reads return.
  func stop() { peers.withLock { for peer in $0 { shutdown(peer, Int32(SHUT_RDWR)) } } }
}

private enum Socket {
  static func listen() throws -> (Int32, UInt16) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isListening = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        bind(descriptor, generic, length) == 0 && Glibc.listen(descriptor, 64) == 0
          && getsockname(descriptor, generic, &length) == 0
      }
    }
    guard isListening else { throw POSIXError(.EADDRNOTAVAIL) }
    return (descriptor, UInt16(bigEndian: address.sin_port))
  }
}

/// One client's connection, on its own thread.
private struct Connection {
  private let peer: Int32
  private let state: ServerState
  private var buffer: [UInt8] = []

  init(_ peer: Int32, _ state: ServerState) {
    self.peer = peer
    self.state = state
    state.open(peer)
  }

  consuming func serve(_ script: (ScriptedServer.Request) -> ScriptedServer.Reply) {
    var connection = self
    defer { connection.state.shut(connection.peer) }
    while let request = connection.read() {
      connection.state.requests.withLock { $0.append(request) }
      guard connection.carryOut(script(request), for: request) else { return }
    }
  }

  /// Whether the connection stays open.
  private mutating func carryOut(_ reply: ScriptedServer.Reply, for request: ScriptedServer.Request) -> Bool {
    switch reply {
    case .answer(let status, let headers, let body):
      let lines = headers.map { "\($0.0): \($0.1)\r\n" }.joined()
      let length = status == 204 || status == 304 ? "" : "Content-Length: \(body.utf8.count)\r\n"
      let shown = request.method == "HEAD" ? "" : body
      return send(Array("HTTP/1.1 \(status) Scripted\r\n\(lines)\(length)\r\n\(shown)".utf8))
    case .raw(let bytes):
      _ = send(bytes)
      return false
    case .drip:
      guard send(Array("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n".utf8)) else { return false }
      while send([0x20]) { usleep(20_000) }
      return false
    case .hold:
      while fill() {}
      return false
    case .close: return false
    case .reset:
      var linger = linger(l_onoff: 1, l_linger: 0)
      setsockopt(peer, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
      return false
    }
  }

  private func send(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes {
        Glibc.send(peer, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  private mutating func fill() -> Bool {
    var chunk = [UInt8](repeating: 0, count: 16384)
    let count = recv(peer, &chunk, chunk.count, 0)
    guard count > 0 else { return false }
    buffer.append(contentsOf: chunk[..<count])
    return true
  }

  private mutating func read() -> ScriptedServer.Request? {
    let end = Array("\r\n\r\n".utf8)
    while buffer.firstRange(of: end) == nil { guard fill() else { return nil } }
    guard let range = buffer.firstRange(of: end) else { return nil }
    let lines = String(decoding: buffer[..<range.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
    buffer.removeSubrange(..<range.upperBound)
    let headers = lines.dropFirst().map { line in
      let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      return (name: String(parts[0]), value: parts.count > 1 ? parts[1].trimmingCharacters(in: .whitespaces) : "")
    }
    let length = headers.first { $0.name.lowercased() == "content-length" }.flatMap { Int($0.value) } ?? 0
    while buffer.count < length { guard fill() else { return nil } }
    let body = Array(buffer.prefix(length))
    buffer.removeFirst(length)
    let words = lines[0].split(separator: " ").map(String.init)
    guard words.count == 3 else { return nil }
    return ScriptedServer.Request(method: words[0], target: words[1], headers: headers, body: body)
  }
}
