import Glibc
import Parallel
import Testing

/// Files of a pretended machine below a directory of their own.
private final class Files {
  let root: String
  private var paths: [String] = []

  init(_ files: [String: String]) {
    var template = Array("/tmp/swiftbn.XXXXXX".utf8CString)
    root = String(cString: mkdtemp(&template))
    for (path, text) in files {
      let parts = path.split(separator: "/")
      for end in 1..<parts.count { make(parts[..<end].joined(separator: "/")) { mkdir($0, 0o700) } }
      make(parts.joined(separator: "/")) { name in
        let file = fopen(name, "w")
        fputs(text, file)
        return fclose(file)
      }
    }
  }

  private func make(_ path: String, _ body: (String) -> Int32) {
    if body("\(root)/\(path)") == 0 { paths.append("\(root)/\(path)") }
  }

  deinit { for path in paths.reversed() + [root] { remove(path) } }
}

private let version2 = "31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
private let version1 = """
  31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
  33 31 0:30 / /sys/fs/cgroup/cpuset rw shared:3 - cgroup cgroup rw,cpuset
  32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:3 master:4 - cgroup cgroup rw,cpu,cpuacct

  """

@Suite struct ThreadCountTests {
  private func quota(groups: String, mounts: String, _ limits: [String: String]) -> Int? {
    var files = limits
    files["proc/self/cgroup"] = groups
    files["proc/self/mountinfo"] = mounts
    let machine = Files(files)
    return withExtendedLifetime(machine) { processorQuota(root: machine.root) }
  }

  @Test(arguments: [
    ("4", 4), (" 4 ", 4), ("3,2,1", 3), ("3 , 2", 3), ("", nil), ("0", nil), ("-2", nil), (",4", nil), ("four", nil),
    ("2.5", nil), ("99999999999999999999", nil),
  ])
  func settings(text: String, count: Int?) {
    #expect(threadSetting(text) == count)
  }

  @Test(arguments: [
    ("200000 100000\n", 2), ("150000 100000\n", 2), ("1000 100000\n", 1), ("max 100000\n", nil), ("", nil), ("2", nil),
    ("100000 0\n", nil), ("-1 100000\n", nil), ("9223372036854775807 2\n", 1 << 62),
  ])
  func quotasOfVersion2(text: String, count: Int?) {
    let found = quota(groups: "0::/\n", mounts: version2, ["sys/fs/cgroup/cpu.max": text])
    #expect(found == count)
  }

  @Test func theOwnGroupAndThoseAroundIt() {
    let limits = [
      "sys/fs/cgroup/a/b/cpu.max": "max 100000\n", "sys/fs/cgroup/a/cpu.max": "300000 100000\n",
      "sys/fs/cgroup/other/cpu.max": "100000 100000\n", "sys/fs/cgroup/a/b/c/cpu.max": "100000 100000\n",
    ]
    #expect(quota(groups: "0::/a/b\n", mounts: version2, limits) == 3)
    #expect(quota(groups: "0::/a/b/c\n", mounts: version2, limits) == 1)
    #expect(quota(groups: "0::/elsewhere\n", mounts: version2, limits) == nil)
  }

  /// Without a name space of its own, a container sees its group's full path, but only its part of the hierarchy.
  @Test func containers() {
    let mounts = "31 23 0:28 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n"
    let limits = ["sys/fs/cgroup/cpu.max": "200000 100000\n", "sys/fs/cgroup/sub/cpu.max": "100000 100000\n"]
    #expect(quota(groups: "0::/docker/abc\n", mounts: mounts, limits) == 2)
    #expect(quota(groups: "0::/docker/abc/sub\n", mounts: mounts, limits) == 1)
    #expect(quota(groups: "0::/docker/abcd\n", mounts: mounts, limits) == 2)
    #expect(quota(groups: "0::/../../other\n", mounts: version2, limits) == 2)
  }

  @Test(arguments: [("250000", "100000", 3), ("-1", "100000", nil), ("100000", "", nil), ("50000", "100000", 1)])
  func quotasOfVersion1(quota text: String, period: String, count: Int?) {
    let directory = "sys/fs/cgroup/cpu,cpuacct/jobs"
    let found = quota(
      groups: "5:cpuset:/\n4:cpuacct,cpu:/jobs\n1:name=systemd:/x\n0::/\n", mounts: version1,
      ["\(directory)/cpu.cfs_quota_us": text + "\n", "\(directory)/cpu.cfs_period_us": period + "\n"])
    #expect(found == count)
  }

  @Test func nothingToRead() {
    #expect(processorQuota(root: "/nowhere") == nil)
    #expect(quota(groups: "", mounts: "", [:]) == nil)
    #expect(quota(groups: "garbage\n0::\n", mounts: "more garbage\n - \n", [:]) == nil)
  }
}
