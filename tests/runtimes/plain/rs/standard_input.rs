use std::io::{self, BufRead}; fn main() { let mut s = String::new(); println!("{:?} {}", io::stdin().read_line(&mut s), io::stdin().lock().lines().count()); }
