/// What of a table's rows may leave the database. The table is then, to everything but itself, the table so restricted,
/// whichever way its rows are captured or read.
package struct RowRestriction: Hashable, Sendable {
  package enum Choice: Hashable, Sendable {
    case all
    /// These and the key.
    case only([String])
    case except([String])
  }

  package var columns: Choice
  /// Columns whose values are told changed.
  package var masks: [String: Mask]
  /// SQL over the columns of one row; rows for which it is not true are none. It may read columns that are not told.
  package var condition: String?

  package init(_ columns: Choice = .all, masks: [String: Mask] = [:], condition: String? = nil) {
    self.columns = columns
    self.masks = masks
    self.condition = condition
  }

  /// Whether a column of a table with this key is told at all.
  package func tells(_ column: String, key: [String]) -> Bool {
    switch columns {
    case .all: true
    case .only(let told): told.contains(column) || key.contains(column)
    case .except(let dropped): !dropped.contains(column)
    }
  }

  /// Whether the condition may read a column. True for every column it reads, and for some that it only seems to.
  package func mayRead(_ column: String) -> Bool {
    guard let condition = condition?.lowercased() else { return false }
    let name = column.lowercased()
    guard name.unicodeScalars.allSatisfy(Self.isPartOfName) else {
      return condition.contains(name) || condition.contains(name.split(separator: "\"").joined(separator: "\"\""))
    }
    return condition.unicodeScalars.split { !Self.isPartOfName($0) }
      .contains { $0.elementsEqual(name.unicodeScalars) }
  }

  /// Whether a column has to be read at all.
  package func needs(_ column: String, key: [String]) -> Bool { tells(column, key: key) || mayRead(column) }

  private static func isPartOfName(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", "_", "$": true
    default: scalar.value >= 0x80
    }
  }

  /// What is wrong with it for a table with these columns and this key.
  package func faults(columns present: [String], key: [String]) -> [RestrictionFault] {
    let (told, dropped): ([String], [String]) =
      switch columns {
      case .all: ([], [])
      case .only(let columns): (columns, [])
      case .except(let columns): ([], columns)
      }
    let masked = masks.keys.sorted()
    return (told + dropped + masked).filter { !present.contains($0) }.map { .unknown($0) }
      + (dropped + masked).filter(key.contains).map { .ofKey($0) }
  }
}

/// How a restriction does not fit its table.
package enum RestrictionFault: Hashable, Sendable {
  case unknown(String)
  /// A column that tells the rows apart cannot be dropped or masked.
  case ofKey(String)

  package var column: String {
    switch self {
    case .unknown(let column), .ofKey(let column): column
    }
  }

  package var message: String {
    switch self {
    case .unknown(let column): "there is no column \"\(column)\""
    case .ofKey(let column):
      "the column \"\(column)\" is part of the key, which tells the rows apart: it can be neither dropped nor masked"
    }
  }
}
