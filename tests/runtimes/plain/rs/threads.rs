use std::sync::{mpsc, Arc, Mutex};
use std::thread;
fn main() {
    let total = Arc::new(Mutex::new(0));
    let (sender, receiver) = mpsc::channel();
    let handles: Vec<_> = (0..4).map(|i| { let (t, s) = (Arc::clone(&total), sender.clone()); thread::spawn(move || { *t.lock().unwrap() += i; s.send(i).unwrap(); }) }).collect();
    for handle in handles { handle.join().unwrap(); }
    drop(sender);
    println!("{} {}", total.lock().unwrap(), receiver.iter().count());
    println!("{:?}", thread::spawn(|| panic!("in a thread")).join().is_err());
}
