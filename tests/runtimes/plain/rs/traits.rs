use std::collections::BTreeMap;
use std::fmt;
trait Shape { fn area(&self) -> f64; }
#[derive(Debug, Clone, PartialEq)]
struct Square { side: f64 }
impl Shape for Square { fn area(&self) -> f64 { self.side * self.side } }
impl fmt::Display for Square { fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result { write!(f, "<{:.1}>", self.side) } }
fn main() {
    let shapes: Vec<Box<dyn Shape>> = vec![Box::new(Square { side: 2.0 })];
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for word in "b a b".split_whitespace() { *counts.entry(word).or_insert(0) += 1; }
    println!("{} {:?} {} {:#?}", shapes[0].area(), counts, Square { side: 1.0 }, Square { side: 1.5 });
}
