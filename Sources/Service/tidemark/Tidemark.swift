import ArgumentParser

@main
struct Tidemark: AsyncParsableCommand {
  func run() async throws { print("hello") }
}
