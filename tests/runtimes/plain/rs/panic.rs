struct Loud;
impl Drop for Loud { fn drop(&mut self) { println!("dropped"); } }
fn main() {
    let _loud = Loud;
    let items: Vec<i32> = vec![1];
    println!("before");
    println!("{}", items[items.len() + 3]);
}
