// swift-format-ignore-file: AlwaysUseLowerCamelCase
// The names are those of swiftbn.h.
import CSwiftBN
import Graph
import Runtime
import Tensor

@c @implementation
public func swiftbn_program_create(
  _ graph: OpaquePointer!, _ outputs: UnsafePointer<swiftbn_value>!, _ output_count: Int,
  _ program: UnsafeMutablePointer<OpaquePointer?>!
) -> swiftbn_status {
  guarded {
    let program = try required(program, "swiftbn_program_create: program")
    let graph = try object(graph, Graph.self, "swiftbn_program_create: graph")
    let outputs = try values(outputs, output_count, "swiftbn_program_create: outputs")
    program.pointee = handle(try Program(graph, outputs: outputs))
  }
}

@c @implementation
public func swiftbn_program_destroy(_ program: OpaquePointer!) { release(program, Program.self) }

@c @implementation
public func swiftbn_program_output_type(
  _ program: OpaquePointer!, _ inputs: UnsafePointer<swiftbn_tensor>!, _ input_count: Int, _ row_count: Int64,
  _ output: Int, _ dtype: UnsafeMutablePointer<swiftbn_dtype>!, _ rank: UnsafeMutablePointer<Int32>!,
  _ shape: UnsafeMutablePointer<Int64>!
) -> swiftbn_status {
  guarded {
    let program = try object(program, Program.self, "swiftbn_program_output_type: program")
    guard row_count >= Int64(SWIFTBN_ALL_ROWS) else {
      throw Failure.value("swiftbn_program_output_type: row_count is \(row_count), expected 0 or more")
    }
    let types = try buffers(inputs, input_count, "inputs", needsData: false).withUnsafeBufferPointer {
      try program.prepare($0, rows: row_count == Int64(SWIFTBN_ALL_ROWS) ? nil : Int(row_count))
    }
    guard types.indices.contains(output) else {
      throw Failure.index(
        "swiftbn_program_output_type: output is \(UInt(bitPattern: output)), expected 0..<\(types.count)")
    }
    try store(types[output], dtype, rank, shape)
  }
}

@c @implementation
public func swiftbn_program_run(
  _ program: OpaquePointer!, _ inputs: UnsafePointer<swiftbn_tensor>!, _ input_count: Int,
  _ rows: UnsafePointer<Int64>!, _ row_count: Int64, _ outputs: UnsafePointer<swiftbn_tensor>!, _ output_count: Int
) -> swiftbn_status {
  guarded {
    let program = try object(program, Program.self, "swiftbn_program_run: program")
    guard rows == nil || row_count >= 0 else {
      throw Failure.value("swiftbn_program_run: row_count is \(row_count), expected 0 or more")
    }
    let indices = rows.map { UnsafeBufferPointer(start: $0, count: Int(row_count)) }
    let (inputs, outputs) = (
      try buffers(inputs, input_count, "inputs"), try buffers(outputs, output_count, "outputs")
    )
    try inputs.withUnsafeBufferPointer { inputs in
      let types = try program.prepare(inputs, rows: indices?.count)
      try program.check(outputs: outputs, types: types, inputs: inputs, name: "outputs")
      // Memory without elements needs an address too.
      var nothing: UInt8 = 0
      try withUnsafeMutableBytes(of: &nothing) { nothing in
        let pointers = outputs.map { $0.pointer ?? nothing.baseAddress.unsafelyUnwrapped }
        try pointers.withUnsafeBufferPointer { try program.run(inputs, rows: indices, outputs: $0) }
      }
    }
  }
}
