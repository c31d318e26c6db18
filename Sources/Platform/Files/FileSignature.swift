import Glibc

/// What tells one state of a file from another without reading it.
package struct FileSignature: Hashable, Sendable, CustomStringConvertible {
  package let device: UInt64
  package let inode: UInt64
  package let size: Int64
  /// Nanoseconds since 1970.
  package let modified: Int64
  let mode: mode_t
  let owner: uid_t
  let group: gid_t

  init(_ status: stat) {
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
    size = Int64(status.st_size)
    modified = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
    mode = status.st_mode & 0o7777
    owner = status.st_uid
    group = status.st_gid
  }

  /// The state of the file at `path` now; nil if there is none.
  /// - Throws: `FileError` if that cannot be told.
  package static func of(_ path: String) throws(FileError) -> FileSignature? {
    var status = stat()
    if unsafe stat(path, &status) == 0 {
      guard status.st_mode & S_IFMT == S_IFREG else { throw FileError(path, "is no file") }
      return FileSignature(status)
    }
    guard errno == ENOENT || errno == ENOTDIR else { throw FileError(path, errno) }
    return nil
  }

  /// The same for the same content: a word for watermarks.
  package var description: String { "\(device)-\(inode)-\(size)-\(modified)" }

  package static func == (a: FileSignature, b: FileSignature) -> Bool {
    a.device == b.device && a.inode == b.inode && a.size == b.size && a.modified == b.modified
  }

  package func hash(into hasher: inout Hasher) {
    hasher.combine(inode)
    hasher.combine(size)
    hasher.combine(modified)
  }
}

/// Why a file cannot be read or written.
package struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
  package let path: String
  package let reason: String
  /// The file is not the one that was to be replaced: somebody else wrote it meanwhile.
  package let isChanged: Bool

  init(_ path: String, _ code: Int32) {
    self.init(path, unsafe String(cString: strerror(code)))
  }

  init(_ path: String, _ reason: String, isChanged: Bool = false) {
    self.path = path
    self.reason = reason
    self.isChanged = isChanged
  }

  package var description: String { "\(path): \(reason)" }
}
