import Testing

struct GraphTests {}
