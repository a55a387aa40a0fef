//! t
use isolation_harness::{
    campaign::{CaseKind, Profile, cases},
    engine::run_case,
    target::reference::{Link, Reference},
    verify::block_on,
};
fn main() {
    let b = Profile::Quick.budget();
    let t =
        Reference::new(if std::env::args().nth(1).as_deref() == Some("http") { Link::Http } else { Link::InProcess });
    let mut v: Vec<(u128, String, u64)> = vec![];
    for c in cases(1, isolation_harness::campaign::Budget { rounds: 1, random_cases: 20, ..b }) {
        let (w, s) = c.steps(b);
        let i = std::time::Instant::now();
        let o = block_on(run_case(&t, &w, &s)).unwrap().unwrap();
        v.push((
            i.elapsed().as_micros(),
            match c.kind {
                CaseKind::Directed { of_move } => of_move,
                CaseKind::Random => "random".into(),
            },
            o.requests,
        ));
    }
    v.sort();
    println!("total {} median {}", v.iter().map(|x| x.0).sum::<u128>(), v[v.len() / 2].0);
    for x in v.iter().rev().take(45) {
        println!("{:?}", x);
    }
}
