import Dispatch
import Glibc
import Logging
import Testing

@testable import Sandbox

/// The sandbox behind a real socket: what only a connection can show.
@Suite struct SandboxLiveTests {
  @Test(.timeLimit(.minutes(1)))
  func itListensOnAFreePortAndBreaksConnectionsOff() async throws {
    let (ports, announce) = AsyncStream.makeStream(of: Int.self)
    let configuration = SandboxConfiguration(token: "t", logger: Logger(label: "test"))
    let sandbox = Sandbox(configuration: configuration) { port in announce.yield(port) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await sandbox.run() }
      defer { group.cancelAll() }
      let port = try #require(await ports.first { _ in true })
      #expect(await Self.call("POST /api/contacts", port, #"{"name":"Ada"}"#).hasPrefix("HTTP/1.1 201 "))
      #expect(await Self.call("POST /sandbox/faults", port, #"{"fault":"drop_after"}"#).hasPrefix("HTTP/1.1 204 "))
      #expect(await Self.call("PATCH /api/contacts/c_000001", port, #"{"name":"Eve"}"#) == "")
      let answer = await Self.call("GET /api/contacts/c_000001", port)
      #expect(answer.contains(#""name":"Eve""#))
    }
  }

  /// Everything that came back until the connection ended. `URLSession` spins on a connection that was broken off, so
  /// this is a bare socket, off the cooperative pool because it waits.
  private static func call(_ line: String, _ port: Int, _ body: String = "") async -> String {
    let request = """
      \(line) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer t\r\nConnection: close\r\n\
      Content-Length: \(body.utf8.count)\r\n\r\n\(body)
      """
    return await withCheckedContinuation { continuation in
      DispatchQueue.global().async { continuation.resume(returning: exchange(request, port)) }
    }
  }

  private static func exchange(_ request: String, _ port: Int) -> String {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    let connected = withUnsafePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard connected == 0 else { return "no connection" }
    let bytes = Array(request.utf8)
    guard send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else { return "not sent" }
    var answer: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while case let count = recv(descriptor, &buffer, buffer.count, 0), count > 0 { answer += buffer[..<count] }
    return String(decoding: answer, as: UTF8.self)
  }
}
