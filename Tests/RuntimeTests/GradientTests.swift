import Graph
import Runtime
import Tensor
import Testing

/// Every gradient rule against central differences in Double.
struct GradientTests {
  @Test(arguments: [
    "negative", "abs", "square", "sqrt", "rsqrt", "reciprocal", "exp", "expm1", "log", "log1p", "tanh", "sigmoid",
    "relu", "softplus", "silu", "mish", "gelu", "gelu_tanh", "erf", "sin", "cos", "arctan",
  ])
  func unary(name: String) throws {
    let isPositive = ["sqrt", "rsqrt", "reciprocal", "log", "log1p"].contains(name)
    let x = Reference([3, 7], seed: 5, in: isPositive ? 0.2...2 : -2...2)
    for unknownBatch in [false, true] {
      try checkGradients(name, [x], unknownBatch: unknownBatch) { try $0.add(name, $1, [:])[0] }
    }
  }

  @Test(arguments: ["sign", "floor", "ceil", "round"])
  func stepFunctionsHaveNone(name: String) throws {
    let graph = Graph()
    let x = try graph.input("x", TensorType(.float64, [3]))
    let y = try graph.add("sum", graph.add(name, [x], [:]), [:])
    #expect(try graph.gradients(of: y, seeds: nil, for: [x])[0] == nil)
  }

  @Test func leakyReluAndClip() throws {
    let x = Reference([4, 5], seed: 9, in: -2...2)
    try checkGradients("leaky_relu", [x]) { try $0.add("leaky_relu", $1, ["negative_slope": .double(0.3)])[0] }
    try checkGradients("clip", [x]) {
      try $0.add("clip", $1, ["minimum": .double(-0.711), "maximum": .double(0.913)])[0]
    }
  }

  @Test(arguments: ["add", "subtract", "multiply", "divide", "power", "maximum", "minimum"])
  func binary(name: String) throws {
    for (a, b) in [([3, 4], [3, 4]), ([3, 4], [4]), ([3, 1], [1, 4]), ([2, 3, 4], [3, 1]), ([2, 3], [])] {
      let x = Reference(a, seed: 3, in: 0.3...2)
      let y = Reference(b, seed: 4, in: 0.4...2.5)
      try checkGradients("\(name) \(a) \(b)", [x, y]) { try $0.add(name, $1, [:])[0] }
      try checkGradients("\(name) \(b) \(a)", [y, x]) { try $0.add(name, $1, [:])[0] }
    }
    let (x, y) = (Reference([3, 4], seed: 3, in: 0.3...2), Reference([3, 1], seed: 4, in: 0.4...2.5))
    try checkGradients("\(name) unknown", [x, y], unknownBatch: true) { try $0.add(name, $1, [:])[0] }
  }

  @Test func whereSelects() throws {
    let (x, y) = (Reference([3, 4], seed: 3), Reference([4], seed: 8))
    try checkGradients("where", [x, y]) {
      try $0.add("where", [$0.add("greater", $1, [:])[0]] + $1, [:])[0]
    }
  }

  @Test(arguments: ["sum", "mean", "max", "min", "prod"])
  func reductions(name: String) throws {
    let x = Reference([3, 4, 5], seed: 11, in: 0.5...1.5)
    let cases: [[Int]?] = [nil, [0], [1], [2], [0, 1], [1, 2], [0, 2], [-1], []]
    for axes in cases {
      for keepsDims in [false, true] {
        var attributes: [String: AttributeValue] = ["keepdims": .bool(keepsDims)]
        if let axes { attributes["axes"] = .ints(axes) }
        try checkGradients("\(name) \(axes ?? []) \(keepsDims)", [x], unknownBatch: keepsDims) {
          try $0.add(name, $1, attributes)[0]
        }
      }
    }
  }

