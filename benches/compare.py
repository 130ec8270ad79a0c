#!/usr/bin/env python3
"""Runs cairn and restic over the same real files and prints what each costs. See README.md beside this file."""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "benches" / ".data"
CAIRN = ROOT / "target" / "release" / "cairn"
SMALL_SOURCES = ["/usr/share/doc", "/usr/lib/python3", "/usr/include", "/usr/share", "/usr/lib"]
SMALL_BYTES_MAX = 256 * 1024


class Cost:
    """What one command cost: seconds on the clock, CPU seconds of it and its children, peak memory in MB."""

    def __init__(self, wall, cpu, rss, anon):
        self.wall, self.cpu, self.rss, self.anon = wall, cpu, rss, anon


def run(command, env):
    """Runs a command and measures it; its output is shown only when it fails."""
    os.sync()
    peak = [0]
    done = threading.Event()
    begin = time.monotonic()
    child = subprocess.Popen([str(c) for c in command], env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def watch():
        while not done.is_set():
            try:
                for line in Path(f"/proc/{child.pid}/status").read_text().splitlines():
                    if line.startswith("RssAnon:"):
                        peak[0] = max(peak[0], int(line.split()[1]))
            except OSError:
                return
            done.wait(0.01)

    watcher = threading.Thread(target=watch)
    watcher.start()
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    done.set()
    watcher.join()
    if child.returncode not in (0, 3):
        sys.exit(f"{' '.join(map(str, command))} failed with {child.returncode}:\n{output.decode(errors='replace')[-2000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, peak[0] / 1024)


def small_files():
    """Real small files: documentation, Python, headers, and the sources of the crates that cargo has unpacked."""
    registry = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo")) / "registry" / "src"
    for top in [*SMALL_SOURCES, str(registry)]:
        for folder, folders, names in os.walk(top):
            folders.sort()
            for name in sorted(names):
                path = Path(folder) / name
                if path.is_file() and not path.is_symlink() and 0 < path.stat().st_size <= SMALL_BYTES_MAX:
                    yield path


def collect_small(target, count):
    if target.exists():
        return
    making = target.with_suffix(".making")
    shutil.rmtree(making, ignore_errors=True)
    seen, made = set(), 0
    for path in small_files():
        if made == count:
            break
        if path in seen:
            continue
        seen.add(path)
        place = making / str(path).lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, place)
        made += 1
    if made < count:
        print(f"only {made} small files are on this machine", file=sys.stderr)
    making.rename(target)


def large_files():
    """The largest real files of this machine, and one archive of its libraries."""
    found = []
    for top in ["/usr/lib", "/usr/bin", "/usr/local", str(Path.home() / ".rustup")]:
        for folder, _, names in os.walk(top):
            for name in names:
                path = Path(folder) / name
                if path.is_file() and not path.is_symlink() and path.stat().st_size > 8_000_000:
                    found.append(path)
    return sorted(set(found), key=lambda p: (-p.stat().st_size, str(p)))


def collect_large(target, size):
    if target.exists():
        return
    making = target.with_suffix(".making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    total = 0
    for number, path in enumerate(large_files()):
        if total >= size // 2:
            break
        shutil.copy2(path, making / f"{number:02}-{path.name}")
        total += path.stat().st_size
    archive = making / "libraries.tar"
    with open(archive, "wb") as out:
        tar = subprocess.Popen(["tar", "-cf", "-", "-C", "/usr", "lib", "share"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        while total < size and (block := tar.stdout.read(min(1 << 20, size - total))):
            out.write(block)
            total += len(block)
        tar.kill()
        tar.wait()
    making.rename(target)


def tree_size(path):
    files = [p for p in Path(path).rglob("*") if p.is_file()]
    return len(files), sum(p.stat().st_size for p in files)


class Cairn:
    name = "cairn"

    def __init__(self, scratch):
        self.repo, self.env = scratch / "cairn", {"CAIRN_PASSWORD": "bench", "CAIRN_CACHE_DIR": str(scratch / "cairn-cache"),
                                                    "CAIRN_STATE_DIR": str(scratch / "cairn-state")}

    def init(self):
        run([CAIRN, "--repo", self.repo, "init"], self.env)

    def backup(self, source):
        return run([CAIRN, "--repo", self.repo, "-q", "backup", "--job", "bench", source], self.env)

    def restore(self, source, target):
        return run([CAIRN, "--repo", self.repo, "-q", "restore", f"latest:{source}", target], self.env)

    def check(self):
        return run([CAIRN, "--repo", self.repo, "-q", "check", "--read-data"], self.env)

    @staticmethod
    def version():
        return subprocess.run([CAIRN, "--version"], capture_output=True, text=True, check=True).stdout.strip()


class Restic:
    name = "restic"

    def __init__(self, scratch):
        self.repo, self.env = scratch / "restic", {"RESTIC_PASSWORD": "bench", "RESTIC_CACHE_DIR": str(scratch / "restic-cache")}

    def init(self):
        run(["restic", "-q", "-r", self.repo, "init"], self.env)

    def backup(self, source):
        return run(["restic", "-q", "-r", self.repo, "backup", source], self.env)

    def restore(self, source, target):
        return run(["restic", "-q", "-r", self.repo, "restore", "latest", "--target", target], self.env)

    def check(self):
        return run(["restic", "-q", "-r", self.repo, "check", "--read-data"], self.env)

    @staticmethod
    def version():
        return subprocess.run(["restic", "version"], capture_output=True, text=True, check=True).stdout.strip()


def median(costs):
    return sorted(costs, key=lambda c: c.cpu)[len(costs) // 2]


def measure(source, scratch, rounds):
    """All rows of one data set: {row: {tool: Cost or number}}; the tools take turns."""
    rows = {}
    targets = []
    for number in range(rounds):
        for make in (Cairn, Restic):
            place = scratch / f"{source.name}-{number}-{make.name}"
            place.mkdir(parents=True)
            tool = make(place)
            tool.init()
            # One warm pass, so that the first tool does not pay for the disk.
            subprocess.run(["sh", "-c", f"find '{source}' -type f -exec cat {{}} + > /dev/null"], check=True)
            results = {"first backup": tool.backup(source)}
            results["size"] = tree_size(tool.repo)
            time.sleep(0.2)
            tool.backup(source)
            results["nothing changed"] = tool.backup(source)
            target = place / "restored"
            results["restore"] = tool.restore(source, target)
            results["check with all data"] = tool.check()
            for row, cost in results.items():
                rows.setdefault(row, {}).setdefault(make.name, []).append(cost)
            targets.append(place)
            found = subprocess.run(["diff", "-r", "--no-dereference", source, target if make is Cairn else Path(f"{target}{source}")])
            if found.returncode:
                sys.exit(f"{make.name} did not restore what was backed up")
    for place in targets:
        shutil.rmtree(place)
    return rows


def table(title, source, rows):
    files, size = tree_size(source)
    lines = [f"### {title}: {files:,} files, {size / 1e6:,.0f} MB", "",
             "| work | tool | wall s | CPU s | MB/s | MB per CPU s | peak RSS MB | of it anonymous | |", "|---|---|---|---|---|---|---|---|---|"]
    for row, tools in rows.items():
        if row == "size":
            continue
        best = {name: median(costs) for name, costs in tools.items()}
        for name, cost in best.items():
            worse = name == "cairn" and (cost.cpu > best["restic"].cpu or cost.wall > best["restic"].wall or cost.rss > best["restic"].rss)
            rate = f"{files / cost.wall:,.0f} files/s" if row == "nothing changed" else f"{size / 1e6 / cost.wall:.0f}"
            per_cpu = f"{files / cost.cpu:,.0f} files" if row == "nothing changed" else f"{size / 1e6 / cost.cpu:.0f}"
            lines.append(f"| {row} | {name} | {cost.wall:.2f} | {cost.cpu:.2f} | {rate} | {per_cpu} | {cost.rss:.0f} | {cost.anon:.0f} | {'**worse**' if worse else ''} |")
    lines += ["", "| repository | objects | MB | ratio | |", "|---|---|---|---|---|"]
    sizes = {name: results[0] for name, results in rows["size"].items()}
    for name, (objects, stored) in sizes.items():
        worse = name == "cairn" and stored > sizes["restic"][1]
        lines.append(f"| {name} | {objects} | {stored / 1e6:.1f} | {size / stored:.2f} | {'**worse**' if worse else ''} |")
    return "\n".join(lines)


def machine():
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "?")
    memory = next(int(line.split()[1]) for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    return f"{os.cpu_count()} cores ({model}), {memory / 1e6:.0f} GB, Linux {platform.release()}"


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--write", action="store_true", help="write benches/RESULTS.md")
    options.add_argument("--quick", action="store_true", help="a tenth of the data, one round")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--only", choices=["small", "large"])
    chosen = options.parse_args()
    rounds = 1 if chosen.quick else chosen.rounds
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=ROOT, check=True)
    DATA.mkdir(parents=True, exist_ok=True)
    small, large = (DATA / "small-quick", DATA / "large-quick") if chosen.quick else (DATA / "small", DATA / "large")
    collect_small(small, 10_000 if chosen.quick else 100_000)
    collect_large(large, 200_000_000 if chosen.quick else 2_000_000_000)
    scratch = DATA / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    load = os.getloadavg()[0]
    parts = ["# Results", "", "Made by `benches/compare.py --write`; read `README.md` beside it for the rules. A row in which cairn is worse than restic in wall time, CPU time, memory or",
             "size is marked **worse**. MB are 1,000,000 bytes of source. Memory is that of the one process; anonymous memory is what cannot be given back.", "",
             f"{time.strftime('%Y-%m-%d')}, {machine()}, load before the run {load:.1f}, median of {rounds}.  ",
             f"{Cairn.version()}; {Restic.version()}.", ""]
    if chosen.only != "large":
        parts += [table("Small files", small, measure(small, scratch, rounds)), ""]
    if chosen.only != "small":
        parts += [table("Large files", large, measure(large, scratch, rounds)), ""]
    text = "\n".join(parts)
    print(text)
    if chosen.write:
        (ROOT / "benches" / "RESULTS.md").write_text(text + "\n")


if __name__ == "__main__":
    main()
