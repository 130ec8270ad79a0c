//! A mount served on by file servers, on loopback, with folders of their own and nothing of the machine's.

use super::place::Place;
use super::source::flip;
use super::table::{Row, Table};
use crate::support::noise;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

/// SEMANTICS: Checked by others. "Samba and NFS-Ganesha can serve a mount on."
#[test]
fn file_servers_serve_a_mount_and_cannot_write_to_it() {
    let Some(mut place) = Place::new() else { return };
    for n in 0..40 {
        let path = place.source.join(format!("folder {}/größe-{n}.bin", n % 3));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, noise(1 + n * 5000, n as u64 + 1)).unwrap();
    }
    let point = place.back_up();
    place.mount();
    let (shown, twin) = (place.shown(&point), place.folder("twin"));
    let mut table = Table::new();
    for row in [SAMBA, GANESHA] {
        // Somebody else may take the port meanwhile; then the server says so and the row fails.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let twin = copy_with_a_flaw(&place.source, twin.join(row.needs[0]));
        table.run(&row, &place, [&shown, &twin], &[("PORT", &port)]);
    }
    place.unmount();
    table.finish();
}

/// A copy on an ordinary file system, which can be written to.
fn copy_with_a_flaw(source: &Path, twin: PathBuf) -> PathBuf {
    assert!(Command::new("cp").arg("-aT").args([source, &twin]).status().unwrap().success());
    flip(&twin.join("folder 2/größe-20.bin"), 70_000);
    twin
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

/// NFS version 4 alone, and so without a portmapper. Handles of what Ganesha serves are the mount's.
const GANESHA: Row = Row {
    name: "ganesha.nfsd, nfs-ls, nfs-cat, nfs-cp",
    needs: &["ganesha.nfsd", "nfs-ls", "nfs-cat", "nfs-cp"],
    script: r#"
        mkdir recovery fetched
        cat >ganesha.conf <<END
NFS_CORE_PARAM {
    Protocols = 4; NFS_Port = $PORT; Bind_addr = 127.0.0.1;
    Enable_UDP = false; Enable_NLM = false; Enable_RQUOTA = false; mount_path_pseudo = true;
}
NFSv4 { Graceless = true; Minor_Versions = 0; Only_Numeric_Owners = true; RecoveryBackend = fs; RecoveryRoot = $T/recovery; }
EXPORT {
    Export_Id = 1; Path = $M; Pseudo = /shown; Protocols = 4; Access_Type = RW; Squash = None; SecType = sys; Filesystem_Id = 7.7;
    FSAL { Name = VFS; }
}
END
        timeout -k 1 50 ganesha.nfsd -F -f ganesha.conf -L "$T/log" -p "$T/pid" >ganesha.out 2>&1 & ganesha=$!
        trap 'kill $ganesha; wait $ganesha 2>/dev/null' EXIT
        at() { echo "nfs://127.0.0.1/shown/${1-}?version=4&nfsport=$PORT"; }
        for n in {1..100}; do nfs-ls "$(at)" >first 2>&1 && break; kill -0 $ganesha 2>/dev/null || break; sleep 0.1; done
        grep -q 'folder 2' first || { cat first; tail -n 20 log; exit 1; }
        for folder in 'folder 0' 'folder 1' 'folder 2'; do
            (cd "$S/$folder" && stat -c '%A %h %u %g %s %n' *) | sort >expected
            nfs-ls "$(at "$folder")" 2>&1 | awk '{ print $1, $2, $3, $4, $5, $6 }' | sort >listed
            diff expected listed
            for name in "$S/$folder"/*; do
                nfs-cat "$(at "$folder/${name##*/}")" >fetched/it && cmp "$name" fetched/it
            done
        done 2>&1
        nfs-cp first "$(at new)" >answer 2>&1; grep -q 'NFS4ERR_ROFS' answer || { echo "a copy was not refused:"; cat answer; }"#,
    finds: &["folder 2/größe-20.bin", "a copy was not refused"],
};