  @Test func shapeOperations() throws {
    let x = Reference([2, 3, 4], seed: 21)
    let cases: [(String, [String: AttributeValue])] = [
      ("reshape", ["shape": .ints([4, -1])]), ("expand_dims", ["axis": .int(1)]), ("flatten", [:]),
      ("transpose", ["axes": .ints([2, 0, 1])]), ("transpose", ["axes": .ints([1, 0, 2])]),
      ("broadcast_to", ["shape": .ints([5, 2, 3, 4])]), ("flip", ["axes": .ints([0, 2])]),
      ("pad", ["before": .ints([1, 0, 2]), "after": .ints([0, 3, 1]), "value": .double(7)]),
      ("slice", ["begin": .ints([0, 1, 0]), "end": .ints([2, 3, 4]), "strides": .ints([1, 1, 2])]),
      ("slice", ["begin": .ints([1, 2, 3]), "end": .ints([-(1 << 62), 0, -1]), "strides": .ints([-1, -2, -1])]),
      ("identity", [:]), ("cast", ["dtype": .string("float64")]),
    ]
    for (name, attributes) in cases {
      try checkGradients(name, [x]) { try $0.add(name, $1, attributes)[0] }
    }
    try checkGradients("squeeze", [Reference([3, 1, 2], seed: 2)]) {
      try $0.add("squeeze", $1, ["axes": .ints([1])])[0]
    }
    for axis in 0..<3 {
      var other = [2, 3, 4]
      other[axis] = 5
      try checkGradients("concatenate \(axis)", [x, Reference(other, seed: 33), x]) {
        try $0.add("concatenate", $1, ["axis": .int(axis)])[0]
      }
    }
  }

  @Test func take() throws {
    for axis in 0..<2 {
      try checkGradients("take \(axis)", [Reference([4, 5], seed: 7)]) { graph, inputs in
        let rows: [Int64] = [3, 0, 3, 1, 1]
        let indices = try rows.withUnsafeBytes { try graph.constant(TensorType(.int64, [5]), $0) }
        return try graph.add("take", [inputs[0], indices], ["axis": .int(axis)])[0]
      }
    }
  }

  @Test func matmul() throws {
    for (transposeA, transposeB) in [(false, false), (true, false), (false, true), (true, true)] {
      let a = transposeA ? [4, 3] : [3, 4]
      let b = transposeB ? [5, 4] : [4, 5]
      let attributes: [String: AttributeValue] = ["transpose_a": .bool(transposeA), "transpose_b": .bool(transposeB)]
      for (leadA, leadB) in [([], []), ([2], [2]), ([2], []), ([], [2]), ([2, 1], [1, 3])] as [([Int], [Int])] {
        try checkGradients(
          "matmul \(leadA + a) \(leadB + b)", [Reference(leadA + a, seed: 1), Reference(leadB + b, seed: 2)]
        ) { try $0.add("matmul", $1, attributes)[0] }
      }
    }
  }

  @Test(arguments: ["valid", "same"])
  func convolution(padding: String) throws {
    for (strides, dilation, kernel, channels) in [
      ([1, 1], [1, 1], [3, 3], (2, 3)), ([2, 1], [1, 1], [3, 2], (1, 4)), ([1, 1], [2, 1], [2, 3], (3, 1)),
      ([2, 2], [1, 1], [1, 1], (2, 2)), ([3, 2], [1, 2], [2, 2], (1, 2)),
    ] {
      let attributes: [String: AttributeValue] = [
        "strides": .ints(strides), "dilation": .ints(dilation), "padding": .string(padding),
      ]
      let x = Reference([2, 6, 5, channels.0], seed: 41)
      let w = Reference(kernel + [channels.0, channels.1], seed: 42)
      try checkGradients("conv2d \(strides) \(dilation) \(kernel)", [x, w], unknownBatch: false) {
        try $0.add("conv2d", $1, attributes)[0]
      }
    }
  }

  @Test(arguments: ["valid", "same"])
  func groupedConvolution(padding: String) throws {
    for (strides, dilation, kernel, channels, groups) in [
      ([1, 1], [1, 1], [3, 3], (4, 4), 4), ([2, 1], [1, 1], [3, 2], (2, 6), 2), ([1, 1], [2, 1], [2, 3], (4, 6), 2),
      ([2, 2], [1, 1], [3, 3], (3, 6), 3),
    ] {
      let attributes: [String: AttributeValue] = [
        "strides": .ints(strides), "dilation": .ints(dilation), "padding": .string(padding), "groups": .int(groups),
      ]
      let x = Reference([2, 6, 5, channels.0], seed: 43)
      let w = Reference(kernel + [channels.0 / groups, channels.1], seed: 44)
      try checkGradients("conv2d \(strides) \(dilation) \(kernel) \(groups)", [x, w]) {
        try $0.add("conv2d", $1, attributes)[0]
      }
    }
  }

  @Test func convolutionWithPads() throws {
    let attributes: [String: AttributeValue] = ["padding": .string("explicit"), "pads": .ints([2, 0, 1, 3])]
    try checkGradients("conv2d pads", [Reference([1, 4, 5, 2], seed: 45), Reference([2, 3, 2, 2], seed: 46)]) {
      try $0.add("conv2d", $1, attributes)[0]
    }
  }

