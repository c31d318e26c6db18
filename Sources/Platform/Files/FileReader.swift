import CLinux
import Glibc

/// Reads a file from its beginning. Blocks: for threads that may.
package struct FileReader: ~Copyable {
  private let path: String
  private let descriptor: Int32

  /// - Throws: `FileError` for a file that is not there or may not be read.
  package init(path: String) throws(FileError) {
    self.path = path
    descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError(path, errno) }
  }

  deinit { close(descriptor) }

  /// The state of the file that is being read, which may have another name by now, or none.
  package func signature() throws(FileError) -> FileSignature {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw FileError(path, errno) }
    return FileSignature(status)
  }

  /// The next bytes, at most `count`; none at the end.
  package func read(_ count: Int) throws(FileError) -> [UInt8] {
    var failure: Int32 = 0
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      var got = -1
      repeat { got = unsafe Glibc.read(descriptor, buffer.baseAddress, count) } while got < 0 && errno == EINTR
      if got < 0 { failure = errno }
      initialized = max(0, got)
    }
    guard failure == 0 else { throw FileError(path, failure) }
    return bytes
  }
}

/// The files that a pattern of `*`, `?` and `[…]` names, sorted. Names that begin with a dot are left out.
/// - Throws: `FileError` if a folder cannot be read.
package func files(matching pattern: String) throws(FileError) -> [String] {
  var found = unsafe glob_t()
  let code = unsafe glob(pattern, GLOB_ERR, nil, &found)
  defer { unsafe globfree(&found) }
  guard code == 0 else {
    if code == GLOB_NOMATCH { return [] }
    throw FileError(pattern, "a folder of it cannot be read")
  }
  return unsafe (0..<Int(found.gl_pathc)).compactMap { index in
    unsafe found.gl_pathv[index].map { path in unsafe String(cString: path) }
  }
}
