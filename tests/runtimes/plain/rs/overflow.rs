fn main() { let a = i32::MAX; let b = std::env::args().count() as i32; println!("{}", a + b); }
