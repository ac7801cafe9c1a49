import CIntrinsics
import Glibc

/// Processors this process may use: `SWIFTBN_NUM_THREADS`, else `OMP_NUM_THREADS`, else the affinity mask cut to the
/// control group's quota.
func defaultThreadCount() -> Int {
  for variable in ["SWIFTBN_NUM_THREADS", "OMP_NUM_THREADS"] {
    if let text = getenv(variable).map({ String(cString: $0) }), let count = threadSetting(text) {
      return min(count, ThreadPool.maximumThreads)
    }
  }
  var processors = max(1, Int(sbn_affinity_count()))
  if let quota = processorQuota() { processors = min(processors, quota) }
  return max(1, min(processors, ThreadPool.maximumThreads))
}

/// The number in a variable such as "4", or, one for each level of nesting, "4,2": the first counts. Nil, as if the
/// variable were not set, when that is no number above 0.
package func threadSetting(_ text: String) -> Int? {
  guard let first = text.split(separator: ",", omittingEmptySubsequences: false).first,
    let word = first.split(whereSeparator: \.isWhitespace).first, let count = Int(word), count > 0
  else { return nil }
  return count
}
