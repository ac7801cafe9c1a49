// CIntrinsics is a header of static inline functions.
