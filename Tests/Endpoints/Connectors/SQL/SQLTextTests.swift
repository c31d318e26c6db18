import Changes
import JSON
import Support
import Testing

@testable import Connectors
@testable import ODBC

/// What is said to databases that cannot be had here, and what is made of what they say.
struct SQLTextTests {
  @Test func `SQL Server is asked for rows, locks and places in its own words`() {
    #expect(
      SQLDialect.sqlServer.select("a, b", from: "t", where: ["a > ?"], order: "a", limit: 10)
        == "SELECT TOP (10) a, b FROM t WHERE a > ? ORDER BY a")
    #expect(
      SQLDialect.sqlServer.select("a", from: "t", where: ["k = ?"], isLocked: true)
        == "SELECT a FROM t WITH (UPDLOCK, HOLDLOCK) WHERE k = ?")
    #expect(
      SQLDialect.mariadb.select("a", from: "t", where: ["k = ?"], isLocked: true)
        == "SELECT a FROM t WHERE k = ? FOR UPDATE")
    #expect(SQLDialect.other.select("a", from: "t", order: "a", limit: 10) == "SELECT a FROM t ORDER BY a")
    let column = SQLTableShape.Column(
      name: "d", sql: "d", type: ODBCType(code: 93, size: 23, digits: 3), typeName: "datetime", isComputed: false,
      isDrawn: false)
    #expect(SQLDialect.sqlServer.place(for: column) == "CAST(? AS datetime)")
    #expect(SQLDialect.mariadb.place(for: column) == "?")
  }

  @Test func `A message loses what may be a value`() {
    for (said, left) in [
      ("Duplicate entry 'a'b@c' for key 'email'", "Duplicate entry '…'"),
      ("Cannot insert duplicate key. The duplicate key value is (a (b), 'c').", "(…)"),
      ("Truncated value: 'cut off", "Truncated value: '…"),
      ("Table \"x\" is gone", "Table \"…\" is gone"),
    ] {
      let message = ODBCError(sqlState: "23000", native: 1, message: said, act: "execute").message
      #expect(message.contains(left) && !message.contains("@") && !message.contains("cut off"), "\(message)")
    }
  }

  @Test func `Moments keep their digits, and lose their zone where a column has none`() {
    for (written, shown) in [
      ("2026-03-01T00:30:00+01:00", "2026-02-28T23:30:00"), ("2026-12-31T23:30:00-01:00", "2027-01-01T00:30:00"),
      ("2024-02-28 23:59:59.1234567Z", "2024-02-28T23:59:59.1234567"), ("2026-01-31", "2026-01-31T00:00:00"),
    ] {
      #expect(WrittenMoment(written)?.inUTC.text == shown)
    }
    for wrong in ["", "2026-02-30", "2026-01-31T25:00:00", "2026-01-31T12:00:00x", "31.01.2026"] {
      #expect(WrittenMoment(wrong) == nil)
    }
    #expect(WrittenMoment("2026-01-31T12:00:00.1239999")?.moment.cut(to: 3).text == "2026-01-31T12:00:00.123")
  }

  @Test func `The fate of a write is told by the database's own number`() {
    func outcome(_ state: String, _ native: Int32, _ dialect: SQLDialect, act: String = "execute") -> String {
      let error = ODBCError(sqlState: state, native: native, message: "m", act: act)
      return switch SQLFate.outcome(of: error, dialect, at: "t") {
      case .retry: "retry"
      case .unavailable: "unavailable"
      case .rejected: "rejected"
      case .unknown: "unknown"
      case .applied, .mismatch: "?"
      }
    }
    #expect(outcome("40001", 1205, .sqlServer) == "retry")
    #expect(outcome("23000", 2627, .sqlServer) == "rejected")
    #expect(outcome("42000", 229, .sqlServer) == "unavailable")
    #expect(outcome("42000", 50000, .sqlServer) == "rejected")
    #expect(outcome("HY000", 1205, .mariadb) == "retry")
    #expect(outcome("23000", 1452, .mariadb) == "retry")
    #expect(outcome("HY000", 2013, .mariadb) == "unavailable")
    #expect(outcome("HY000", 2013, .mariadb, act: "commit") == "unknown")
    #expect(outcome("08S01", 0, .sqlServer, act: "commit") == "unknown")
    #expect(outcome("22001", 0, .other) == "rejected")
    #expect(outcome("HYT00", 0, .other) == "retry")
  }
}
