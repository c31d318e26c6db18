/// A place in PostgreSQL's write-ahead log (`pg_lsn`): a count of bytes, comparable inside one timeline.
package struct LSN: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let number: UInt64

  package init(_ number: UInt64) { self.number = number }

  /// - Parameter text: as PostgreSQL writes it, `16/B374D848`; nil if it is not that.
  package init?(_ text: some StringProtocol) {
    let halves = text.split(separator: "/", omittingEmptySubsequences: false)
    guard halves.count == 2, let high = UInt32(halves[0], radix: 16), let low = UInt32(halves[1], radix: 16) else {
      return nil
    }
    number = UInt64(high) << 32 | UInt64(low)
  }

  /// Before everything.
  package static let zero = LSN(0)

  package static func < (a: LSN, b: LSN) -> Bool { a.number < b.number }

  package var description: String {
    "\(String(number >> 32, radix: 16, uppercase: true))/\(String(number & 0xFFFF_FFFF, radix: 16, uppercase: true))"
  }
}
