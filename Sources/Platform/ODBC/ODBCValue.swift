/// A value on its way to or from a database, in a form that keeps every digit of it.
package enum ODBCValue: Hashable, Sendable {
  case null
  case bit(Bool)
  /// A whole or decimal number as text, digit for digit.
  case number(String)
  case single(Float)
  case double(Double)
  case text(String)
  case bytes([UInt8])
  /// Only the date counts.
  case date(ODBCMoment)
  case moment(ODBCMoment)
}

/// A date and a time of day of no time zone.
package struct ODBCMoment: Hashable, Sendable {
  package var year: Int
  package var month: Int
  package var day: Int
  package var hour: Int
  package var minute: Int
  package var second: Int
  package var nanosecond: Int

  package init(
    year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0, nanosecond: Int = 0
  ) {
    self.year = year
    self.month = month
    self.day = day
    self.hour = hour
    self.minute = minute
    self.second = second
    self.nanosecond = nanosecond
  }
}

extension ODBCMoment: Comparable {
  package static func < (a: ODBCMoment, b: ODBCMoment) -> Bool {
    (a.year, a.month, a.day) == (b.year, b.month, b.day)
      ? (a.hour, a.minute, a.second, a.nanosecond) < (b.hour, b.minute, b.second, b.nanosecond)
      : (a.year, a.month, a.day) < (b.year, b.month, b.day)
  }
}

/// The type of a column or a parameter as the driver names it.
package struct ODBCType: Hashable, Sendable {
  /// `SQL_…` of sql.h and sqlext.h, or a number of the driver's own.
  package var code: Int16
  /// Characters, bytes or digits; 0 where there is no limit.
  package var size: Int
  /// Digits after the decimal point, also of a second.
  package var digits: Int

  package init(code: Int16, size: Int = 0, digits: Int = 0) {
    self.code = code
    self.size = size
    self.digits = digits
  }

  package enum Kind: Sendable {
    case bit, number, single, double
    /// Padded to its length with blanks.
    case fixedText
    case text, bytes, date, time, moment
    /// SQL Server's datetimeoffset.
    case zonedMoment
    case guid
  }

  /// What is known of it. Types of a driver's own travel as text.
  package var kind: Kind {
    switch code {
    case -7: .bit
    case -6, -5, 2, 3, 4, 5: .number
    case 7: .single
    case 6, 8: .double
    case 1, -8: .fixedText
    case -2, -3, -4, -151: .bytes
    case 9, 91: .date
    case 10, 92, -154: .time
    case 11, 93: .moment
    case -155: .zonedMoment
    case -11: .guid
    default: .text
    }
  }

  package static let text = ODBCType(code: -9)
  package static let number = ODBCType(code: -5, size: 19)
  package static let moment = ODBCType(code: 93, size: 26, digits: 6)
}

/// A value and the type of the column it is for: an index is of use only to a parameter of its own type.
package struct ODBCParameter: Hashable, Sendable {
  package var value: ODBCValue
  package var type: ODBCType

  package init(_ value: ODBCValue, as type: ODBCType) {
    self.value = value
    self.type = type
  }
}
