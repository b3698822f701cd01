interface Shape { area(): number; name?: string }
class Square implements Shape { constructor(private readonly side: number) {} area() { return this.side ** 2; } }
const shapes: Shape[] = [new Square(2), {area: () => 1}];
type Keys = keyof Shape;
const key: Keys = 'area';
console.log(shapes.map((s) => s.area()), key, shapes[1].name ?? 'none', shapes?.[5]?.area());