  @Test(arguments: ["valid", "same"])
  func convolutionOfVolumes(padding: String) throws {
    for (strides, dilation, kernel, channels, groups) in [
      ([1, 1, 1], [1, 1, 1], [2, 2, 2], (2, 2), 1), ([2, 1, 2], [1, 1, 1], [3, 1, 2], (2, 4), 2),
      ([1, 1, 1], [2, 1, 1], [2, 2, 1], (1, 2), 1), ([1, 1, 1], [1, 1, 1], [1, 1, 1], (2, 3), 1),
    ] {
      let attributes: [String: AttributeValue] = [
        "strides": .ints(strides), "dilation": .ints(dilation), "padding": .string(padding), "groups": .int(groups),
      ]
      let x = Reference([2, 4, 3, 4, channels.0], seed: 47)
      let w = Reference(kernel + [channels.0 / groups, channels.1], seed: 48)
      try checkGradients("conv3d \(strides) \(dilation) \(kernel) \(groups)", [x, w]) {
        try $0.add("conv3d", $1, attributes)[0]
      }
    }
  }

  @Test(arguments: ["valid", "same"])
  func transposedConvolution(padding: String) throws {
    for (strides, dilation, kernel, output) in [
      ([1, 1], [1, 1], [3, 3], nil), ([2, 3], [1, 1], [2, 2], nil), ([2, 2], [1, 1], [3, 4], [1, 0]),
      ([1, 1], [2, 1], [2, 3], nil), ([3, 2], [1, 1], [1, 3], nil),
    ] as [([Int], [Int], [Int], [Int]?)] {
      var attributes: [String: AttributeValue] = [
        "strides": .ints(strides), "dilation": .ints(dilation), "padding": .string(padding),
      ]
      if let output { attributes["output_padding"] = .ints(output) }
      let x = Reference([2, 3, 4, 2], seed: 49)
      let w = Reference(kernel + [3, 2], seed: 50)
      try checkGradients("conv2d_transpose \(strides) \(dilation) \(kernel)", [x, w]) {
        try $0.add("conv2d_transpose", $1, attributes)[0]
      }
    }
    let volumes = [Reference([1, 2, 3, 2, 2], seed: 51), Reference([2, 3, 2, 3, 2], seed: 52)]
    try checkGradients("conv3d_transpose", volumes) {
      try $0.add("conv3d_transpose", $1, ["strides": .ints([2, 1, 3]), "padding": .string(padding)])[0]
    }
  }

  @Test(arguments: ["max_pool3d", "avg_pool3d"])
  func poolingOfVolumes(name: String) throws {
    for (size, strides) in [([2, 2, 2], [2, 2, 2]), ([3, 1, 2], [1, 2, 2])] {
      for padding in ["valid", "same"] {
        let attributes: [String: AttributeValue] = [
          "pool_size": .ints(size), "strides": .ints(strides), "padding": .string(padding),
        ]
        try checkGradients("\(name) \(size) \(padding)", [Reference([2, 5, 4, 3, 2], seed: 53)], tolerance: 1e-5) {
          try $0.add(name, $1, attributes)[0]
        }
      }
    }
  }

  @Test(arguments: ["max_pool2d", "avg_pool2d"])
  func pooling(name: String) throws {
    for (size, strides) in [([2, 2], [2, 2]), ([3, 2], [1, 2]), ([2, 3], [3, 1])] {
      for padding in ["valid", "same"] {
        try checkGradients(
          "\(name) \(size) \(strides) \(padding)", [Reference([2, 5, 6, 3], seed: 51)], tolerance: 1e-5
        ) {
          try $0.add(
            name, $1,
            ["pool_size": .ints(size), "strides": .ints(strides), "padding": .string(padding)])[0]
        }
      }
    }
  }

  @Test func softmaxFamily() throws {
    let x = Reference([3, 4, 5], seed: 61, in: -2...2)
    for axis in [-1, 1, 0] {
      for name in ["softmax", "log_softmax"] {
        try checkGradients("\(name) \(axis)", [x]) { try $0.add(name, $1, ["axis": .int(axis)])[0] }
      }
    }
    let targets = Reference([3, 4, 5], seed: 62, in: 0.1...1)
    try checkGradients("softmax_cross_entropy", [x, targets]) { try $0.add("softmax_cross_entropy", $1, [:])[0] }
    try checkGradients("sparse_softmax_cross_entropy", [Reference([4, 6], seed: 63, in: -2...2)]) { graph, inputs in
      let labels: [Int32] = [5, 0, 2, 2]
      let constant = try labels.withUnsafeBytes { try graph.constant(TensorType(.int32, [4]), $0) }
      return try graph.add("sparse_softmax_cross_entropy", [inputs[0], constant], [:])[0]
    }
  }

