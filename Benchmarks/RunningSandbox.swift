import Foundation
import HTTP
import JSON

/// A `tidemark sandbox` process.
struct RunningSandbox {
  let address: String
  private let process: Program
  private let client = HTTPClient()
  private static let headers: HTTPHeaders = ["Authorization": "Bearer sandbox", "Content-Type": "application/json"]

  init(_ place: Workplace) async throws {
    let output = "\(place.folder)/\(UUID().uuidString).out"
    process = try Program(
      place.tidemark, ["sandbox", "--port", "0"], scratch: place.folder, output: output,
      environment: ["SANDBOX_TOKEN": "sandbox"])
    address = try await process.line(after: "listening at ", in: output)
  }

  /// Waits until it has accepted `count` writes in all.
  func wait(for count: Int, patience: Duration = .seconds(300)) async throws {
    let deadline = ContinuousClock.now + patience
    while true {
      let left = try await journal(after: count - 1)
      if !left.isEmpty { return }
      guard ContinuousClock.now < deadline else { throw Failed(description: "\(count) writes did not arrive") }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  /// Makes `count` orders, so many at a time: contacts, which are looked up by a search through all of them, stay few.
  func create(_ count: Int, atOnce: Int) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for worker in 0..<atOnce {
        group.addTask { [address, client] in
          for number in stride(from: worker, to: count, by: atOnce) {
            let body: JSONValue = ["name": .string("Customer number \(number)"), "city": .string("City \(number)")]
            let request = HTTPRequest("POST", "\(address)/api/orders", headers: Self.headers, body: body.bytes)
            guard try await client.send(request).status == 201 else {
              throw Failed(description: "the sandbox refused a request")
            }
          }
        }
      }
      try await group.waitForAll()
    }
  }

  /// Milliseconds from each commit to the sandbox's answer. Each commit wrote its number into `note`.
  func delays(of commits: [Commit]) async throws -> [Double] {
    var arrived: [String: Double] = [:]
    for entry in try await journal(after: 0) {
      guard let note = entry.at("fields.note")?.stringValue, let at = entry.at("at")?.stringValue,
        let date = try? Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(at)
      else { continue }
      arrived[note] = date.timeIntervalSince1970 * 1000
    }
    // A change that a later one of its record overtook in the log arrives with that one, or not at all.
    return commits.enumerated().compactMap { number, commit in
      arrived["change \(number)"].map { max(0, $0 - commit.wall) }
    }
  }

  private func journal(after sequence: Int) async throws -> [JSONValue] {
    let response = try await client.send(
      HTTPRequest("GET", "\(address)/sandbox/journal?after=\(sequence)", headers: Self.headers))
    return try JSONValue(parsing: response.body).at("items")?.arrayValue ?? []
  }
}
