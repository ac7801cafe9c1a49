import Graph
import Kernels
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

  /// Whether 3×3 convolutions may use Winograd's algorithm. Kernels look when they run, not when they are lowered.
  public static var isWinogradEnabled: Bool {
    get { Kernels.isWinogradEnabled }
    set { Kernels.isWinogradEnabled = newValue }
  }

  public static var operationNames: [String] { Graph.operationNames }
}