  @Test func batchNorm() throws {
    for (shape, axis) in [([6, 3], -1), ([4, 3, 5], 1), ([3, 4, 2, 5], -1), ([5, 2, 3], 0)] {
      let channels = shape[axis < 0 ? axis + shape.count : axis]
      for (scale, center) in [(true, true), (true, false), (false, true), (false, false)] {
        let attributes: [String: AttributeValue] = [
          "axis": .int(axis), "epsilon": .double(1e-3), "scale": .bool(scale), "center": .bool(center),
        ]
        var inputs = [Reference(shape, seed: 71)]
        if scale { inputs.append(Reference([channels], seed: 72)) }
        if center { inputs.append(Reference([channels], seed: 73)) }
        for output in 0..<4 {
          // The statistics do not depend on gamma and beta.
          let checking = output == 0 ? nil : [0]
          try checkGradients(
            "batch_norm \(shape) \(axis) output \(output)", inputs, checking: checking, tolerance: 1e-5
          ) { try $0.add("batch_norm", $1, attributes)[output] }
        }
        let statistics = [Reference([channels], seed: 74), Reference([channels], seed: 75, in: 0.5...2)]
        try checkGradients(
          "batch_norm_inference \(shape) \(axis)", inputs + statistics
        ) { try $0.add("batch_norm_inference", $1, attributes)[0] }
      }
    }
  }

  @Test func dropoutUsesItsMask() throws {
    try checkGradients("dropout", [Reference([4, 9], seed: 81)]) { graph, inputs in
      let words: [UInt32] = [7, 1]
      let state = try words.withUnsafeBytes { try graph.constant(TensorType(.uint32, [2]), $0) }
      return try graph.add("dropout", [inputs[0], state], ["rate": .double(0.4)])[0]
    }
  }

  /// The gradient of a gradient, for rules made of differentiable operations.
  @Test(arguments: [
    "tanh", "sigmoid", "exp", "square", "silu", "mish", "gelu", "gelu_tanh", "softplus", "softmax", "sqrt", "sin",
  ])
  func secondOrder(name: String) throws {
    try checkGradients("\(name) twice", [Reference([3, 4], seed: 91, in: 0.3...1.5)], tolerance: 1e-5) { graph, x in
      let y = try graph.add("square", graph.add(name, x, [:]), [:])
      let first = try graph.gradients(of: [graph.add("sum", y, [:])[0]], seeds: nil, for: x)
      return try #require(first[0])
    }
  }

  @Test func secondOrderOfConvolution() throws {
    for (name, x, w, attributes) in [
      ("conv2d", [1, 4, 4, 2], [2, 2, 2, 3], [:]),
      ("conv2d", [1, 4, 5, 4], [3, 3, 1, 4], ["groups": .int(4), "padding": .string("same")]),
      ("conv2d", [1, 4, 4, 4], [2, 2, 2, 2], ["groups": .int(2)]),
      ("conv3d", [1, 3, 2, 3, 2], [2, 2, 2, 2, 2], [:]),
      ("conv2d_transpose", [1, 2, 3, 2], [2, 3, 2, 2], ["strides": .ints([2, 1])]),
    ] as [(String, [Int], [Int], [String: AttributeValue])] {
      let inputs = [Reference(x, seed: 92), Reference(w, seed: 93)]
      try checkGradients("\(name) \(attributes) twice", inputs, tolerance: 1e-5) { graph, inputs in
        let y = try graph.add("square", graph.add(name, inputs, attributes), [:])
        let first = try graph.gradients(of: [graph.add("sum", y, [:])[0]], seeds: nil, for: inputs)
        let flat = try first.map { try graph.add("sum", graph.add("square", [try #require($0)], [:]), [:])[0] }
        return try graph.add("add", flat, [:])[0]
      }
    }
  }

  @Test func anUnreachedSourceHasNoGradient() throws {
    let graph = Graph()
    let x = try graph.input("x", TensorType(.float64, [3]))
    let z = try graph.input("z", TensorType(.float64, [3]))
    let y = try graph.add("sum", graph.add("exp", [x], [:]), [:])
    #expect(try graph.gradients(of: y, seeds: nil, for: [z])[0] == nil)
    let stopped = try graph.add("sum", graph.add("stop_gradient", [x], [:]), [:])
    #expect(try graph.gradients(of: stopped, seeds: nil, for: [x])[0] == nil)
  }
}
