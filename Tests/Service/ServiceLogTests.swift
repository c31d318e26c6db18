import Changes
import JSON
import Logging
import Runtime
import Synchronization
import Testing

/// What the service writes while it runs.
@Suite struct ServiceLogTests {
  private final class Lines: Sendable {
    let all = Mutex<[String]>([])
    let seconds = Mutex<Int64>(1_790_000_000)

    func logger(_ format: ServiceLog.Format) -> Logger {
      let sink = ServiceLog.Sink(now: { Timestamp(microseconds: self.seconds.withLock { $0 } * 1_000_000) }) { line in
        self.all.withLock { $0.append(line) }
      }
      return Logger(label: "tidemark") { ServiceLog($0, format: format, sink: sink) }
    }
  }

  private static let evil = "Smith\r\n2026-01-01 error tidemark: forged\u{1B}[2J\u{2028}\u{202E}end"

  @Test func whateverIsInAnEventItIsOneLineWithoutControlCharacters() {
    for format in ServiceLog.Format.allCases {
      let lines = Lines()
      lines.logger(format).notice("record \(Self.evil)", metadata: ["name": "\(Self.evil)"])
      let all = lines.all.withLock { $0 }
      #expect(all.count == 1 && all[0].hasSuffix("\n"))
      let shown = all[0].dropLast()
      #expect(!shown.unicodeScalars.contains { $0.value < 32 || ["\u{2028}", "\u{202E}"].contains($0) }, "\(shown)")
    }
  }

  @Test func aLineOfTextAndOneOfJSONSayTheSame() throws {
    let (text, json) = (Lines(), Lines())
    text.logger(.text).warning("shop stands still", metadata: ["reason": "unreachable"])
    json.logger(.json).warning("shop stands still", metadata: ["reason": "unreachable"])
    #expect(
      text.all.withLock { $0 } == ["2026-09-21T14:13:20.000Z warning tidemark: shop stands still reason=unreachable\n"])
    let line = try JSONValue(parsing: String(json.all.withLock { $0[0] }.dropLast()))
    #expect(line.at("level") == "warning" && line.at("message") == "shop stands still")
    #expect(line.at("reason") == "unreachable" && line.at("time") == "2026-09-21T14:13:20.000Z")
  }

  @Test func aFloodOfTheSameIsCountedInsteadOfWritten() {
    let lines = Lines()
    let logger = lines.logger(.text)
    for _ in 0..<1_000 { logger.error("the same") }
    logger.error("another")
    #expect(lines.all.withLock { $0.count } == 6)
    lines.seconds.withLock { $0 += 61 }
    logger.error("the same")
    #expect(lines.all.withLock { $0.last }?.hasSuffix("the same (995 more like it since)\n") == true)
  }

  @Test func aFloodOfDifferentLinesIsWrittenWhole() {
    let lines = Lines()
    let logger = lines.logger(.text)
    for number in 0..<3_000 { logger.error("number \(number)") }
    #expect(lines.all.withLock { $0.count } == 3_000)
  }
}
