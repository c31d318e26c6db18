// swift-tools-version: 6.2
import PackageDescription

// One line a target, in the order data flows. This file is the only place where arrows are drawn;
// ArchitectureTests compares every import with it.

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]
/// For the few targets that hold C handles: every unsafe expression is marked.
let memorySafe: [SwiftSetting] = strict + [.strictMemorySafety()]

let algorithms: Target.Dependency = .product(name: "AsyncAlgorithms", package: "swift-async-algorithms")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")

func room(
  _ room: String, _ name: String, _ dependencies: [Target.Dependency] = [], settings: [SwiftSetting] = strict
) -> Target {
  .target(name: name, dependencies: dependencies, path: "Sources/\(room)/\(name)", swiftSettings: settings)
}

func library(_ name: String, pkgConfig: String?, apt: String) -> Target {
  .systemLibrary(name: name, path: "Sources/Platform/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])])
}

func tests(_ room: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(
    name: "\(room)Tests", dependencies: dependencies + ["Support"], path: "Tests/\(room)", swiftSettings: strict)
}

let platform: [Target] = [
  library("CPostgres", pkgConfig: "libpq", apt: "libpq-dev"),
  library("CSQLite", pkgConfig: "sqlite3", apt: "libsqlite3-dev"),
  library("CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
  library("CExpat", pkgConfig: "expat", apt: "libexpat1-dev"),
  library("CODBC", pkgConfig: "odbc", apt: "unixodbc-dev"),
  .systemLibrary(name: "CLinux", path: "Sources/Platform/CLinux"),
  room("Platform", "Blocking", settings: memorySafe),
  room("Platform", "JSON"),
  room("Platform", "YAML", [yams]),
  room("Platform", "Files", ["CLinux"], settings: memorySafe),
  room("Platform", "XML", ["CExpat"], settings: memorySafe),
  room("Platform", "Telemetry"),
  room("Platform", "SQLite", ["Blocking", "CSQLite"], settings: memorySafe),
  room("Platform", "Postgres", ["Blocking", "CPostgres"], settings: memorySafe),
  room("Platform", "HTTP", ["Blocking", "CCurl"], settings: memorySafe),
  room("Platform", "ODBC", ["Blocking", "CODBC"], settings: memorySafe),
]

let embedded: [Target] = [
  .target(
    name: "Migrations", path: "migrations",
    resources: [.embedInCode("log"), .embedInCode("postgres"), .embedInCode("sqlite")], swiftSettings: strict),
  .target(
    name: "Manifests", path: "manifests", resources: [.embedInCode("applications")], swiftSettings: strict),
]

let pipeline: [Target] = [
  room("Pipeline", "Changes", ["JSON", crypto]),
  room("Pipeline", "Log", ["Changes", "JSON", "Migrations", "SQLite"]),
  room("Pipeline", "Polling", ["Changes", "JSON", crypto]),
  room("Pipeline", "Mapping", ["Changes", "JSON"]),
  room("Pipeline", "Reconcile", ["Changes", "JSON"]),
  room("Pipeline", "Capture", ["Changes", "Log", "Telemetry", logging, lifecycle]),
  room(
    "Pipeline", "Replay",
    ["Changes", "JSON", "Log", "Mapping", "Reconcile", "Telemetry", deque, algorithms, logging, lifecycle]),
  room("Pipeline", "Backfill", ["JSON", "Changes", "Log", "Telemetry", logging, lifecycle]),
  room(
    "Pipeline", "Verify",
    ["Changes", "JSON", "Log", "Mapping", "Reconcile", "Replay", "SQLite", "Telemetry", logging, lifecycle]),
]

let endpoints: [Target] = [
  room("Endpoints", "PostgresDatabase", ["Changes", "JSON", "Migrations", "Postgres"]),
  room(
    "Endpoints", "SQLiteDatabase", ["Blocking", "Changes", "JSON", "Migrations", "SQLite", "CLinux"],
    settings: memorySafe),
  room(
    "Endpoints", "Connectors",
    [
      "Blocking", "Changes", "Files", "JSON", "ODBC", "SQLite", "XML", "YAML", "HTTP", "Manifests", crypto,
      cryptoExtras,
    ]),
]

let service: [Target] = [
  room("Service", "Config", ["Changes", "JSON", "Mapping", "Reconcile", "YAML"]),
  room("Service", "Server", ["Changes", "JSON", "Log", "Telemetry", hummingbird, httpTypes, logging, lifecycle]),
  room("Service", "Sandbox", ["JSON", "HTTP", crypto, hummingbird, logging, lifecycle]),
  room(
    "Service", "Runtime",
    [
      "Backfill", "Capture", "Changes", "Config", "Connectors", "HTTP", "JSON", "Log", "Mapping", "Polling",
      "PostgresDatabase", "Reconcile", "Replay", "SQLiteDatabase", "Server", "Telemetry", "Verify", "YAML", logging,
      lifecycle, signals,
    ]),
  .executableTarget(
    name: "tidemark",
    dependencies: [
      "Changes", "Config", "Connectors", "HTTP", "JSON", "Log", "Mapping", "Postgres", "Reconcile", "Replay", "Runtime",
      "SQLite", "Sandbox", "Server", "Telemetry", "Verify", "YAML", argumentParser, logging, lifecycle, signals,
    ],
    path: "Sources/Service/tidemark", swiftSettings: strict),
]

let package = Package(
  name: "tidemark",
  products: [.executable(name: "tidemark", targets: ["tidemark"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-async-algorithms", from: "1.1.4"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: platform + embedded + pipeline + endpoints + service + [
    // Measures the built product from outside (scripts/bench). No product: nobody but us runs it.
    .executableTarget(
      name: "bench",
      dependencies: ["Changes", "HTTP", "JSON", "Mapping", "Postgres", "Reconcile", "SQLite", argumentParser],
      path: "Benchmarks",
      swiftSettings: strict),
    .target(
      name: "Support",
      dependencies: ["Changes", "JSON", "Log", "Postgres", "SQLite", "HTTP"],
      path: "Tests/Support", swiftSettings: strict),
    tests(
      "Platform", ["Blocking", "Files", "JSON", "YAML", "XML", "Telemetry", "SQLite", "Postgres", "HTTP", "Migrations"]),
    tests(
      "Pipeline",
      [
        "Changes", "Log", "Mapping", "Polling", "Reconcile", "Capture", "Replay", "Backfill", "Verify", "JSON",
        "SQLite", logging,
        lifecycle,
        "Telemetry",
      ]),
    tests(
      "Endpoints",
      [
        "Backfill", "Capture", "Changes", "JSON", "Log", "Mapping", "Polling", "PostgresDatabase", "SQLiteDatabase",
        "Connectors", "ODBC", "Postgres", "Reconcile", "Replay", "SQLite", "Telemetry", "HTTP", "XML", "YAML",
        "Sandbox", crypto, cryptoExtras, logging, lifecycle,
      ]),
    tests(
      "Service",
      [
        "Changes", "Config", "Mapping", "Reconcile", "Server", "Sandbox", "Runtime", "JSON", "HTTP", "Telemetry", "Log",
        "YAML", hummingbird, httpTypes, logging,
      ]),
    tests("System", ["JSON", "HTTP", "SQLite", "Postgres"]),
  ]
)
