import Graph
import Parallel

/// What the library is and how it runs.
public enum Configuration {
  public static let version = "0.1.0"

  /// The level of x86-64 that this library was compiled for.
  public static var isaLevel: String {
    #if SWIFTBN_V4
      "v4"
    #elseif SWIFTBN_V3
      "v3"
    #else
      "v2"
    #endif
  }

  /// Threads that one call may use, the caller's included.
  public static var threadCount: Int {
    get { Parallel.threadCount }
    set { Parallel.threadCount = newValue }
  }

  public static var operationNames: [String] { Graph.operationNames }
}
