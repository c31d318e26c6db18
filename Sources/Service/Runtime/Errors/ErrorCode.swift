/// What a code in an error, a dead letter or a log line means: `tidemark help CODE`.
package struct ErrorCode: Sendable {
  /// As errors show it; one that ends with `*` stands for all that begin so, such as `http.*`.
  package let code: String
  package let meaning: String
  /// What follows from it for the data.
  package let consequence: String
  package let remedy: String

  /// Codes with one consequence, unless an entry has its own.
  struct Family {
    let consequence: String
    let entries: [Entry]
  }

  struct Entry {
    let code: String
    let meaning: String
    let remedy: String
    var consequence: String?

    init(_ code: String, _ meaning: String, then consequence: String? = nil, remedy: String) {
      self.code = code
      self.meaning = meaning
      self.consequence = consequence
      self.remedy = remedy
    }
  }

  /// Every code there is, family by family.
  package static let all: [ErrorCode] = families.flatMap { family in
    family.entries.map {
      ErrorCode(
        code: $0.code, meaning: $0.meaning, consequence: $0.consequence ?? family.consequence, remedy: $0.remedy)
    }
  }

  static let families = configuration + ends + files + decisions + way

  /// The code itself, or else the longest pattern that it matches.
  package static func find(_ code: String) -> ErrorCode? {
    if let exact = all.first(where: { $0.code == code }) { return exact }
    return all.filter { $0.code.hasSuffix("*") && code.hasPrefix($0.code.dropLast()) }
      .max { $0.code.count < $1.code.count }
  }
}
