//! A mount that lives on while the packs of what it shows are packed anew and deleted.

use crate::support::{Home, Run, noise, tree};
use crate::third::can_mount;
use std::fs::File;
use std::io::Read;

#[test]
fn a_live_mount_reads_on_when_packs_of_a_live_point_were_repacked_and_swept() {
    if !can_mount() {
        return;
    }
    let home = Home::with_repository();
    for n in 0..60 {
        home.write(&format!("src/d{}/{n}", n % 3), &noise(20_000, n));
    }
    home.write("src/large", &noise(3_000_000, 77));
    let first = home.backup();
    // Half of the first pack is dead once the first point is.
    for n in (0..60).step_by(2) {
        home.write(&format!("src/d{}/{n}", n % 3), &noise(20_000, 1000 + n));
    }
    let second = home.backup();
    std::fs::create_dir(home.path("mnt")).unwrap();
    let mnt = home.text("mnt");
    home.ok(["mount", &mnt]);
    let seen = std::panic::catch_unwind(|| {
        let shown = home.path("mnt/by-id").join(&second).join(home.text("src").trim_start_matches('/'));
        let mut held = File::open(shown.join("d1/1")).unwrap();
        let expiry = home.summary(["expire", "plan", &first]);
        home.ok(["expire", "apply", expiry["plan"].as_str().unwrap(), &first]);
        let options = ["--grace", "0", "--no-readers", "--repack-above", "1%"];
        let plan = home.summary(["gc", "plan"].iter().chain(&options));
        let mut apply = home.command(["gc", "apply", plan["plan"].as_str().unwrap(), "--json"].iter().chain(&options));
        let collected = Run::of(&mut apply).expect(0).last();
        let number = |key: &str| collected[key].as_u64().unwrap();
        assert!(number("packs_repacked") > 0 && number("objects_deleted") > number("packs_repacked"), "{collected}");
        let mut bytes = Vec::new();
        held.read_to_end(&mut bytes).unwrap();
        assert!(bytes == noise(20_000, 1), "a handle that was open before");
        assert!(tree(&shown) == tree(&home.path("src")), "the whole live point");
    });
    home.run(["umount", &mnt]);
    seen.unwrap();
    home.ok(["check", "--read-data"]);
}
