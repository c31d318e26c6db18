package import JSON

/// Brings rows of a table into the form in which they may leave it: the one place where columns are left out and values
/// masked. Made for the columns that the table has now.
///
/// It fails closed. A column that it does not know is left out: one that has just been added, or a secret one that has
/// just been renamed. Whoever finds one looks at the table again, and a restriction that does not fit any more is an error.
package struct RowCut: Sendable {
  private enum Treatment: Sendable {
    case tell
    case drop
    case mask(Mask)
  }

  private struct Column: Sendable {
    /// As a row writes it: in quotes, escaped.
    var name: [UInt8]
    var treatment: Treatment
  }

  private let columns: [Column]
  private let tellsUnknown: Bool

  private init(_ columns: [(name: String, treatment: Treatment)], tellsUnknown: Bool = false) {
    self.tellsUnknown = tellsUnknown
    self.columns = columns.map { column in
      var writer = JSONWriter()
      writer.write(string: column.name.utf8)
      return Column(name: writer.bytes, treatment: column.treatment)
    }
  }

  /// - Parameters:
  ///   - columns: all that the table has.
  ///   - table: for words.
  /// - Throws: `Failure` where the restriction names a column that is not there, or drops or masks one of the key.
  package init(
    _ restriction: RowRestriction, columns: [String], key: [String], table: String
  ) throws(Failure) {
    if let fault = restriction.faults(columns: columns, key: key).first {
      throw Failure(
        code: "link.column",
        message: "\(table): \(fault.message), which columns, except or mask of the configuration names; nothing is told"
          + " of the table until they are put right: if it was renamed, give its new name and restart")
    }
    self.init(
      columns.map { name in
        guard restriction.tells(name, key: key) else { return (name, .drop) }
        return (name, restriction.masks[name].map { .mask($0) } ?? .tell)
      })
  }

  /// Keeps these columns as they are, and no others.
  package init(keeping columns: [String]) { self.init(columns.map { ($0, .tell) }) }

  /// Drops these columns and keeps all others as they are.
  package init(dropping columns: [String]) { self.init(columns.map { ($0, .drop) }, tellsUnknown: true) }

  /// What is told of a row: in its order and with its spaces.
  package struct Told: Sendable {
    package var row: [UInt8]
    /// How many columns are told.
    package var count: Int
    /// Whether all columns were known; others are left out.
    package var isKnown: Bool
  }

  /// - Parameter row: one canonical JSON object.
  package func told(of row: [UInt8]) throws(JSONError) -> Told {
    var walk = try JSONMemberWalk(row)
    var writer = JSONWriter(reserving: row.count + 80)
    var told = Told(row: [], count: 0, isKnown: true)
    var place = 0
    var end: Int?
    writer.raw(UInt8(ascii: "{"))
    while let member = try walk.member() {
      let separator = (end ?? member.name.lowerBound)..<member.name.lowerBound
      end = member.value.upperBound
      let found = index(of: row[member.name], from: place)
      if let found { place = found + 1 } else { told.isKnown = false }
      let treatment = found.map { columns[$0].treatment } ?? (tellsUnknown ? .tell : .drop)
      if case .drop = treatment { continue }
      if told.count > 0 { writer.raw(row[separator]) }
      writer.raw(row[member.name.lowerBound..<member.value.lowerBound])
      if case .mask(let mask) = treatment {
        try mask.write(row[member.value], to: &writer)
      } else {
        writer.raw(row[member.value])
      }
      told.count += 1
    }
    writer.raw(UInt8(ascii: "}"))
    told.row = writer.bytes
    return told
  }

  /// The same of a row that was read.
  package func told(of row: JSONObject) throws(JSONError) -> JSONObject {
    try JSONObject(parsing: try told(of: row.bytes).row)
  }

  /// Rows have their columns in one order, mostly: the next one is looked at first.
  private func index(of name: ArraySlice<UInt8>, from place: Int) -> Int? {
    for step in columns.indices {
      let index = place + step < columns.count ? place + step : place + step - columns.count
      let candidate = columns[index].name
      if candidate.count == name.count, name.elementsEqual(candidate) { return index }
    }
    return nil
  }
}

extension Outcome {
  /// With what it shows of the record restricted.
  package func told(by cut: RowCut) throws(JSONError) -> Outcome {
    switch self {
    case .applied(var applied):
      applied.after = if let after = applied.after { try cut.told(of: after) } else { nil }
      return .applied(applied)
    case .mismatch(var record?):
      record.fields = try cut.told(of: record.fields)
      return .mismatch(record)
    case .mismatch, .retry, .unavailable, .rejected, .unknown: return self
    }
  }
}
