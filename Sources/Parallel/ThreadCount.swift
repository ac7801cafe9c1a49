import CIntrinsics
import Glibc

/// Processors this process may use: `SWIFTBN_NUM_THREADS`, else `OMP_NUM_THREADS`, else the affinity mask cut to the
/// control group's quota.
func defaultThreadCount() -> Int {
  for variable in ["SWIFTBN_NUM_THREADS", "OMP_NUM_THREADS"] {
    // OMP_NUM_THREADS may be a list, one number per nesting level: the first counts.
    if let text = getenv(variable).map({ String(cString: $0) }),
      let first = text.split(separator: ",").first, let count = Int(first), count > 0
    {
      return min(count, ThreadPool.maximumThreads)
    }
  }
  var processors = max(1, Int(sbn_affinity_count()))
  if let quota = controlGroupQuota() { processors = min(processors, quota) }
  return max(1, min(processors, ThreadPool.maximumThreads))
}

/// Whole processors granted by `cpu.max` of control groups version 2, rounded up; nil when unlimited or unreadable.
private func controlGroupQuota() -> Int? {
  let descriptor = open("/sys/fs/cgroup/cpu.max", O_RDONLY)
  guard descriptor >= 0 else { return nil }
  defer { close(descriptor) }
  var bytes = [UInt8](repeating: 0, count: 64)
  let length = read(descriptor, &bytes, bytes.count)
  guard length > 0 else { return nil }
  let fields = String(decoding: bytes[..<length], as: UTF8.self).split(whereSeparator: \.isWhitespace)
  guard fields.count == 2, let quota = Int(fields[0]), let period = Int(fields[1]), period > 0 else {
    return nil
  }
  return max(1, (quota + period - 1) / period)
}
