/// A place in a file a person wrote. Lines and columns start at 1; a column counts Unicode scalars.
package struct Place: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let file: String
  package let line: Int
  package let column: Int

  package init(file: String, line: Int, column: Int) {
    self.file = file
    self.line = line
    self.column = column
  }

  package static func < (a: Place, b: Place) -> Bool {
    (a.file, a.line, a.column) < (b.file, b.line, b.column)
  }

  /// `tidemark.yaml:14:9`, which editors and terminals turn into a link.
  package var description: String { "\(file):\(line):\(column)" }
}

/// Something wrong in a file, where it is, and what to do about it. Never holds a secret.
package struct Problem: Hashable, Sendable, CustomStringConvertible {
  package let place: Place
  /// Stable and short, for example `yaml.unknown-key`.
  package let code: String
  package let message: String
  /// What to do instead.
  package let hint: String?

  package init(_ place: Place, code: String, _ message: String, hint: String? = nil) {
    self.place = place
    self.code = code
    self.message = message
    self.hint = hint
  }

  /// `tidemark.yaml:14:9: unknown key "retension" — did you mean "retention"?`
  package var description: String { "\(place): \(message)" + (hint.map { " — \($0)" } ?? "") }
}

/// Everything wrong in a file at once.
package struct Problems: Error, Hashable, Sendable, CustomStringConvertible {
  /// In the order of their places; never empty.
  package let all: [Problem]

  package init(_ all: [Problem]) {
    precondition(!all.isEmpty, "an error needs a problem")
    self.all = all.sorted { $0.place == $1.place ? $0.message < $1.message : $0.place < $1.place }
  }

  /// One line for each problem.
  package var description: String { all.map(\.description).joined(separator: "\n") }
}
