mod helper;
mod util;

const TEXT: &str = include_str!("note.txt");

fn main() {
    println!("{} {} {}", helper::twice(4), util::deep::name(), TEXT.trim());
}
