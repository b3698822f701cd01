enum Color { Red, Green = 5, Blue }
const enum Direct { Up = 'u' }
namespace Inner { export const a = 1; export namespace Deep { export const b = 2; } }
console.log(Color, Color[5], Inner.a + Inner.Deep.b);
