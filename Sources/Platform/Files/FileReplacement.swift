import CLinux
import Glibc

/// The next content of a file: written beside it and put in its place in one step, so that whoever reads the file finds the
/// old content or the new one, whole, also after a crash. Given up before that, it leaves nothing.
///
/// One replacement of a file at a time. Blocks: for threads that may.
package struct FileReplacement: ~Copyable {
  private let path: String
  private let draft: String
  private let descriptor: Int32
  /// What is to be replaced; nil: there must not be a file.
  private let former: FileSignature?

  /// - Parameters:
  ///   - path: a symbolic link stays, and what it leads to is replaced.
  ///   - former: the state of the file that the new content was made from.
  package init(of path: String, from former: FileSignature?) throws(FileError) {
    let path = Self.resolved(path)
    let name = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
    self.path = path
    // Always the same name: what a crash left behind is gone with the next replacement.
    draft = path[..<name] + "." + path[name...] + ".tidemark"
    self.former = former
    unsafe unlink(draft)
    descriptor = unsafe open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw FileError(draft, errno) }
    if let former {
      // Whose file it is may be for others to say; the mode is not.
      _ = fchown(descriptor, former.owner, former.group)
      fchmod(descriptor, former.mode)
    }
  }

  private static func resolved(_ path: String) -> String {
    guard let resolved = unsafe realpath(path, nil) else { return path }
    defer { unsafe free(resolved) }
    return unsafe String(cString: resolved)
  }

  deinit {
    close(descriptor)
    unsafe unlink(draft)
  }

  package func write(_ bytes: [UInt8]) throws(FileError) {
    var written = 0
    while written < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe Glibc.write(descriptor, buffer.baseAddress?.advanced(by: written), buffer.count - written)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw FileError(draft, errno) }
      written += count
    }
  }

  /// Puts the content in the file's place, on disk.
  /// - Returns: the file's new state.
  /// - Throws: `FileError`, `isChanged` if the file is not in its former state any more; then it stays as it is.
  package consuming func commit() throws(FileError) -> FileSignature {
    guard fsync(descriptor) == 0 else { throw FileError(draft, errno) }
    guard try FileSignature.of(path) == former else { throw Self.changed(path) }
    if former == nil { try put(TIDEMARK_RENAME_NOREPLACE) } else { try exchange() }
    try syncFolder()
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw FileError(path, errno) }
    return FileSignature(status)
  }

  /// The two files change their names in one step. What has the draft's name now must be what was to be replaced: else
  /// somebody wrote it in the last moment, and it gets its name back.
  private func exchange() throws(FileError) {
    guard try put(TIDEMARK_RENAME_EXCHANGE) else { return }
    guard try FileSignature.of(draft) == former else {
      try put(TIDEMARK_RENAME_EXCHANGE)
      throw Self.changed(path)
    }
  }

  /// - Returns: false where the file system cannot do it so, and the draft simply took the file's name.
  @discardableResult
  private func put(_ flags: UInt32) throws(FileError) -> Bool {
    if unsafe renameat2(AT_FDCWD, draft, AT_FDCWD, path, flags) == 0 { return true }
    switch errno {
    case EEXIST, ENOENT: throw Self.changed(path)
    case EINVAL, ENOSYS:
      guard unsafe rename(draft, path) == 0 else { throw FileError(path, errno) }
      return false
    default: throw FileError(path, errno)
    }
  }

  private func syncFolder() throws(FileError) {
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError(folder, errno) }
    defer { close(descriptor) }
    // Some file systems have nothing to sync there.
    guard fsync(descriptor) == 0 || errno == EINVAL else { throw FileError(folder, errno) }
  }

  private static func changed(_ path: String) -> FileError {
    FileError(path, "somebody else wrote it meanwhile", isChanged: true)
  }
}
