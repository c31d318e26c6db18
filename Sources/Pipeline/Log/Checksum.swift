/// CRC-32C (Castagnoli), RFC 3720 appendix B.4: finds every error burst of up to 32 bits.
///
/// Eight bytes at a time with eight tables ("slicing-by-8", Kounavis and Berry, 2005): every captured row passes here.
enum Checksum {
  static func of(_ bytes: some Sequence<UInt8>) -> UInt32 {
    bytes.withContiguousStorageIfAvailable(of(buffer:)) ?? Array(bytes).withUnsafeBufferPointer(of(buffer:))
  }

  private static func of(buffer bytes: UnsafeBufferPointer<UInt8>) -> UInt32 {
    tables.withUnsafeBufferPointer { tables in
      var remainder: UInt32 = 0xFFFF_FFFF
      var place = 0
      let raw = UnsafeRawBufferPointer(bytes)
      while place + 8 <= bytes.count {
        let loaded = raw.loadUnaligned(fromByteOffset: place, as: UInt64.self)
        let word = UInt64(littleEndian: loaded) ^ UInt64(remainder)
        remainder = 0
        for index in 0..<8 {
          let byte = Int(truncatingIfNeeded: word >> UInt64(index * 8)) & 0xFF
          remainder ^= tables[(7 - index) * 256 + byte]
        }
        place += 8
      }
      while place < bytes.count {
        let byte = Int((remainder ^ UInt32(bytes[place])) & 0xFF)
        remainder = tables[byte] ^ (remainder >> 8)
        place += 1
      }
      return ~remainder
    }
  }

  /// Table n tells what a byte does to the remainder n bytes later.
  private static let tables: [UInt32] = {
    var tables: [UInt32] = (0..<256).map { index -> UInt32 in
      (0..<8).reduce(UInt32(index)) { value, _ -> UInt32 in
        value & 1 == 1 ? 0x82F6_3B78 ^ (value >> 1) : value >> 1
      }
    }
    for index in 256..<2048 {
      let before = tables[index - 256]
      tables.append(tables[Int(before & 0xFF)] ^ (before >> 8))
    }
    return tables
  }()
}
