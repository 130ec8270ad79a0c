#!/usr/bin/env python3
"""Copies one repository into another of large packs, with cairn and with restic, and prints what each costs. See README.md beside this file."""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

import compare

ROOT, DATA, CAIRN = compare.ROOT, compare.DATA, compare.CAIRN
GB = 1e9


def cairn_json(words, env):
    """Runs cairn with --json; its summary."""
    done = subprocess.run([str(w) for w in [CAIRN, *words, "--json"]], env={**os.environ, **env}, capture_output=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def stored(folder):
    return sum(p.stat().st_size for p in Path(folder).rglob("*") if p.is_file())


def measured(source, target, start, copy, env, times):
    """The median by CPU seconds of copies into fresh targets. Before each the source is read once, so that it is in the page cache, and memory is touched:
    under a hypervisor the first touch of a page can cost ten times a write to it, and whoever came first would pay for all."""
    costs = []
    for _ in range(times):
        shutil.rmtree(target, ignore_errors=True)
        compare.run(start, env)
        subprocess.run(["sh", "-c", f"find '{source}' -type f -exec cat {{}} + > /dev/null"], check=True)
        subprocess.run([sys.executable, "-c", TOUCH], check=True)
        costs.append(compare.run(copy, env))
    return sorted(costs, key=lambda cost: cost.cpu)[times // 2]


TOUCH = """
import mmap
m = mmap.mmap(-1, 8 << 30)
for at in range(0, len(m), 4096):
    m[at] = 1
"""


def cairn(scratch, sources, rows):
    source, cache = scratch / "cairn", scratch / "cairn-cache"
    env = {"CAIRN_PASSWORD": "bench", "CAIRN_CACHE_DIR": str(cache), "CAIRN_STATE_DIR": str(scratch / "cairn-state")}
    compare.run([CAIRN, "--repo", source, "init"], env)
    compare.run([CAIRN, "--repo", source, "backup", *sources], env)
    bytes_stored = stored(source / "data") + stored(source / "meta")
    for name, words, times in [("copy", [], 3), ("copy --verify=full", ["--verify=full"], 3), ("copy --regroup 9", ["--regroup", "9"], 1)]:
        target = scratch / "copies"
        start = [CAIRN, "--repo", target, "init", "--class", "copy", "--from", source]
        cost = measured(source, target, start, [CAIRN, "--repo", source, "copy", "--to", target, *words], env, times)
        # What it asked for, from a run of its own: --json changes nothing else.
        shutil.rmtree(target)
        compare.run(start, env)
        told = cairn_json(["--repo", source, "copy", "--to", target, *words], env)
        packs = [p.stat().st_size for p in (target / "data").rglob("*") if p.is_file()]
        rows.append((f"cairn {name}", cost, told, stored(target), packs, bytes_stored))
        shutil.rmtree(target)


def restic(scratch, sources, rows):
    source, target = scratch / "restic", scratch / "restic-copies"
    env = {"RESTIC_PASSWORD": "bench", "RESTIC_FROM_PASSWORD": "bench", "RESTIC_CACHE_DIR": str(scratch / "restic-cache")}
    compare.run(["restic", "init", "--repository-version", "2", "-r", source], env)
    compare.run(["restic", "-r", source, "backup", *sources], env)
    start = ["restic", "-r", target, "init", "--repository-version", "2", "--from-repo", source, "--copy-chunker-params"]
    cost = measured(source, target, start, ["restic", "-r", target, "copy", "--from-repo", source, "--pack-size", "128"], env, 3)
    packs = [p.stat().st_size for p in (target / "data").rglob("*") if p.is_file()]
    rows.append(("restic copy --pack-size 128", cost, None, stored(target), packs, stored(source / "data")))


def table(rows, size):
    base = next(cost for name, cost, *_ in rows if name.startswith("restic"))
    lines = [
        "| | CPU s | MB of source a CPU s | times restic | wall s | RSS MB (anonymous) | result GB | largest pack MB | GET/GB | PUT/GB of data packs | other PUTs |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, cost, told, result, packs, read in rows:
        asked = "| | "
        if told is not None:
            others = told["requests_target"]["put"] - len(packs)
            asked = f"{told['requests_source']['get'] / (read / GB):.0f} | {len(packs) / (sum(packs) / GB):.1f} | {others}"
        lines.append(
            f"| {name} | {cost.cpu:.1f} | {size / 1e6 / cost.cpu:.0f} | {base.cpu / cost.cpu:.1f} | {cost.wall:.1f} | {cost.rss:.0f} ({cost.anon:.0f}) "
            f"| {result / GB:.2f} | {max(packs) / 1e6:.1f} | {asked} |"
        )
    return "\n".join(lines)


def gates(rows, size):
    base = next(cost for name, cost, *_ in rows if name.startswith("restic"))
    _, cost, told, _, packs, read = next(row for row in rows if row[0] == "cairn copy")
    times, gets = base.cpu / cost.cpu, told["requests_source"]["get"] / (read / GB)
    puts, alike = len(packs) / (sum(packs) / GB), lambda is_met: "met" if is_met else "**missed**"
    return "\n".join([
        "| gate of `cairn copy` | measured | wanted | |", "|---|---|---|---|",
        f"| bytes per CPU second, beside restic's | {times:.1f} times | >= 10 | {alike(times >= 10)} |",
        f"| RSS | {cost.rss:.0f} MB | < 400 | {alike(cost.rss < 400)} |",
        f"| GET a GB read | {gets:.0f} | about 200 | {alike(gets < 250)} |",
        f"| PUT a GB of data packs | {puts:.1f} | about 4 | {alike(puts < 5)} |",
    ])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the data")
    parser.add_argument("--write", action="store_true", help="write COPY.md")
    arguments = parser.parse_args()
    subprocess.run(["cargo", "build", "--release", "--locked", "-p", "cli"], cwd=ROOT, check=True)
    small, large = (10_000, 400_000_000) if arguments.quick else (100_000, 4_200_000_000)
    suffix = "-quick" if arguments.quick else ""
    sources = [DATA / f"small{suffix}", DATA / f"copy-large{suffix}"]
    DATA.mkdir(exist_ok=True)
    compare.collect_small(sources[0], small)
    compare.collect_large(sources[1], large)
    files, size = map(sum, zip(*map(compare.tree_size, sources)))
    scratch = DATA / "copy-scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    rows = []
    restic(scratch, sources, rows)
    shutil.rmtree(scratch / "restic-copies")
    shutil.rmtree(scratch / "restic")
    cairn(scratch, sources, rows)
    shutil.rmtree(scratch)
    version = subprocess.run(["restic", "version"], capture_output=True, text=True, check=True).stdout.strip()
    text = f"""# Results of copies

Made by `benches/copies.py --write`; read `README.md` beside it for the rules.

{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, Linux {platform.release()}, load before the run {os.getloadavg()[0]:.1f}. {version}.  
{files:,} files, {size / GB:.2f} GB; encrypted; both repositories on the local disk. GET counts the source's requests a GB that it holds. The other
PUTs (packs of metadata, segments, log entries, the manifest) belong to one copy, and hardly grow with it. restic opens, decodes and encodes each blob again; cairn carries blocks as they are, authenticated, and with
`--verify=full` decodes and hashes them as well.

{table(rows, size)}

{gates(rows, size)}
"""
    print(text)
    if arguments.write:
        (ROOT / "benches" / "COPY.md").write_text(text)


if __name__ == "__main__":
    sys.exit(main())
