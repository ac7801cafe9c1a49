import Testing

struct CompilerTests {}
