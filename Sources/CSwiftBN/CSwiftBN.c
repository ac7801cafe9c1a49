// CSwiftBN is the public header; its functions are implemented in Sources/SwiftBN.
