//! Metadata is damaged in one place: every folder beside it still comes back.

use super::Rig;
use super::rig::{contents, names_of};
use bytes::Bytes;
use engine::store::{Memory, StoreExt};
use std::sync::Arc;

#[test]
fn folders_beside_a_damaged_one_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let memory = Arc::new(Memory::new());
    let rig = Rig::new(folder.path(), memory.clone());
    for n in 0..3000u32 {
        let name = blake3::hash(&n.to_le_bytes()).to_hex();
        rig.write(format!("d{:02}/{name}{name}{n}", n % 30), format!("{n}").as_bytes());
    }
    rig.back_up().unwrap();
    let wanted = contents(&rig.source);
    let name = names_of(&*memory).into_iter().find(|n| n.as_str().starts_with("meta/")).unwrap();
    let pack = memory.get(&name).unwrap();
    let mut partly = 0;
    for place in [1, 3, 5, 7] {
        let mut damaged = pack.to_vec();
        damaged[pack.len() * place / 10] ^= 1;
        memory.replace(&name, Bytes::from(damaged));
        let target = tempfile::tempdir().unwrap();
        let (done, warnings) = rig.restore("latest", target.path());
        let found = contents(target.path());
        assert!(found.iter().all(|(path, bytes)| wanted.get(path) == Some(bytes)));
        match done {
            Ok(_) => {
                assert!(!warnings.is_empty() && warnings.iter().all(|w| w.contains(name.as_str())), "{warnings:?}");
                let lost = wanted.len() - found.len();
                assert!(lost > 0 && lost < wanted.len() / 2, "{lost} of {} lost at {place}/10", wanted.len());
                partly += 1;
            }
            Err(e) => assert!(e.to_string().contains(name.as_str()), "{e}"),
        }
    }
    println!("{partly} of 4 damages left most folders");
    assert!(partly >= 2);
    memory.replace(&name, pack);
    rig.expect_healthy();
}
