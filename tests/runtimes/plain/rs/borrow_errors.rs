fn longest(a: &str, b: &str) -> &str { if a.len() > b.len() { a } else { b } }
fn main() {
    let text = String::from("a");
    let moved = text;
    println!("{} {}", text, moved);
    let n: i32 = "a";
}
