//! `charmer compose`, when all goes well.

use super::harbour::Harbour;

#[test]
fn explore() {
    let harbour = Harbour::new();
    let (ran, compose) = harbour.compose(&[]);
    println!("{ran}");
    for path in compose.tree("").keys() {
        println!("{path}");
    }
    println!("{}", compose.read("logs/global/charmer.log"));
    println!("{:?}", compose.packages("Extra", "amd64"));
    println!("{:?}", compose.done());
}
