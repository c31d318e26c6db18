import Hummingbird
import Synchronization

/// Collects the body of a response that was never sent.
final class BodySink: ResponseBodyWriter {
  private let bytes = Mutex<[UInt8]>([])

  func write(_ buffer: ByteBuffer) async throws {
    bytes.withLock { $0 += buffer.readableBytesView }
  }

  consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}

  static func collect(_ body: ResponseBody) async throws -> [UInt8] {
    let sink = BodySink()
    try await body.write(sink)
    return sink.bytes.withLock { $0 }
  }
}
