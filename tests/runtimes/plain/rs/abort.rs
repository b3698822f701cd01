fn main() { println!("{} {} {}", file!(), line!(), module_path!()); std::process::abort(); }
