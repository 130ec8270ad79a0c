#!/usr/bin/env python3
"""Reads cairn's mount, restic's mount and a raw fuser file system in one run, and prints how long that took. See README.md beside this file."""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import compare

ROOT, DATA, CAIRN = compare.ROOT, compare.DATA, compare.CAIRN
EXAMPLES = ROOT / "target" / "release" / "examples"
PASSWORD = "bench"
MIB = 1 << 20


# What is read ----------------------------------------------------------------------------------------------------------------------------------

def noise_file(path, size):
    """Hexadecimal digits of random bytes: compresses 2:1 and repeats nowhere."""
    if path.exists() and path.stat().st_size == size:
        return
    making = path.with_suffix(".making")
    with open(making, "wb") as out:
        for _ in range(size // MIB):
            out.write(os.urandom(MIB // 2).hex().encode())
    making.rename(path)


def many_folder(path, count):
    """A folder tree of empty files, a thousand in each folder."""
    if path.exists():
        return
    making = path.with_suffix(".making")
    shutil.rmtree(making, ignore_errors=True)
    for n in range(count // 1000):
        folder = making / f"{n:04}"
        folder.mkdir(parents=True)
        for m in range(1000):
            os.close(os.open(folder / f"{m:04}", os.O_CREAT | os.O_WRONLY))
    making.rename(path)


# Clients: each runs in a process of its own and prints one JSON line -----------------------------------------------------------------------------

def sequential(path, limit):
    buffer, done = bytearray(MIB), 0
    fd = os.open(path, os.O_RDONLY)
    begin = time.monotonic()
    while done < limit and (n := os.readv(fd, [buffer])):
        done += n
    return {"bytes": done, "seconds": time.monotonic() - begin}


def at_random(path, count, seed):
    """4 KiB reads, each in another 4 MiB of the file, so that no two lie in one block."""
    slots = os.stat(path).st_size // (4 * MIB)
    dice = random.Random(seed)
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)
    times = []
    for slot in dice.sample(range(slots), min(count, slots)):
        offset = slot * 4 * MIB + dice.randrange(1023) * 4096
        begin = time.monotonic()
        os.pread(fd, 4096, offset)
        times.append(time.monotonic() - begin)
    return {"reads": len(times), "p50": statistics.median(times), "p99": statistics.quantiles(times, n=100)[98]}


def small(path, count, seed):
    """Random small files, opened by their names as `find` wrote them down before."""
    names = Path(path).read_text().splitlines()
    chosen = random.Random(seed).sample(names, count)
    begin = time.monotonic()
    for name in chosen:
        fd = os.open(name, os.O_RDONLY)
        while os.read(fd, 256 * 1024):
            pass
        os.close(fd)
    return {"seconds": time.monotonic() - begin}


def stat_loop(path, seconds):
    """How long the slowest of many stats takes; names are known to the kernel, attributes of the root are asked each time."""
    worst, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.monotonic()
        os.stat(path)
        worst = max(worst, time.monotonic() - begin)
        time.sleep(0.005)
    return {"worst": worst}


def listing(path, command):
    begin = time.monotonic()
    subprocess.run(command.replace("HERE", f"'{path}'"), shell=True, check=True, stdout=subprocess.DEVNULL)
    return {"seconds": time.monotonic() - begin}


CLIENTS = {f.__name__: f for f in (sequential, at_random, small, stat_loop, listing)}


def client(name, *words):
    """Starts a client; its answer comes from `answer`."""
    return subprocess.Popen([sys.executable, __file__, "--client", name, *map(str, words)], stdout=subprocess.PIPE, text=True)


def answer(child):
    out, _ = child.communicate()
    if child.returncode:
        sys.exit(f"a client failed with {child.returncode}")
    return json.loads(out)


def ask(name, *words):
    return answer(client(name, *words))


# Mounts ----------------------------------------------------------------------------------------------------------------------------------------

class Mount:
    """A mount in the foreground; `root` is the source's place in it."""

    def __init__(self, command, place, root, env):
        self.place = place
        place.mkdir(parents=True, exist_ok=True)
        self.log = open(DATA / "mount.log", "ab")
        self.child = subprocess.Popen([str(c) for c in command], env={**os.environ, **env}, stdout=self.log, stderr=self.log)
        for _ in range(600):
            if os.path.ismount(place) or self.child.poll() is not None:
                break
            time.sleep(0.05)
        self.root = root(place)

    def status(self, key):
        for line in Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1]) / 1024
        return 0

    def cpu(self):
        words = Path(f"/proc/{self.child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        subprocess.run(["umount", "-l", str(self.place)], check=False)
        try:
            self.child.wait(30)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class CairnMount(compare.Cairn):
    def __init__(self, scratch):
        super().__init__(scratch)
        self.scratch = scratch

    def mount(self, source):
        def root(place):
            job = next((place / "by-job").glob("*/bench"))
            return Path(f"{job}/latest{source}")

        return Mount([CAIRN, "--repo", self.repo, "mount", "--foreground", self.scratch / "mnt"], self.scratch / "mnt", root, self.env)

    def far(self, source, latency, bandwidth, cache):
        def root(place):
            job = next((place / "by-job").glob("*/bench"))
            return Path(f"{job}/latest{source}")

        password = self.scratch / "password"
        password.write_text(PASSWORD)
        command = [EXAMPLES / "far", self.repo, password, cache, self.scratch / "mnt", latency, bandwidth]
        return Mount(command, self.scratch / "mnt", root, self.env)


class ResticMount(compare.Restic):
    def __init__(self, scratch):
        super().__init__(scratch)
        self.scratch = scratch

    def mount(self, source):
        root = lambda place: Path(f"{place}/snapshots/latest{source}")
        return Mount(["restic", "-q", "-r", self.repo, "mount", self.scratch / "mnt"], self.scratch / "mnt", root, self.env)


class RawMount:
    name = "raw fuser"

    def __init__(self, scratch):
        self.scratch = scratch

    def mount(self, _):
        command = [EXAMPLES / "raw", self.scratch / "mnt", 10_000, 10, 10 << 30]
        return Mount(command, self.scratch / "mnt", lambda place: place, {})


# The rows --------------------------------------------------------------------------------------------------------------------------------------

def prepared(make, source, scratch, name):
    """A repository with one point of a source, kept for the next run."""
    place = scratch / f"{name}-{make.name}"
    tool = make(place)
    if not (place / "done").exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        tool.init()
        tool.backup(source)
        (place / "done").touch()
    return tool


def warm(folder):
    """The stored bytes are local: in the page cache of the machine. What else is in it goes first: a reader for whom the kernel
    must find room pays for pages that the preparation left behind, up to three times the mount's own work."""
    subprocess.run(["sync"], check=True)
    Path("/proc/sys/vm/drop_caches").write_text("3")
    warm_again(folder)


def warm_again(folder):
    """Before each row: a kernel may page out what nobody has read for half a minute, and then the row measures the disk."""
    subprocess.run(["sh", "-c", f"find '{folder}' -type f -exec cat {{}} + > /dev/null"], check=True)


def stored_is_warm(tool):
    if tool.name != "raw fuser":
        warm_again(tool.repo)


def tree_rows(tool, source, names):
    rows = {}
    stored_is_warm(tool)
    with tool.mount(source) as mount:
        tree = mount.root / "tree" if tool.name == "raw fuser" else mount.root
        rows["find, s"] = ask("listing", tree, "find HERE")["seconds"]
        rows["find again, s"] = ask("listing", tree, "find HERE")["seconds"]
    stored_is_warm(tool)
    with tool.mount(source) as mount:
        tree = mount.root / "tree" if tool.name == "raw fuser" else mount.root
        rows["ls -lR, s"] = ask("listing", tree, "ls -lR HERE")["seconds"]
        rows["ls -lR again, s"] = ask("listing", tree, "ls -lR HERE")["seconds"]
    stored_is_warm(tool)
    with tool.mount(source) as mount:
        tree = mount.root / "tree" if tool.name == "raw fuser" else mount.root
        subprocess.run(f"find '{tree}' -type f > '{names}'", shell=True, check=True)
        begin = mount.cpu()
        rows["1000 random small files, s"] = ask("small", names, 1000, 1)["seconds"]
        rows["... its CPU s"] = mount.cpu() - begin
    return rows


def large_rows(tool, source, big, huge):
    rows = {}
    raw = tool.name == "raw fuser"
    stored_is_warm(tool)
    with tool.mount(source) as mount:
        path = mount.root / ("file" if raw else big)
        begin = mount.cpu()
        first = ask("sequential", path, 1 << 30)
        rows["sequential, first pass, MB/s"] = first["bytes"] / 1e6 / first["seconds"]
        rows["... CPU s per GB of the mount"] = (mount.cpu() - begin) / (first["bytes"] / 1e9)
        again = ask("sequential", path, 1 << 30)
        rows["sequential, again, MB/s"] = again["bytes"] / 1e6 / again["seconds"]
    stored_is_warm(tool)
    with tool.mount(source) as mount:
        path = mount.root / ("file" if raw else huge)
        found = ask("at_random", path, 1000, 1)
        rows["4 KiB random, p50 ms"], rows["4 KiB random, p99 ms"] = found["p50"] * 1e3, found["p99"] * 1e3
    return rows


def far_rows(tool, source, big, huge, latency=50, bandwidth=80):
    rows = {}
    cache = tool.scratch / "far-cache"
    stored_is_warm(tool)
    with tool.far(source, latency, bandwidth, cache) as mount:
        path = mount.root / huge
        os.stat(path)
        found = ask("sequential", path, 2 << 30)
        rows["50 ms away: sequential, MB/s"] = found["bytes"] / 1e6 / found["seconds"]
    stored_is_warm(tool)
    with tool.far(source, latency, bandwidth, cache) as mount:
        path = mount.root / huge
        os.stat(path)
        begin = time.monotonic()
        readers = [client("at_random", path, 100, n) for n in range(32)]
        stats = client("stat_loop", path, 6)
        reads = sum(answer(r)["reads"] for r in readers)
        rows["50 ms away: 32 random readers, reads/s"] = reads / (time.monotonic() - begin)
        rows["... slowest stat beside them, ms"] = answer(stats)["worst"] * 1e3
    return rows


def memory_row(tool, source, huge, many):
    done = tool.repo.parent / "many-done"
    if not done.exists():
        compare.run([CAIRN, "--repo", tool.repo, "-q", "backup", "--job", "many", many], tool.env)
        done.touch()
    with tool.mount(source) as mount:
        ask("sequential", mount.root / huge, 10 << 30)
        job = next((mount.place / "by-job").glob("*/many"))
        ask("listing", f"{job}/latest{many}", "find HERE")
        return {"after 10 GB and 1 M entries: RSS MB": mount.status("VmHWM"), "... of it anonymous": mount.status("RssAnon")}


GATES = {
    "find, s": ("<=", 0.6), "ls -lR, s": ("<=", 1.5), "1000 random small files, s": ("<=", 0.12),
    "sequential, first pass, MB/s": (">=", 800), "sequential, again, MB/s": (">=", 2000), "4 KiB random, p50 ms": ("<=", 0.25),
    "50 ms away: sequential, MB/s": (">=", 400), "50 ms away: 32 random readers, reads/s": (">=", 350),
    "... slowest stat beside them, ms": ("<=", 50), "after 10 GB and 1 M entries: RSS MB": ("<=", 300),
}


def table(columns):
    names = list(columns)
    lines = [f"| {' | '.join(['row', *names, 'gate', ''])} |", "|" + "---|" * (len(names) + 3)]
    for row in dict.fromkeys(r for rows in columns.values() for r in rows):
        cells = [columns[n].get(row) for n in names]
        ours, theirs = columns.get("cairn", {}).get(row), columns.get("restic", {}).get(row)
        sign, gate = GATES.get(row, ("", None))
        missed = gate is not None and ours is not None and (ours > gate if sign == "<=" else ours < gate)
        less_is_better = "MB/s" not in row and "reads/s" not in row
        worse = ours is not None and theirs is not None and (ours > theirs if less_is_better else ours < theirs)
        notes = ", ".join(word for word, is_so in (("**misses the gate**", missed), ("**worse**", worse)) if is_so)
        shown = ["" if c is None else f"{c:,.3g}" if c < 100 else f"{c:,.0f}" for c in cells]
        lines.append(f"| {row} | {' | '.join(shown)} | {f'{sign} {gate}' if gate else ''} | {notes} |")
    return "\n".join(lines)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--write", action="store_true", help="write benches/MOUNT.md")
    options.add_argument("--rows", default="tree,large,far,memory", help="which of tree, large, far, memory")
    options.add_argument("--tools", default="cairn,restic,raw fuser")
    chosen = options.parse_args()
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet", "-p", "cli"], cwd=ROOT, check=True)
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet", "-p", "fusefs", "--examples"], cwd=ROOT, check=True)
    DATA.mkdir(parents=True, exist_ok=True)
    compare.collect_small(DATA / "small", 100_000)
    large = DATA / "mount-large"
    large.mkdir(exist_ok=True)
    noise_file(large / "huge", 10 << 30)
    if "memory" in chosen.rows:
        many_folder(DATA / "mount-many", 1_000_000)
    scratch = DATA / "mounts"
    scratch.mkdir(exist_ok=True)
    load = os.getloadavg()[0]
    columns = {}
    for make in (CairnMount, ResticMount, RawMount):
        if make.name not in chosen.tools.split(","):
            continue
        rows = columns.setdefault(make.name, {})
        raw = make is RawMount
        if "tree" in chosen.rows:
            tool = RawMount(scratch / "raw") if raw else prepared(make, DATA / "small", scratch, "small")
            if not raw:
                warm(tool.repo)
            rows |= tree_rows(tool, DATA / "small", scratch / "names")
        if not {"large", "far", "memory"} & set(chosen.rows.split(",")):
            continue
        tool = RawMount(scratch / "raw") if raw else prepared(make, large, scratch, "large")
        if not raw:
            warm(tool.repo)
        if "large" in chosen.rows:
            rows |= large_rows(tool, large, "huge", "huge")
        if "far" in chosen.rows and make is CairnMount:
            rows |= far_rows(tool, large, "huge", "huge")
        if "memory" in chosen.rows and make is CairnMount:
            rows |= memory_row(tool, large, "huge", DATA / "mount-many")
    text = "\n".join([
        "# Results of the mount", "",
        "Made by `benches/mount.py --write`; read `README.md` beside it for the rules and `mount-profile.md` for why a gate is missed.", "",
        f"{time.strftime('%Y-%m-%d')}, {compare.machine()}, load before the run {load:.1f}.  ",
        f"{compare.Cairn.version()}; {compare.Restic.version()}.", "", table(columns), ""])
    print(text)
    if chosen.write:
        (ROOT / "benches" / "MOUNT.md").write_text(text)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--client"]:
        name, path, *numbers = sys.argv[2:]
        words = numbers if name == "listing" else [int(n) for n in numbers]
        print(json.dumps(CLIENTS[name](path, *words)))
    else:
        main()
