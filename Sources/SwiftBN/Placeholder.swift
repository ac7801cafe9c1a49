// SwiftBN
