import JSON

struct ListRules: Sendable {
  enum Order: String, Sendable, CaseIterable { case ascending, any }
  enum Paging: Sendable, Hashable {
    case none
    /// Path to the next page's URL in the body.
    case link(path: String)
    /// A header with the next page's URL, bare or in the form of RFC 8288.
    case linkHeader(String)
    case page(parameter: String, first: Int)
    case offset(parameter: String, first: Int)
    case token(parameter: String?, path: String)
    /// A value of the last record of a page.
    case last(parameter: String?, path: String)
  }
  /// What shows that a page is the last, besides what its kind of paging says.
  struct End: Sendable, Hashable {
    /// Path to a truth value in the answer.
    var more: String?
    /// Path to the number of all records.
    var total: String?
    /// Fewer records than were asked for.
    var isShort = false
  }

  var method: String
  var path: String
  var query: [(name: String, value: String)]
  var headers: [(name: String, value: String)]
  var body: JSONValue?
  /// Path to the records; empty when the body is the list.
  var items: String
  var size: Int
  var sizeParameter: String?
  var order: Order
  var paging: Paging
  var end: End
  var cursor: CursorRules?
}

/// Where the place to list from the next time comes from, and how it is asked for.
struct CursorRules: Sendable {
  enum Source: Sendable, Hashable {
    case body(path: String)
    /// The greatest value of a field among the records.
    case item(path: String)
    /// Quotes and a leading `W/` are taken off.
    case header(String)
    /// Path in the last page to the address of what changes after it.
    case link(path: String)
  }
  /// Parameters and headers with `{cursor}` and `{until}` in them.
  var query: [(name: String, value: String)]
  var headers: [(name: String, value: String)]
  var source: Source
  var initial: String?
  /// How far to step back each time, for APIs whose lists lag behind their writes.
  var overlap: Duration
  /// How far from now a cursor stays, for APIs whose records appear later than they are stamped.
  var lag: Duration
  /// How moments are written in records.
  var format: TimeFormat?
  /// How they are written in requests, if that is another way.
  var sentAs: TimeFormat?
}
