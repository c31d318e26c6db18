import Changes
import JSON
import Postgres

extension TableShape {
  /// The table that an end of a link is made of.
  /// - Parameter restriction: what of its rows is told; nil: all.
  /// - Throws: `Failure` with advice where there is no such table, its records cannot be told apart or captured, or the
  ///   restriction does not fit it.
  static func load(
    _ name: String, _ polling: PollSettings?, _ restriction: RowRestriction?, _ session: PostgresSession
  ) throws -> TableShape {
    var shape = try load(name, polling, session)
    guard let restriction else { return shape }
    shape.restriction = restriction
    shape.cut = try RowCut(restriction, columns: shape.columns.map(\.name), key: shape.key, table: shape.sql)
    return shape
  }

  /// What is told of a row.
  func told(_ row: [UInt8]) throws(JSONError) -> [UInt8] { try cut?.told(of: row).row ?? row }

  /// The rows that may be told, as a row source called `t`.
  var source: String {
    guard let condition = restriction?.condition else { return "\(sql) t" }
    let readable = list(columns.filter(\.isReadable).map(\.name), of: "t")
    return "(SELECT \(readable) FROM \(sql) t WHERE (\(condition)\n)) t"
  }
}
