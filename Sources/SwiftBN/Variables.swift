// swift-format-ignore-file: AlwaysUseLowerCamelCase
// The names are those of swiftbn.h.
import CSwiftBN
import Runtime
import Tensor

/// The object behind a handle, which must not be NULL.
func object<T: AnyObject>(_ handle: OpaquePointer?, _: T.Type, _ argument: String) throws -> T {
  Unmanaged<T>.fromOpaque(UnsafeRawPointer(try required(handle, argument))).takeUnretainedValue()
}

/// A handle that keeps an object alive.
func handle(_ object: some AnyObject) -> OpaquePointer { OpaquePointer(Unmanaged.passRetained(object).toOpaque()) }

func release<T: AnyObject>(_ handle: OpaquePointer?, _: T.Type) {
  if let handle { Unmanaged<T>.fromOpaque(UnsafeRawPointer(handle)).release() }
}

/// A text of the caller's.
func text(_ pointer: UnsafePointer<CChar>?, _ argument: String) throws -> String {
  String(cString: try required(pointer, argument))
}

@c @implementation
public func swiftbn_variable_create(
  _ name: UnsafePointer<CChar>!, _ dtype: swiftbn_dtype, _ rank: Int32, _ shape: UnsafePointer<Int64>!,
  _ variable: UnsafeMutablePointer<OpaquePointer?>!
) -> swiftbn_status {
  guarded {
    let variable = try required(variable, "swiftbn_variable_create: variable")
    let name = try text(name, "swiftbn_variable_create: name")
    variable.pointee = handle(try Variable(name: name, type: type(dtype, rank, shape, "variable \(name)")))
  }
}

@c @implementation
public func swiftbn_variable_destroy(_ variable: OpaquePointer!) { release(variable, Variable.self) }

@c @implementation
public func swiftbn_variable_data(_ variable: OpaquePointer!) -> UnsafeMutableRawPointer! {
  try? object(variable, Variable.self, "").pointer
}

@c @implementation
public func swiftbn_variable_size(_ variable: OpaquePointer!) -> Int {
  (try? object(variable, Variable.self, "").type.byteCount) ?? 0
}
