package import JSON

/// The columns of a table, or the attributes of a composite type, ready for writing rows of them: what does not change
/// from row to row (the order of the names, their escaping) is done once.
package struct CanonicalRow: Sendable {
  /// What a row has for one column. Ranges are of the bytes handed over with the fields.
  package enum Field: Sendable {
    case null
    /// The text of the type's output function.
    case text(Range<Int>)
    /// What `to_jsonb` gives already, for values that come from elsewhere.
    case json(Range<Int>)
    /// The row written does not have the column at all.
    case absent
  }

  private struct Column {
    /// Its place in a row's fields.
    var index: Int
    /// `, "name": ` in `names`.
    var name: Range<Int>
    var type: CanonicalType
  }

  /// In the order of `jsonb`: shorter names first, names of one length by their bytes.
  private let columns: [Column]
  private let names: [UInt8]
  /// Columns whose text cannot be turned into JSON here, by their place in a row's fields: their `.json` is needed.
  package let unsupportedColumns: [Int]

  package var count: Int { columns.count }

  /// - Parameter columns: in the order the fields of a row come in. Names are different.
  package init(_ columns: some Collection<(name: String, type: CanonicalType)>) {
    let given = columns.enumerated().map {
      (index: $0.offset, name: Array($0.element.name.utf8), type: $0.element.type)
    }
    var ordered: [Column] = []
    var writer = JSONWriter()
    for column in given.sorted(by: { Self.precedes($0.name[...], $1.name[...]) }) {
      let start = writer.count
      writer.raw(", ")
      writer.write(string: column.name)
      writer.raw(": ")
      ordered.append(Column(index: column.index, name: start..<writer.count, type: column.type))
    }
    self.columns = ordered
    names = writer.bytes
    unsupportedColumns = given.filter { !$0.type.isSupported }.map(\.index)
  }

  /// The order `jsonb` keeps the names of an object in.
  static func precedes(_ a: ArraySlice<UInt8>, _ b: ArraySlice<UInt8>) -> Bool {
    a.count == b.count ? a.lexicographicallyPrecedes(b) : a.count < b.count
  }

  /// Appends what `to_jsonb(row)::text` shows for the row.
  ///
  /// - Parameters:
  ///   - bytes: what the ranges in `fields` are of.
  ///   - fields: one for each column, in the order of `init`.
  /// - Returns: false where the text of a column was not of its type and was written as a string; see
  ///   `CanonicalType.append(_:to:)`.
  package func append(_ bytes: Span<UInt8>, _ fields: [Field], to writer: inout JSONWriter) -> Bool {
    let names = names.span
    var isEmpty = true
    var isWhole = true
    for column in columns {
      let field = fields[column.index]
      if case .absent = field { continue }
      if isEmpty {
        writer.raw(UInt8(ascii: "{"))
        writer.raw(names.extracting((column.name.lowerBound + 2)..<column.name.upperBound))
        isEmpty = false
      } else {
        writer.raw(names.extracting(column.name))
      }
      switch field {
      case .text(let range):
        if !column.type.append(bytes.extracting(range), to: &writer) { isWhole = false }
      case .json(let range): writer.raw(bytes.extracting(range))
      case .null, .absent: writer.raw("null")
      }
    }
    writer.raw(isEmpty ? "{}" : "}")
    return isWhole
  }
}
