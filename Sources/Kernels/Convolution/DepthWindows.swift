import Parallel

/// Some channels of volumes [N, D, pixels, C] and the windows over D in which a three-dimensional convolution sees them:
/// windows [N, OD, pixels, KD, channels], which for the convolution over the pixels are images of KD · channels channels.
/// With a kernel of one plane they are the channels of one group, packed.
public struct DepthWindowsShape: Sendable {
  public var n, depth, pixels, channels, outDepth, kernelDepth, stride, dilation, padFront: Int
  /// The channels that are taken: `firstChannel` and those behind it.
  public var firstChannel, channelCount: Int

  public init(
    n: Int, depth: Int, pixels: Int, channels: Int, outDepth: Int, kernelDepth: Int, stride: Int, dilation: Int,
    padFront: Int, firstChannel: Int, channelCount: Int
  ) {
    (self.n, self.depth, self.pixels, self.channels) = (n, depth, pixels, channels)
    (self.outDepth, self.kernelDepth, self.stride, self.dilation) = (outDepth, kernelDepth, stride, dilation)
    (self.padFront, self.firstChannel, self.channelCount) = (padFront, firstChannel, channelCount)
  }
}

/// Pixels that one chunk copies.
private let chunkPixels = 2_048

/// windows[n, o, p, i, c] = x[n, o·s + i·d - pad, p, firstChannel + c], 0 outside of the volume.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func gatherDepthWindows<T: KernelScalar>(
  _ x: UnsafePointer<T>, _ windows: UnsafeMutablePointer<T>, _ shape: DepthWindowsShape
) {
  T.requireSpecialization()
  let parts = (shape.pixels &+ chunkPixels &- 1) / chunkPixels
  parallel(shape.n &* shape.outDepth &* parts, (x, windows, shape, parts)) { context, chunk in
    let (x, windows, s, parts) = context
    let (plane, part) = (chunk / parts, chunk % parts)
    let (image, o) = (plane / s.outDepth, plane % s.outDepth)
    let (first, last) = (part &* chunkPixels, min((part &+ 1) &* chunkPixels, s.pixels))
    let pitch = s.kernelDepth &* s.channelCount
    for i in 0..<s.kernelDepth {
      let d = o &* s.stride &+ i &* s.dilation &- s.padFront
      let to = windows + (plane &* s.pixels &* pitch &+ i &* s.channelCount)
      if d < 0 || d >= s.depth {
        for p in first..<last { (to + p &* pitch).update(repeating: 0, count: s.channelCount) }
        continue
      }
      let from = x + ((image &* s.depth &+ d) &* s.pixels &* s.channels &+ s.firstChannel)
      for p in first..<last { copyRun(from + p &* s.channels, to + p &* pitch, s.channelCount) }
    }
  }
}

/// The transposed map: x[n, d, p, firstChannel + c] = sum of the window elements that came from there. Other channels
/// of x are left alone.
@_specialize(where T == Float)
@_specialize(where T == Double)
public func addDepthWindows<T: KernelScalar>(
  _ windows: UnsafePointer<T>, _ x: UnsafeMutablePointer<T>, _ shape: DepthWindowsShape
) {
  T.requireSpecialization()
  let parts = (shape.pixels &+ chunkPixels &- 1) / chunkPixels
  parallel(shape.n &* shape.depth &* parts, (windows, x, shape, parts)) { context, chunk in
    let (windows, x, s, parts) = context
    let (plane, part) = (chunk / parts, chunk % parts)
    let (image, d) = (plane / s.depth, plane % s.depth)
    let (first, last) = (part &* chunkPixels, min((part &+ 1) &* chunkPixels, s.pixels))
    let pitch = s.kernelDepth &* s.channelCount
    let to = x + (plane &* s.pixels &* s.channels &+ s.firstChannel)
    var isFirst = true
    for i in 0..<s.kernelDepth {
      let from = d &+ s.padFront &- i &* s.dilation
      guard from >= 0, from % s.stride == 0, from / s.stride < s.outDepth else { continue }
      let plane = image &* s.outDepth &+ from / s.stride
      let source = windows + (plane &* s.pixels &* pitch &+ i &* s.channelCount)
      for p in first..<last {
        let (from, to) = (source + p &* pitch, to + p &* s.channels)
        if isFirst {
          copyRun(from, to, s.channelCount)
        } else {
          for c in 0..<s.channelCount { to[c] += from[c] }
        }
      }
      isFirst = false
    }
    if isFirst {
      for p in first..<last { (to + p &* s.channels).update(repeating: 0, count: s.channelCount) }
    }
  }
}

@inline(__always)
private func copyRun<T: KernelScalar>(_ from: UnsafePointer<T>, _ to: UnsafeMutablePointer<T>, _ count: Int) {
  // Short runs are cheaper in a loop than in a call.
  if count < T.Vector.scalarCount {
    for c in 0..<count { to[c] = from[c] }
  } else {
    UnsafeMutableRawPointer(to).copyMemory(from: from, byteCount: count &* MemoryLayout<T>.stride)
  }
}

/// Columns of a kernel [KD, taps, channels, C_out] as the kernel [taps, KD, channels, columns] that meets windows, or back.
public struct DepthKernelShape: Sendable {
  public var kernelDepth, taps, channels, outChannels, firstColumn, columns: Int

  public init(kernelDepth: Int, taps: Int, channels: Int, outChannels: Int, firstColumn: Int, columns: Int) {
    (self.kernelDepth, self.taps, self.channels) = (kernelDepth, taps, channels)
    (self.outChannels, self.firstColumn, self.columns) = (outChannels, firstColumn, columns)
  }

  @inline(__always)
  func forEachRow(_ body: (_ inKernel: Int, _ inWindows: Int) -> Void) {
    for i in 0..<kernelDepth {
      for tap in 0..<taps {
        for c in 0..<channels {
          body(
            ((i &* taps &+ tap) &* channels &+ c) &* outChannels &+ firstColumn,
            ((tap &* kernelDepth &+ i) &* channels &+ c) &* columns)
        }
      }
    }
  }
}

@_specialize(where T == Float)
@_specialize(where T == Double)
public func gatherDepthKernel<T: KernelScalar>(
  _ w: UnsafePointer<T>, _ packed: UnsafeMutablePointer<T>, _ shape: DepthKernelShape
) {
  T.requireSpecialization()
  shape.forEachRow { copyRun(w + $0, packed + $1, shape.columns) }
}

@_specialize(where T == Float)
@_specialize(where T == Double)
public func scatterDepthKernel<T: KernelScalar>(
  _ packed: UnsafePointer<T>, _ w: UnsafeMutablePointer<T>, _ shape: DepthKernelShape
) {
  T.requireSpecialization()
  shape.forEachRow { copyRun(packed + $1, w + $0, shape.columns) }
}
