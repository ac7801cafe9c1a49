import Testing

struct RuntimeTests {}
