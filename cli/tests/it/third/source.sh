# Fills the current folder with every kind of item, and with what the programs of the table need: a git repository, a
# database, a program. Run by source.rs.
set -euo pipefail
export LC_ALL=C GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null

mkdir plain special links links/deeper many wide closed empty flaws bin git db
noise() { openssl enc -aes-128-ctr -nosalt -K "$(printf '%032x' "$1")" -iv 0 </dev/zero 2>/dev/null | head -c "$2" || true; }

# Contents, names, times.
: >plain/none
noise 1 11 >plain/small
noise 2 4096 >plain/page
noise 3 300001 >plain/chunks
noise 4 9000000 >plain/large
for name in $'two\nlines' $'not \xff utf-8 \xfe' ' blanks ' 'größe' '-rf' 'a:b*c?' "$(printf 'n%.0s' {1..255})"; do
  printf 'named %s' "$name" >"plain/$name"
done
touch -d '1969-12-31 00:00:00.123456789 UTC' plain/small
touch -d '2101-02-03 04:05:06.000000007 UTC' plain/page
(cd many && seq -f '%05.0f' 0 2999 | xargs touch && for n in 00000 01499 02999; do echo "$n" >"$n"; done)
noise 9 100000 | split -b 1777 -d -a 2 --additional-suffix=.bin - wide/
deep=deep
for n in {0..119}; do deep+=/level-$n; done
mkdir -p "$deep" && echo 'down here' >"$deep/bottom"

# Special files and links.
mkfifo -m 640 special/fifo
mknod special/null c 1 3
mknod special/disk b 259 70000
ln -s ../plain/small links/relative
ln -s '/nowhere at all' links/dangling
ln -s .. links/up
ln -s "$(printf 't%.0s' {1..1000})" links/long
echo 'three names' >links/zz-first-written
ln links/zz-first-written links/b
ln links/zz-first-written links/deeper/a

# Sparse: hole, data, hole, data, hole.
truncate -s 9M sparse
noise 5 70000 | dd of=sparse bs=4096 seek=256 conv=notrunc status=none
noise 6 4096 | dd of=sparse bs=4096 seek=1280 conv=notrunc status=none

# Owners, modes, attributes, access lists.
for name in secret listed barred run attributes capable; do echo "this is $name" >"closed/$name"; done
chmod 600 closed/secret
chmod 640 closed/listed && setfacl -m u:nobody:r closed/listed
chmod 644 closed/barred && setfacl -m u:nobody:- closed/barred
chown 1234:4321 closed/run && chmod 6755 closed/run
mkdir closed/heirs && setfacl -d -m u:nobody:rx,g:4321:rwx closed/heirs
setfattr -n user.colour -v green closed/attributes
setfattr -n user.bytes -v 0x00ff00 closed/attributes
setfattr -n user.empty closed/attributes
setfattr -n user.long -v "$(printf 'v%.0s' {1..2000})" closed/attributes
setfattr -n trusted.secret -v 'for root' closed/attributes
setfattr -n user.folder -v yes closed/heirs
setfattr -h -n trusted.link -v yes links/relative
setcap cap_net_raw+ep closed/capable

# Programs' own data.
cp "$(command -v sha256sum)" bin/sha256sum
git -C git -c init.defaultBranch=main init -q
commit() { git -C git add . && git -C git -c user.name=n -c user.email=e -c gc.auto=0 commit -q -m "$1"; }
cp -r wide git/ && commit packed && git -C git gc -q
echo loose >git/loose && commit loose
sqlite3 db/rows.db 'pragma page_size = 4096; create table t (n integer primary key, b text);
  with recursive s(n) as (select 1 union all select n + 1 from s where n < 2000) insert into t select n, hex(n * n) || printf("%0100d", n) from s;
  create index by_b on t (b);' >/dev/null

# What the broken twin has wrong, here as it is right; source.rs breaks and mends.
cd flaws
for name in byte mode owner time xattr acl; do echo "this is the right $name" >"$name"; done
chmod 600 mode
touch -d '2020-02-02 02:02:02.2 UTC' time
setfattr -n user.flaw -v right xattr
setfacl -m u:nobody:- acl
{ noise 7 65536; head -c 65536 /dev/zero; noise 8 65536; } >hole && fallocate -p -o 65536 -l 65536 hole
echo one >link-a && ln link-a link-b
ln -s right symlink
mknod device c 7 7
echo named >name-right
cp ../closed/run capability && setcap cap_net_raw+ep capability
