import Changes
import Log

/// What delivery itself has to say; the ends have words of their own.
extension Delivery {
  static let unanswered = Failure(code: "replay.unanswered", message: "the target gave no answer to a write")

  static let unsettled = Failure(
    code: "replay.unsettled",
    message: "Tidemark made this record and was interrupted before that was settled; it waits for that")

  static let restless = Failure(
    code: "replay.restless",
    message: "the record kept changing at the target while a write was decided; it is tried again later")

  static func waits(_ parent: RecordReference) -> Failure {
    Failure(code: "replay.waits", message: "waits until \(parent.link) \(parent.key) is known at both sides")
  }

  static func truncated(_ endpoint: EndpointName) -> Failure {
    Failure(
      code: "replay.truncate",
      message: """
        \(endpoint) was truncated; the records at the other side were left alone. \
        Delete them there if that was meant, or backfill from there if it was not
        """)
  }

  static func ambiguous(_ link: Link, _ side: Side) -> Failure {
    Failure(
      code: "replay.ambiguous",
      message: """
        more than one record of \(link[side].name) has the same \(link.match.joined(separator: ", ")); \
        make them differ or remove the duplicate, then replay the change
        """)
  }

  static func taken(_ link: Link, _ key: RecordKey, by other: RecordKey) -> Failure {
    Failure(
      code: "replay.taken",
      message: """
        record \(key) has the same \(link.match.joined(separator: ", ")) but is linked to record \(other) already; \
        two records of one side cannot share one of the other
        """)
  }
}
