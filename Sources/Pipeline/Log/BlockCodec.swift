package import Changes

/// A change with its place in the log.
package struct LoggedChange: Hashable, Sendable {
  package let sequence: LogSequence
  package let change: Change

  package init(sequence: LogSequence, change: Change) {
    self.sequence = sequence
    self.change = change
  }
}

/// A part of the log that is not what was written. It is never delivered.
package struct DamagedRecord: Error, Hashable, Sendable, CustomStringConvertible {
  package let sequences: ClosedRange<LogSequence>
  package let reason: String

  package var description: String {
    "log records \(sequences.lowerBound) to \(sequences.upperBound) are damaged (\(reason)) and were not delivered"
  }
}

/// Frames of a block: for each change its length (4 bytes), a CRC-32C of what follows (4 bytes), and the record
/// itself, which starts with its sequence so that a frame in the wrong place is noticed too. Little-endian.
///
///     sequence 8 · operation 1 · origin 1 · stamp 8 · committed 8
///     endpoint 2+n · key 4+n · version 1 [+2+n] · row (the rest)
enum BlockCodec {
  /// - Parameters:
  ///   - endpoint: the change's endpoint as text; many changes share it.
  ///   - key: the change's key as `RecordKey.encoded` gives it.
  static func append(
    _ change: borrowing Change, at sequence: LogSequence, endpoint: [UInt8], key: [UInt8], to frames: inout [UInt8]
  ) {
    let start = frames.count
    put(UInt64(0), to: &frames)
    write(change, sequence, endpoint, key, to: &frames)
    let checksum = Checksum.of(frames[(start + 8)...])
    put(UInt32(frames.count - start - 8), at: start, in: &frames)
    put(checksum, at: start + 4, in: &frames)
  }

  static func frame(_ logged: LoggedChange) -> [UInt8] {
    var frames: [UInt8] = []
    let change = logged.change
    append(
      change, at: logged.sequence, endpoint: Array(change.endpoint.description.utf8), key: change.key.encodedBytes,
      to: &frames)
    return frames
  }

  /// The changes of a block, and what of it is damaged.
  static func decode(
    _ frames: [UInt8], sequences: ClosedRange<LogSequence>
  ) -> (changes: [LoggedChange], damaged: [DamagedRecord]) {
    var changes: [LoggedChange] = []
    var damaged: [DamagedRecord] = []
    var reader = FrameReader(frames)
    var expected = sequences.lowerBound.number
    while expected <= sequences.upperBound.number {
      let sequence = LogSequence(expected)
      guard let frame = reader.frame() else {
        // A length that leads out of the block: where the next frame starts is not known.
        damaged.append(DamagedRecord(sequences: sequence...sequences.upperBound, reason: "the block is cut short"))
        break
      }
      if let logged = logged(frame, expected: sequence) {
        changes.append(logged)
      } else {
        damaged.append(DamagedRecord(sequences: sequence...sequence, reason: "its checksum does not match"))
      }
      expected += 1
    }
    return (changes, damaged)
  }

  private static func write(
    _ change: borrowing Change, _ sequence: LogSequence, _ endpoint: [UInt8], _ key: [UInt8],
    to frames: inout [UInt8]
  ) {
    put(sequence.number, to: &frames)
    frames.append(change.operation.rawValue)
    frames.append(change.origin.rawValue)
    put(change.stamp.number, to: &frames)
    put(change.committedAt.microseconds, to: &frames)
    put(UInt16(endpoint.count), to: &frames)
    frames.append(contentsOf: endpoint)
    put(UInt32(key.count), to: &frames)
    frames.append(contentsOf: key)
    if let version = change.version?.utf8 {
      frames.append(1)
      put(UInt16(version.count), to: &frames)
      frames.append(contentsOf: version)
    } else {
      frames.append(0)
    }
    frames.append(contentsOf: change.row)
  }

  private static func logged(_ frame: FrameReader.Frame, expected: LogSequence) -> LoggedChange? {
    guard Checksum.of(frame.record) == frame.checksum else { return nil }
    var reader = FrameReader(Array(frame.record))
    guard let sequence: Int64 = reader.integer(), sequence == expected.number,
      let operation = reader.integer().flatMap(Operation.init(rawValue:)),
      let origin = reader.integer().flatMap(Origin.init(rawValue:)),
      let stamp: Int64 = reader.integer(), let committed: Int64 = reader.integer(),
      let endpoint = reader.text(UInt16.self).flatMap(EndpointName.init),
      let key = reader.text(UInt32.self).flatMap({ try? RecordKey(encoded: $0) }),
      let hasVersion: UInt8 = reader.integer()
    else { return nil }
    var version: String?
    if hasVersion == 1 {
      guard let text = reader.text(UInt16.self) else { return nil }
      version = text
    }
    return LoggedChange(
      sequence: expected,
      change: Change(
        operation, of: endpoint, key: key, row: Array(reader.rest), origin: origin, stamp: Stamp(stamp),
        version: version, committedAt: Timestamp(microseconds: committed)))
  }

  private static func put(_ value: some FixedWidthInteger, to frames: inout [UInt8]) {
    withUnsafeBytes(of: value.littleEndian) { frames.append(contentsOf: $0) }
  }

  private static func put(_ value: UInt32, at offset: Int, in frames: inout [UInt8]) {
    for index in 0..<4 { frames[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
  }
}

/// Reads what `BlockCodec` writes. Nil wherever the bytes end too soon: no length is trusted.
private struct FrameReader {
  struct Frame {
    let checksum: UInt32
    let record: ArraySlice<UInt8>
  }

  private var bytes: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) { self.bytes = bytes[...] }

  var rest: ArraySlice<UInt8> { bytes }

  mutating func integer<Number: FixedWidthInteger>() -> Number? {
    guard let slice = take(Number.bitWidth / 8) else { return nil }
    return slice.reversed().reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
  }

  mutating func text<Length: FixedWidthInteger>(_ length: Length.Type) -> String? {
    guard let count: Length = integer(), let slice = take(Int(count)) else { return nil }
    return String(validating: slice, as: UTF8.self)
  }

  mutating func frame() -> Frame? {
    guard let count: UInt32 = integer(), let checksum: UInt32 = integer(), let record = take(Int(count)) else {
      return nil
    }
    return Frame(checksum: checksum, record: record)
  }

  private mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
    guard count <= bytes.count else { return nil }
    defer { bytes = bytes.dropFirst(count) }
    return bytes.prefix(count)
  }
}

/// Four bytes of a key's hash (FNV-1a), kept with each block so that a record's history is found without decoding
/// every block. The same in every process, unlike Swift's `Hasher`.
func keyHash(_ key: RecordKey) -> UInt32 { keyHash(key.encodedBytes) }

/// The same of a key's encoded form.
func keyHash(_ encoded: [UInt8]) -> UInt32 {
  encoded.reduce(2_166_136_261) { ($0 ^ UInt32($1)) &* 16_777_619 }
}
