import CLinux
import Glibc

/// Makes UTF-8 of text in another encoding, piece by piece. Not for use by two tasks at once.
@safe package final class TextDecoder {
  private let converter: iconv_t
  /// The beginning of a character that the next bytes complete.
  private var rest: [UInt8] = []

  /// - Parameter encoding: a name that iconv(3) knows, such as `windows-1252`. Nil for any other.
  package init?(encoding: String) {
    guard encoding.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x2F }),
      let converter = unsafe iconv_open("UTF-8", encoding), unsafe converter != iconv_t(bitPattern: -1)
    else { return nil }
    unsafe self.converter = unsafe converter
  }

  deinit { unsafe iconv_close(converter) }

  /// - Parameter isLast: there is no more text; a character that is not whole by now is an error.
  /// - Throws: `TextError` for bytes that mean nothing in the encoding.
  package func decode(_ bytes: [UInt8], isLast: Bool = false) throws(TextError) -> [UInt8] {
    var input = rest + bytes
    rest = []
    var output: [UInt8] = []
    var room = [CChar](repeating: 0, count: 4 * input.count + 16)
    var left = input.count
    while left > 0 {
      var free = room.count
      let code = unsafe input.withUnsafeMutableBytes { source in
        unsafe room.withUnsafeMutableBufferPointer { target in
          var from = unsafe source.baseAddress.map { start in
            unsafe (start + (source.count - left)).assumingMemoryBound(to: CChar.self)
          }
          var to = target.baseAddress
          return unsafe iconv(converter, &from, &left, &to, &free)
        }
      }
      output.append(contentsOf: room[..<(room.count - free)].map { UInt8(bitPattern: $0) })
      // (size_t)-1
      guard code == .max else { break }
      if errno == E2BIG { continue }
      guard errno == EINVAL, !isLast else { throw TextError() }
      rest = Array(input.suffix(left))
      break
    }
    if isLast, !rest.isEmpty { throw TextError() }
    return output
  }
}

/// Bytes that are no text in the encoding they should be in.
package struct TextError: Error, Hashable, Sendable {}
