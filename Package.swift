// swift-tools-version: 6.2
import PackageDescription

// Set by setup.py and the Makefile; plain `swift build` and `swift test` work without any of them.
let environment = Context.environment
/// Instruction-set level of the whole library: v2, v3 or v4 of x86-64.
let isaLevel = environment["SWIFTBN_ISA_LEVEL"] ?? "v3"
/// Directory of Python.h; without it the Python module is left out.
let pythonInclude = environment["SWIFTBN_PYTHON_INCLUDE"]
/// "1" links the Swift runtime statically and exports the C ABI only.
let isDistribution = environment["SWIFTBN_DISTRIBUTION"] == "1"

let isaFlags = [
  "-Xcc", "-march=x86-64-\(isaLevel)", "-Xcc", "-mprefer-vector-width=512",
  "-Xcc", "-fno-math-errno",
  // So that the linker can leave out what nothing calls.
  "-Xfrontend", "-function-sections",
]
let common: [SwiftSetting] = [
  .unsafeFlags(isaFlags + ["-wmo"]), .define("SWIFTBN_\(isaLevel.uppercased())"),
]
let kernel: [SwiftSetting] = [
  .unsafeFlags(isaFlags + ["-wmo", "-Ounchecked", "-disable-cmo"]),
  .define("SWIFTBN_\(isaLevel.uppercased())"),
]
let distributionLink: [LinkerSetting] =
  isDistribution
  ? [
    .unsafeFlags([
      "-static-stdlib", "-Xlinker", "-s",
      "-Xlinker", "--version-script=\(Context.packageDirectory)/Sources/CSwiftBN/exports.map",
    ])
  ] : []

var products: [Product] = [
  .library(name: "swiftbn", type: .dynamic, targets: ["SwiftBN"])
]
var targets: [Target] = [
  .target(name: "CSwiftBN", exclude: ["exports.map"]),
  .target(name: "CIntrinsics"),
  .target(name: "Tensor", swiftSettings: common),
  .target(name: "Parallel", dependencies: ["CIntrinsics"], swiftSettings: common),
  .target(name: "Kernels", dependencies: ["Parallel", "CIntrinsics"], swiftSettings: kernel),
  .target(name: "Graph", dependencies: ["Tensor"], swiftSettings: common),
  .target(name: "Compiler", dependencies: ["Graph", "Kernels", "Parallel", "Tensor"], swiftSettings: common),
  .target(
    name: "Runtime", dependencies: ["Compiler", "Kernels", "Parallel", "Tensor"],
    swiftSettings: common),
  .target(
    name: "SwiftBN", dependencies: ["Runtime", "Graph", "CSwiftBN"], swiftSettings: common,
    linkerSettings: distributionLink),
]

if let pythonInclude {
  products.append(
    .library(name: "swiftbn_native", type: .dynamic, targets: ["SwiftBN", "PythonModule"]))
  targets += [
    .systemLibrary(name: "CPython"),
    .target(
      name: "PythonModule", dependencies: ["Runtime", "Graph", "CPython", "SwiftBN"],
      swiftSettings: common + [.unsafeFlags(["-Xcc", "-I\(pythonInclude)"])],
      linkerSettings: distributionLink),
  ]
}

targets += [
  .testTarget(name: "TensorTests", dependencies: ["Tensor"]),
  .testTarget(name: "ParallelTests", dependencies: ["Parallel", "CIntrinsics"]),
  .testTarget(name: "KernelsTests", dependencies: ["Kernels", "Parallel"], swiftSettings: common),
  .testTarget(name: "GraphTests", dependencies: ["Graph", "Tensor"]),
  .testTarget(name: "CompilerTests", dependencies: ["Compiler", "Graph", "Tensor"]),
  .testTarget(name: "RuntimeTests", dependencies: ["Runtime", "Compiler", "Graph", "Tensor"]),
]

let package = Package(
  name: "swiftbn", products: products, targets: targets, swiftLanguageModes: [.v5])
