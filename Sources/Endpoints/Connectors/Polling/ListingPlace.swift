import Changes
import JSON

/// What a position of an object says: where the next listing starts, and how far the one under way has come.
struct ListingPlace: Hashable {
  /// Nil before the first listing has ended.
  var cursor: JSONValue?
  /// Grows with every batch that held changes, so that no two such batches end at the same position.
  var batch: Int64 = 0
  /// When the last listing began, where that is by the calendar.
  var listedAt: Timestamp?
  /// Nil between listings.
  var page: PageMark?

  struct PageMark: Hashable {
    var next: NextPage
    /// What the cursor becomes when the listing ends.
    var high: JSONValue?
  }

  var text: String {
    var object: JSONObject = ["batch": .integer(batch)]
    object["cursor"] = cursor
    object["listed_at"] = listedAt.map { .integer($0.microseconds) }
    object["high"] = page?.high
    switch page?.next {
    case .url(let url)?: object["url"] = .string(url)
    case .number(let number)?: object["number"] = .integer(number)
    case .token(let token)?: object["token"] = .string(token)
    case .last(let last)?: object["last"] = .string(last)
    case nil: break
    }
    return object.text
  }

  init() {}

  /// Nil if `text` was not written by `text`.
  init?(_ text: String) {
    guard let object = try? JSONObject(parsing: Array(text.utf8)), let batch = object["batch"]?.integerValue else {
      return nil
    }
    self.batch = batch
    cursor = object["cursor"]
    listedAt = object["listed_at"]?.integerValue.map { Timestamp(microseconds: $0) }
    let next: NextPage? =
      if let url = object["url"]?.stringValue {
        .url(url)
      } else if let number = object["number"]?.integerValue {
        .number(Int(number))
      } else if let last = object["last"]?.stringValue {
        .last(last)
      } else {
        object["token"]?.stringValue.map(NextPage.token)
      }
    page = next.map { PageMark(next: $0, high: object["high"]) }
  }
}

/// How the page after this one is asked for.
enum NextPage: Hashable {
  case url(String)
  /// A page's number, or how many records to skip.
  case number(Int)
  case token(String)
  /// A value of the last record of the page before.
  case last(String)
}
