import ArgumentParser
import Config
import Foundation
import JSON
import Runtime

struct Doctor: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Gather what somebody who helps needs to know, without secrets and without data.",
    discussion: """
      EXAMPLES
        tidemark doctor > doctor.json

      It holds the configuration with references for secrets, what `check` finds, the status, how many dead letters there \
      are of each reason, and the metrics. It holds no values of rows and no keys of records. Read it before you send it.
      """)

  @OptionGroup var options: ConfigurationOptions

  func run() async throws {
    try await ExitStatus.reporting {
      let process = ProcessInfo.processInfo
      let machine: JSONObject = [
        "system": .string(process.operatingSystemVersionString), "cores": .integer(process.activeProcessorCount),
        "memory_bytes": .integer(Int64(process.physicalMemory)),
      ]
      print(JSONValue.object(await Diagnosis(try options.load()).document(machine)).text)
    }
  }
}
