/// CRC-32C (Castagnoli), RFC 3720 appendix B.4: finds every error burst of up to 32 bits.
struct Checksum {
  private var remainder: UInt32 = 0xFFFF_FFFF

  mutating func update(_ bytes: some Sequence<UInt8>) {
    for byte in bytes {
      remainder = Self.table[Int((remainder ^ UInt32(byte)) & 0xFF)] ^ (remainder >> 8)
    }
  }

  var value: UInt32 { ~remainder }

  static func of(_ bytes: some Sequence<UInt8>) -> UInt32 {
    var checksum = Checksum()
    checksum.update(bytes)
    return checksum.value
  }

  private static let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0x82F6_3B78 ^ (value >> 1) : value >> 1 }
  }
}
