//! A mount served on by Samba, on loopback, with folders of its own and nothing of the machine's.

use super::place::Place;
use super::table::{Row, Table};
use crate::support::noise;
use std::fs;
use std::net::TcpListener;
use std::path::Path;

/// SEMANTICS: Checked by others. "Samba can serve a mount on."
#[test]
fn samba_serves_a_mount_and_cannot_write_to_it() {
    let Some(mut place) = Place::new() else { return };
    for n in 0..40 {
        let name = format!("folder {}/größe-{n}.bin", n % 3);
        let path = place.source.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, noise(1 + n * 5000, n as u64 + 1)).unwrap();
    }
    let point = place.back_up();
    place.mount();
    let shown = place.shown(&point);
    let twin = place.folder("twin");
    copy_with_a_flaw(&place.source, &twin);
    let mut table = Table::new();
    // Somebody else may take the port meanwhile, and then smbd says so and the row fails.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    table.run(&SAMBA, &place, [&shown, &twin], &[("PORT", &port)]);
    place.unmount();
    table.finish();
}

fn copy_with_a_flaw(source: &Path, twin: &Path) {
    let copied = std::process::Command::new("cp").arg("-aT").args([source, twin]).status().unwrap();
    assert!(copied.success());
    super::source::flip(&twin.join("folder 2/größe-20.bin"), 70_000);
}

const SAMBA: Row = Row {
    name: "smbd, smbclient -c 'ls; mget; put; rm'",
    needs: &["smbd", "smbclient"],
    script: r#"
        mkdir lock state cache pid private ncalrpc fetched
        cat >smb.conf <<END
[global]
    server role = standalone server
    interfaces = lo
    bind interfaces only = yes
    disable netbios = yes
    smb ports = $PORT
    lock directory = $T/lock
    state directory = $T/state
    cache directory = $T/cache
    pid directory = $T/pid
    private dir = $T/private
    ncalrpc dir = $T/ncalrpc
    usershare path =
    load printers = no
    printing = bsd
    printcap name = /dev/null
    disable spoolss = yes
    map to guest = Bad User
    unix charset = UTF-8
    log level = 0
[shown]
    path = $M
    guest ok = yes
    guest only = yes
    force user = root
    read only = no
END
        # smbd ends its whole process group when it ends: timeout gives it one, and an end in any case.
        timeout -k 1 50 smbd --foreground --no-process-group --configfile=smb.conf --log-basename="$T" >smbd.out 2>&1 & smbd=$!
        trap 'kill $smbd; wait $smbd 2>/dev/null' EXIT
        client() { LC_ALL=C.UTF-8 smbclient -N -p "$PORT" -s smb.conf //127.0.0.1/shown -c "$1" 2>&1; }
        for n in {1..100}; do client ls >first && break; kill -0 $smbd 2>/dev/null || break; sleep 0.1; done
        grep -q 'folder 2' first || { cat first smbd.out; tail -n 20 log.smbd; exit 1; }
        client 'recurse; prompt off; lcd fetched; mget *' >gotten || cat gotten
        diff -r "$S" fetched
        # Sizes and times of the listing, as the source has them.
        (cd "$S/folder 2" && stat -c '%s %Y' *) | sort >expected
        client 'cd "folder 2"; ls' | awk '/größe-/ { print $3, $0 }' | sed -E 's/^([0-9]+) .* ([A-Z][a-z]{2} [A-Z][a-z]{2} .*)$/\1 \2/' |
            while read -r size time; do echo "$size $(date -d "$time" +%s)"; done | sort >listed
        diff expected listed
        for change in 'put first new' 'rm "folder 2\\größe-20.bin"' 'mkdir new-folder' 'rename "folder 1" "folder 9"'; do
            client "$change" >answer; grep -q 'NT_STATUS_MEDIA_WRITE_PROTECTED' answer || { echo "$change was not refused:"; cat answer; }
        done; true"#,
    finds: &["größe-20.bin differ", "put first new was not refused", "mkdir new-folder was not refused"],
};
