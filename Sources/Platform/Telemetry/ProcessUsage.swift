import Glibc

/// What the operating system says this process uses, from /proc (proc(5)).
struct ProcessUsage: Sendable, Hashable {
  var cpuSeconds: Double
  var residentBytes: Double
  var openDescriptors: Int
  /// Seconds since 1970-01-01T00:00:00Z.
  var startTime: Double

  /// Nil where there is no /proc to read.
  static func current() -> ProcessUsage? {
    guard let stat = text(of: "/proc/self/stat"), let system = text(of: "/proc/stat") else { return nil }
    let boot = system.split(separator: "\n").first { $0.hasPrefix("btime ") }.flatMap { Double($0.dropFirst(6)) }
    return ProcessUsage(
      stat: stat, bootTime: boot ?? 0, openDescriptors: descriptors(),
      ticksPerSecond: Double(sysconf(Int32(_SC_CLK_TCK))),
      pageSize: Double(sysconf(Int32(_SC_PAGESIZE))))
  }

  /// - Parameter stat: the line of /proc/self/stat. Its second field is the program's name in parentheses, which may
  ///   hold anything, so fields count from the last closing parenthesis.
  init?(stat: String, bootTime: Double, openDescriptors: Int, ticksPerSecond: Double, pageSize: Double) {
    guard let name = stat.lastIndex(of: ")") else { return nil }
    let fields = stat[stat.index(after: name)...].split(separator: " ")
    guard fields.count > 21, let user = Double(fields[11]), let kernel = Double(fields[12]),
      let start = Double(fields[19]), let pages = Double(fields[21])
    else { return nil }
    cpuSeconds = (user + kernel) / ticksPerSecond
    residentBytes = pages * pageSize
    startTime = bootTime + start / ticksPerSecond
    self.openDescriptors = openDescriptors
  }

  /// Under the names every Prometheus client uses, so that ready-made dashboards work.
  func publish(to telemetry: Telemetry) {
    let cpu = telemetry.counter("process_cpu_seconds_total", "Processor time spent by the process.")
    cpu.increment(by: max(0, cpuSeconds - cpu.value))
    telemetry.gauge("process_resident_memory_bytes", "Memory of the process that is in RAM.").set(residentBytes)
    telemetry.gauge("process_open_fds", "Open file descriptors of the process.").set(openDescriptors)
    telemetry.gauge("process_start_time_seconds", "When the process started, in seconds since 1970.").set(startTime)
  }

  /// Files in /proc have no size, so they are read to their end.
  private static func text(of path: String) -> String? {
    guard let file = fopen(path, "re") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func descriptors() -> Int {
    guard let directory = opendir("/proc/self/fd") else { return 0 }
    defer { closedir(directory) }
    var entries = 0
    while readdir(directory) != nil { entries += 1 }
    // Not counted: ".", "..", and the descriptor that reads this directory.
    return max(0, entries - 3)
  }
}
