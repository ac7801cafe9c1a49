import Glibc

/// Whole processors, rounded up, that the control groups of this process grant: the least quota of its own group and of
/// those around it. Nil when there is none, or it cannot be read.
///
/// - Parameter root: stands before the paths of all files, for tests.
package func processorQuota(root: String = "") -> Int? {
  guard let groups = contents(root + "/proc/self/cgroup"), let mounts = contents(root + "/proc/self/mountinfo") else {
    return nil
  }
  var least: Int?
  for group in ControlGroup.all(groups, mounts) {
    var path = group.path
    while true {
      if let quota = group.quota(root + group.mount + path) { least = min(least ?? quota, quota) }
      guard let slash = path.lastIndex(of: "/") else { break }
      path = String(path[..<slash])
    }
  }
  return least
}

/// A place in a hierarchy that may limit processors: version 2's only one, or version 1's of the controller "cpu".
private struct ControlGroup {
  let isVersion2: Bool
  /// Where the hierarchy is mounted, and the group's place below it: "" or "/a/b".
  let mount: String
  let path: String

  /// - Parameters:
  ///   - groups: /proc/self/cgroup, lines of "number:controllers:path".
  ///   - mounts: /proc/self/mountinfo.
  static func all(_ groups: String, _ mounts: String) -> [ControlGroup] {
    let mounted = mounts.split(separator: "\n").compactMap { Mount($0) }
    return groups.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard fields.count == 3 else { return nil }
      let isVersion2 = fields[0] == "0" && fields[1].isEmpty
      guard isVersion2 || fields[1].split(separator: ",").contains("cpu"),
        let mount = mounted.first(where: { isVersion2 ? $0.isVersion2 : $0.isVersion1 })
      else { return nil }
      return ControlGroup(isVersion2: isVersion2, mount: mount.directory, path: mount.place(of: String(fields[2])))
    }
  }

  /// Processors granted by the group in this directory alone.
  func quota(_ directory: String) -> Int? {
    if isVersion2 {
      // "max 100000" or "150000 100000": microseconds in each period.
      let fields = contents(directory + "/cpu.max")?.split(whereSeparator: \.isWhitespace) ?? []
      return fields.count == 2 ? processors(Int(fields[0]), Int(fields[1])) : nil
    }
    func number(_ file: String) -> Int? {
      contents(directory + file)?.split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) }
    }
    return processors(number("/cpu.cfs_quota_us"), number("/cpu.cfs_period_us"))
  }

  /// Version 1 says -1 for no limit.
  private func processors(_ quota: Int?, _ period: Int?) -> Int? {
    guard let quota, let period, quota > 0, period > 0 else { return nil }
    return quota / period + (quota % period == 0 ? 0 : 1)
  }
}

/// A line of mountinfo that mounts a hierarchy of control groups:
/// "36 35 0:30 /root /sys/fs/cgroup/cpu rw shared:1 - cgroup cgroup rw,cpu".
private struct Mount {
  let directory: String
  let isVersion2: Bool
  let isVersion1: Bool
  /// The group that is seen at the directory: containers see only a part.
  private let top: String

  init?(_ line: Substring) {
    let fields = line.split(separator: " ")
    guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count > dash + 3 else { return nil }
    isVersion2 = fields[dash + 1] == "cgroup2"
    isVersion1 = fields[dash + 1] == "cgroup" && fields[dash + 3].split(separator: ",").contains("cpu")
    guard isVersion2 || isVersion1 else { return nil }
    top = fields[3] == "/" ? "" : String(fields[3])
    directory = String(fields[4])
  }

  /// A group's path below the directory. "" for one outside of what is mounted: what is seen there still holds for it.
  func place(of group: String) -> String {
    guard group.hasPrefix(top + "/"), !group.split(separator: "/").contains("..") else { return "" }
    return group == "/" ? "" : String(group.dropFirst(top.utf8.count))
  }
}

private func contents(_ path: String) -> String? {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return nil }
  defer { close(descriptor) }
  var bytes: [UInt8] = []
  var piece = [UInt8](repeating: 0, count: 4096)
  while true {
    let length = read(descriptor, &piece, piece.count)
    guard length >= 0 else { return nil }
    if length == 0 { return String(decoding: bytes, as: UTF8.self) }
    bytes += piece[..<length]
  }
}
