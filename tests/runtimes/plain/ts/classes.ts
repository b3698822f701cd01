abstract class Base<T> {
  static made = 0;
  #secret = 1;
  protected constructor(public value: T) { Base.made++; }
  abstract show(): string;
  get secret() { return this.#secret; }
}
class Derived extends Base<number> { constructor() { super(7); } show() { return `${this.value} ${this.secret}`; } }
console.log(new Derived().show(), Base.made, new Derived());
