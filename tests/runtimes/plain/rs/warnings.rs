use std::collections::HashMap;
fn unused() {}
fn main() { let mut x = 3; let y = 4; println!("{}", x); }
