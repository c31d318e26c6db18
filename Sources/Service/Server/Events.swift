import HTTPTypes
import Hummingbird
import ServiceLifecycle

/// Server-sent events: one after the other for as long as somebody listens, or the service runs.
enum Events {
  private static let every = Duration.seconds(2)

  /// - Parameter text: what the next event says; a failure is told as a comment, and the next one may succeed.
  static func response(_ text: @escaping @Sendable () async throws -> String) -> Response {
    var response = Answer.body("", "text/event-stream; charset=utf-8")
    // A proxy that collects an answer before it passes it on would show nothing.
    response.headers[HTTPField.Name(written: "X-Accel-Buffering")] = "no"
    response.body = ResponseBody { writer in
      while !Task.isCancelled, !Task.isShuttingDownGracefully {
        let event = (try? await text()).map(frame) ?? ": the status could not be read\n\n"
        try await writer.write(ByteBuffer(string: event))
        try? await cancelWhenGracefulShutdown { try await Task.sleep(for: every) }
      }
      try await writer.finish(nil)
    }
    return response
  }

  static func frame(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { "data: \($0)\n" }.joined() + "\n"
  }
}
