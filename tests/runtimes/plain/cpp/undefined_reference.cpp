#include <iostream>
struct Shape { virtual double area() const; virtual ~Shape(); };
extern int elsewhere;
int main() { Shape s; std::cout << s.area() << elsewhere; }
