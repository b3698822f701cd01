template <class T> struct Vec { T a, b; T sum() const { return a + b; } };
